#include "golden_images.h"

#include <math.h>

#include "io/image/transform.h"

static cream_augment_config defaults(void) {
  cream_config config;
  cream_config_defaults(&config);
  return config.augment;
}

static const float mean[3] = {0.5f, 0.4f, 0.3f}, deviation[3] = {0.2f, 0.25f, 0.3f};

static cream_transforms prepared(const cream_augment_config *config, int side) {
  cream_transforms transforms;
  cream_error error;
  if (cream_transforms_init(&transforms, config, side, mean, deviation, &error)) fail_msg("%s", error.text);
  return transforms;
}

/* ---- RandAugment ----------------------------------------------------------------------------------- */

static void apply(int op, double argument, cream_filter filter, const uint8_t *in, uint8_t *out, int width,
                  int height) {
  size_t bytes = (size_t)width * (size_t)height * 3;
  uint8_t *a = malloc(bytes), *b = malloc(bytes);
  assert_true(a && b);
  memcpy(a, in, bytes);
  cream_canvas canvas = {a, b, width, height};
  cream_randaugment_op(op, argument, filter, golden_get("ops.fill")->data, &canvas);
  memcpy(out, canvas.pixels, bytes);
  free(a);
  free(b);
}

static void operations_as_pillow(void **state) {
  (void)state;
  const cream_st_tensor *image = golden_get("ops.picture"), *result;
  int width = (int)image->dims[1], height = (int)image->dims[0], seen[CREAM_RANDAUGMENT_OPS] = {0};
  size_t bytes = (size_t)width * (size_t)height * 3;
  for (int i = 0; (result = golden_get("ops.%d", i)); i++) {
    const double *job = golden_get("ops.%d.job", i)->data;
    int op = (int)job[0];
    uint8_t out[2048];
    char what[80];
    assert_true(bytes <= sizeof out);
    apply(op, cream_randaugment_argument(op, job[1], job[2] != 0, job[3] != 0), (cream_filter)job[4],
          image->data, out, width, height);
    snprintf(what, sizeof what, "%s at %g, filter %g", cream_randaugment_name(op), job[1], job[4]);
    assert_pixels(out, result->data, bytes, 0, what);
    seen[op]++;
  }
  for (int op = 0; op < CREAM_RANDAUGMENT_OPS; op++) assert_true(seen[op] > 0);
}

static void histograms_at_the_edge(void **state) {
  (void)state;
  const char *const names[] = {"narrow", "plain"};
  for (int p = 0; p < 2; p++) {
    const cream_st_tensor *image = golden_get("ops.%s", names[p]);
    int width = (int)image->dims[1], height = (int)image->dims[0];
    for (int op = 0; op < 2; op++) {
      uint8_t out[2048];
      const char *name = cream_randaugment_name(op);
      apply(op, 0, CREAM_FILTER_BILINEAR, image->data, out, width, height);
      assert_pixels(out, golden_get("ops.%s.%s", names[p], name)->data, (size_t)(width * height * 3), 0,
                    name);
    }
  }
}

static void arguments(void **state) {
  (void)state;
  const struct {
    const char *name;
    double magnitude;
    bool increasing, negate;
    double expected;
  } cases[] = {
      {"Rotate", 10, false, true, -30},     {"Rotate", 9, true, false, 27},
      {"Posterize", 9, false, false, 3},    {"Posterize", 9, true, false, 1},
      {"Posterize", 10, true, false, 0},    {"Solarize", 10, false, false, 256},
      {"Solarize", 9, true, false, 26},     {"SolarizeAdd", 9, false, false, 99},
      {"Color", 9, false, true, 1.72},      {"Color", 10, true, true, 0.1},
      {"Contrast", 5, true, false, 1.45},   {"ShearX", 9, false, true, -0.27},
      {"TranslateYRel", 10, true, 0, 0.45},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    int op = 0;
    while (strcmp(cream_randaugment_name(op), cases[i].name) != 0) assert_true(++op < CREAM_RANDAUGMENT_OPS);
    double got = cream_randaugment_argument(op, cases[i].magnitude, cases[i].increasing, cases[i].negate);
    if (fabs(got - cases[i].expected) > 1e-9) fail_msg("%s: %g", cases[i].name, got);
  }
}

static void parsing(void **state) {
  (void)state;
  cream_randaugment r;
  cream_error error;
  assert_int_equal(cream_randaugment_parse("rand-m9-mstd0.5", &r, &error), CREAM_OK);
  assert_true(r.magnitude == 9 && r.std == 0.5 && !r.increasing && r.count == 2);
  assert_int_equal(cream_randaugment_parse("rand-n3-m7.5-inc1", &r, &error), CREAM_OK);
  assert_true(r.magnitude == 7.5 && r.std == 0 && r.increasing && r.count == 3);
  assert_int_equal(cream_randaugment_parse("none", &r, &error), CREAM_OK);
  assert_int_equal(r.count, 0);
  assert_int_equal(cream_randaugment_parse("", &r, &error), CREAM_OK);
  const char *const bad[] = {"rand-m11", "rand-m",   "rand9",      "random-m9", "rand-m9-", "rand-m9x",
                             "rand-n0",  "original", "rand-m9-w0", "rand-mstd", "rand-m-3", "rand-mnan"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    assert_fails(cream_randaugment_parse(bad[i], &r, &error), CREAM_BAD_CONFIG, error, bad[i]);
}

/* About half of the draws change the image: each is applied with probability 0.5. */
static void draws(void **state) {
  (void)state;
  enum { SIDE = 6, ROUNDS = 2000 };
  cream_randaugment r;
  assert_int_equal(cream_randaugment_parse("rand-m9-mstd0.5-n1", &r, NULL), CREAM_OK);
  int changed = 0;
  for (uint64_t i = 0; i < ROUNDS; i++) {
    uint8_t a[SIDE * SIDE * 3], b[SIDE * SIDE * 3], before[SIDE * SIDE * 3];
    for (size_t j = 0; j < sizeof a; j++) a[j] = before[j] = (uint8_t)(40 + j * 7 % 150);
    cream_canvas canvas = {a, b, SIDE, SIDE};
    cream_rng rng = cream_rng_at(3, CREAM_RNG_TEST, i);
    cream_randaugment_apply(&r, &rng, before, &canvas);
    changed += memcmp(canvas.pixels, before, sizeof before) != 0;
  }
  assert_in_range(changed, ROUNDS * 42 / 100, ROUNDS * 52 / 100);
}

/* ---- crops ----------------------------------------------------------------------------------------- */

static cream_image ramp(int width, int height) {
  cream_image image = {0};
  assert_int_equal(cream_image_resize(&image, width, height, NULL), CREAM_OK);
  for (int y = 0; y < height; y++)
    for (int x = 0; x < width; x++) {
      uint8_t *p = image.pixels + ((size_t)y * (size_t)width + (size_t)x) * 3;
      p[0] = (uint8_t)(x * 255 / width);
      p[1] = (uint8_t)(y * 255 / height);
      p[2] = (uint8_t)(x * 31 + y * 17);
    }
  return image;
}

static void crop_is_torchvisions(void **state) {
  (void)state;
  cream_augment_config config = defaults();
  cream_transforms t = prepared(&config, 16);
  double area = 0;
  enum { ROUNDS = 4000, WIDTH = 120, HEIGHT = 90 };
  int edges[4] = {0};
  for (uint64_t i = 0; i < ROUNDS; i++) {
    cream_rng rng = cream_rng_at(1, CREAM_RNG_TEST, i);
    cream_transform_work work = cream_transform_begin(&t, &rng, ~0u);
    work.crop.choose(&work.crop, WIDTH, HEIGHT);
    const cream_image_crop *c = &work.crop;
    assert_true(c->left >= 0 && c->top >= 0 && c->width > 0 && c->height > 0);
    assert_true(c->left + c->width <= WIDTH && c->top + c->height <= HEIGHT);
    double share = (double)c->width * c->height / (WIDTH * HEIGHT), ratio = (double)c->width / c->height;
    assert_true(share > 0.07 && share <= 1.001 && ratio > 0.70 && ratio < 1.40);
    area += share;
    edges[0] += c->left == 0;
    edges[1] += c->top == 0;
    edges[2] += c->left + c->width == WIDTH;
    edges[3] += c->top + c->height == HEIGHT;
  }
  /* Crops that do not fit are drawn again, so large ones are rarer. */
  assert_true(area / ROUNDS > 0.42 && area / ROUNDS < 0.54);
  for (int i = 0; i < 4; i++) assert_true(edges[i] > ROUNDS / 100);

  /* No crop fits into these: the central part at the nearest ratio. */
  const int shapes[][6] = {{1000, 10, 493, 0, 13, 10}, {10, 1000, 0, 493, 10, 13}, {1, 1, 0, 0, 1, 1}};
  for (int i = 0; i < 3; i++) {
    config.scale_min = i == 2 ? 0.08 : 1;
    t = prepared(&config, 16);
    cream_rng rng = cream_rng_at(1, CREAM_RNG_TEST, 0);
    cream_transform_work work = cream_transform_begin(&t, &rng, ~0u);
    work.crop.choose(&work.crop, shapes[i][0], shapes[i][1]);
    assert_int_equal(work.crop.left, shapes[i][2]);
    assert_int_equal(work.crop.top, shapes[i][3]);
    assert_int_equal(work.crop.width, shapes[i][4]);
    assert_int_equal(work.crop.height, shapes[i][5]);
  }
}

static void run(const cream_transforms *t, cream_rng *rng, unsigned only, const cream_image *image,
                uint8_t *out) {
  cream_transform_memory memory = {0};
  cream_error error;
  cream_transform_work work = cream_transform_begin(t, rng, only);
  if (cream_transform_finish(&work, image, &memory, out, &error)) fail_msg("%s", error.text);
  cream_transform_memory_free(&memory);
}

/* Resize to 36 = floor(32 / 0.875), then the middle 32 of 48 x 36. */
static void test_transform(void **state) {
  (void)state;
  enum { SIDE = 32 };
  cream_augment_config config = defaults();
  cream_transforms t = prepared(&config, SIDE);
  cream_image image = ramp(100, 75);
  uint8_t whole[48 * 36 * 3], out[SIDE * SIDE * 3];
  cream_scratch scratch = {0};
  const cream_resize job = {.pixels = image.pixels,
                            .width = 100,
                            .height = 75,
                            .stride = 300,
                            .out_width = 48,
                            .out_height = 36,
                            .filter = CREAM_FILTER_BICUBIC};
  assert_int_equal(cream_resample(&scratch, &job, whole, NULL), CREAM_OK);
  run(&t, NULL, ~0u, &image, out);
  for (int y = 0; y < SIDE; y++)
    assert_memory_equal(out + y * SIDE * 3, whole + ((y + 2) * 48 + 8) * 3, SIDE * 3);
  cream_scratch_free(&scratch);
  cream_image_free(&image);
}

/* The result does not depend on whether a decoder returns the whole image or the crop alone. */
static void parts(void **state) {
  (void)state;
  enum { SIDE = 24 };
  cream_augment_config config = defaults();
  cream_transforms t = prepared(&config, SIDE);
  cream_image whole = ramp(90, 70);
  for (uint64_t i = 0; i < 50; i++) {
    uint8_t a[SIDE * SIDE * 3], b[SIDE * SIDE * 3];
    cream_rng rng = cream_rng_at(2, CREAM_RNG_TEST, i), again = rng;
    run(&t, &rng, ~0u, &whole, a);

    cream_transform_work work = cream_transform_begin(&t, &again, ~0u);
    work.crop.choose(&work.crop, whole.width, whole.height);
    cream_image part = {0};
    int left = work.crop.left / 2, top = work.crop.top / 2, width = whole.width - left;
    assert_int_equal(cream_image_resize(&part, width, whole.height - top, NULL), CREAM_OK);
    for (int y = 0; y < part.height; y++)
      memcpy(part.pixels + (size_t)y * (size_t)width * 3,
             whole.pixels + ((size_t)(y + top) * 90 + (size_t)left) * 3, (size_t)width * 3);
    part.left = left;
    part.top = top;
    part.shrink = 1;
    cream_transform_memory memory = {0};
    assert_int_equal(cream_transform_finish(&work, &part, &memory, b, NULL), CREAM_OK);
    assert_memory_equal(a, b, sizeof a);
    cream_transform_memory_free(&memory);
    cream_image_free(&part);
  }
  cream_image_free(&whole);
}

/* ---- transforms after the crop --------------------------------------------------------------------- */

static void flips(void **state) {
  (void)state;
  enum { SIDE = 21 };
  cream_augment_config config = defaults();
  cream_transforms t = prepared(&config, SIDE);
  cream_image image = ramp(60, 60);
  uint8_t straight[SIDE * SIDE * 3];
  run(&t, NULL, 0, &image, straight);
  int flipped = 0, same = 0;
  for (uint64_t i = 0; i < 200; i++) {
    uint8_t out[SIDE * SIDE * 3];
    cream_rng rng = cream_rng_at(5, CREAM_RNG_TEST, i);
    t.config.interpolation = CREAM_INTERPOLATION_BICUBIC;
    run(&t, &rng, 1u << CREAM_TRANSFORM_FLIP, &image, out);
    if (memcmp(out, straight, sizeof out) == 0) {
      same++;
      continue;
    }
    flipped++;
    for (int y = 0; y < SIDE; y++)
      for (int x = 0; x < SIDE; x++)
        assert_memory_equal(out + (y * SIDE + x) * 3, straight + (y * SIDE + SIDE - 1 - x) * 3, 3);
  }
  assert_true(flipped > 70 && same > 70);
  cream_image_free(&image);
}

/* Noise has the mean and deviation of the data, and covers a share of the image within the limits. */
static void erasing(void **state) {
  (void)state;
  enum { SIDE = 64 };
  cream_augment_config config = defaults();
  config.erase = 1;
  cream_transforms t = prepared(&config, SIDE);
  cream_image image = {0};
  assert_int_equal(cream_image_resize(&image, SIDE, SIDE, NULL), CREAM_OK);
  memset(image.pixels, 0, SIDE * SIDE * 3);
  double sum[3] = {0}, squares[3] = {0}, area = 0, pixels = 0;
  for (uint64_t i = 0; i < 100; i++) {
    static uint8_t out[SIDE * SIDE * 3];
    cream_rng rng = cream_rng_at(5, CREAM_RNG_TEST, i);
    run(&t, &rng, 1u << CREAM_TRANSFORM_ERASE, &image, out);
    int left = SIDE, right = 0, top = SIDE, bottom = 0;
    for (int y = 0; y < SIDE; y++)
      for (int x = 0; x < SIDE; x++) {
        const uint8_t *p = out + (y * SIDE + x) * 3;
        if (!p[0] && !p[1] && !p[2]) continue;
        left = x < left ? x : left;
        right = x + 1 > right ? x + 1 : right;
        top = y < top ? y : top;
        bottom = y + 1 > bottom ? y + 1 : bottom;
      }
    double share = (double)(right - left) * (bottom - top) / (SIDE * SIDE);
    assert_true(share > 0.01 && share < 0.36);
    area += share;
    for (int y = top; y < bottom; y++)
      for (int x = left; x < right; x++, pixels++)
        for (int c = 0; c < 3; c++) {
          double v = out[(y * SIDE + x) * 3 + c] / 255.0;
          sum[c] += v;
          squares[c] += v * v;
        }
  }
  assert_true(area / 100 > 0.13 && area / 100 < 0.22);
  for (int c = 0; c < 2; c++) { /* the third is cut off at 0 too often */
    double m = sum[c] / pixels;
    assert_true(fabs(m - mean[c]) < 0.01);
    assert_true(fabs(sqrt(squares[c] / pixels - m * m) - deviation[c]) < 0.015);
  }
  cream_image_free(&image);
}

/* Without RandAugment colours are jittered, unless the strength is 0. */
static void colours(void **state) {
  (void)state;
  enum { SIDE = 16 };
  cream_augment_config config = defaults();
  strcpy(config.randaugment, "none");
  cream_image image = ramp(40, 40);
  uint8_t plain[SIDE * SIDE * 3], out[SIDE * SIDE * 3];
  config.interpolation = CREAM_INTERPOLATION_BICUBIC;
  cream_transforms t = prepared(&config, SIDE);
  run(&t, NULL, 0, &image, plain);
  int changed = 0;
  for (uint64_t i = 0; i < 30; i++) {
    cream_rng rng = cream_rng_at(6, CREAM_RNG_TEST, i);
    run(&t, &rng, 1u << CREAM_TRANSFORM_COLOUR, &image, out);
    changed += memcmp(plain, out, sizeof out) != 0;
  }
  assert_int_equal(changed, 30);
  t.config.colour = 0;
  cream_rng rng = cream_rng_at(6, CREAM_RNG_TEST, 0);
  run(&t, &rng, 1u << CREAM_TRANSFORM_COLOUR, &image, out);
  assert_memory_equal(plain, out, sizeof out);
  cream_image_free(&image);
}

static void described(void **state) {
  (void)state;
  char text[200];
  cream_augment_config config = defaults();
  cream_transforms t = prepared(&config, 8);
  assert_string_equal(cream_transform_describe(&t, CREAM_TRANSFORM_RANDAUGMENT, text, sizeof text),
                      "rand-m9-mstd0.5");
  assert_text_contains(cream_transform_describe(&t, CREAM_TRANSFORM_CROP, text, sizeof text), "0.08 to 1");
  assert_string_equal(cream_transform_describe(&t, CREAM_TRANSFORM_COLOUR, text, sizeof text), "");
  assert_text_contains(cream_transform_describe(&t, CREAM_TRANSFORM_ERASE, text, sizeof text),
                       "probability 0.2");
  assert_string_equal(cream_transform_name(CREAM_TRANSFORM_FLIP), "flip");
}

static void bad_settings(void **state) {
  (void)state;
  cream_transforms t;
  cream_error error;
  cream_augment_config config = defaults();
  config.scale_min = 0.9;
  config.scale_max = 0.5;
  assert_fails(cream_transforms_init(&t, &config, 8, mean, deviation, &error), CREAM_BAD_CONFIG, error,
               "augment.scale_min: got 0.9, expected at most augment.scale_max, 0.5");
  config = defaults();
  config.erase_min = 0.5;
  assert_fails(cream_transforms_init(&t, &config, 8, mean, deviation, &error), CREAM_BAD_CONFIG, error,
               "augment.erase_min");
  config = defaults();
  strcpy(config.randaugment, "rand-m99");
  assert_fails(cream_transforms_init(&t, &config, 8, mean, deviation, &error), CREAM_BAD_CONFIG, error,
               "augment.randaugment");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(operations_as_pillow),
      cmocka_unit_test(histograms_at_the_edge),
      cmocka_unit_test(arguments),
      cmocka_unit_test(parsing),
      cmocka_unit_test(draws),
      cmocka_unit_test(crop_is_torchvisions),
      cmocka_unit_test(test_transform),
      cmocka_unit_test(parts),
      cmocka_unit_test(flips),
      cmocka_unit_test(erasing),
      cmocka_unit_test(colours),
      cmocka_unit_test(described),
      cmocka_unit_test(bad_settings),
  };
  return cmocka_run_group_tests(tests, golden_open, golden_close);
}
