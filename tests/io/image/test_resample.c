#include "golden_images.h"

#include "core/base/rng.h"
#include "io/image/resample.h"

enum { EXACT = 0 };

static void resize(const cream_resize *job, uint8_t *out) {
  cream_scratch scratch = {0};
  cream_error error;
  if (cream_resample(&scratch, job, out, &error)) fail_msg("%s", error.text);
  cream_scratch_free(&scratch);
}

static cream_resize golden_job(int number, const uint8_t **expected) {
  const cream_st_tensor *image = golden_get("resize.picture"), *result = golden_get("resize.%d", number);
  const double *job = golden_get("resize.%d.job", number)->data;
  *expected = result->data;
  return (cream_resize){.pixels = image->data,
                        .width = (int)image->dims[1],
                        .height = (int)image->dims[0],
                        .stride = image->dims[1] * 3,
                        .box = {job[0], job[1], job[2], job[3]},
                        .out_width = (int)job[4],
                        .out_height = (int)job[5],
                        .filter = (cream_filter)job[6]};
}

/* The same values as Pillow, with and without AVX2. */
static void as_pillow(void **state) {
  (void)state;
  int count = 0;
  for (; golden_get("resize.%d", count); count++) {
    for (int plain = 0; plain < 2; plain++) {
      const uint8_t *expected;
      uint8_t out[8192];
      char what[64];
      cream_resize job = golden_job(count, &expected);
      job.plain = plain;
      size_t bytes = (size_t)job.out_width * (size_t)job.out_height * 3;
      assert_true(bytes + 8 < sizeof out);
      memset(out, 99, sizeof out);
      resize(&job, out);
      snprintf(what, sizeof what, "case %d, plain %d", count, plain);
      assert_pixels(out, expected, bytes, EXACT, what);
      assert_int_equal(out[bytes], 99);
    }
  }
  assert_int_equal(count, 22);
}

/* A window equals that part of the whole result. */
static void windows(void **state) {
  (void)state;
  for (int number = 0; golden_get("resize.%d", number); number++) {
    const uint8_t *expected;
    uint8_t out[8192];
    cream_resize job = golden_job(number, &expected);
    job.window_left = job.out_width / 3;
    job.window_top = job.out_height / 2;
    job.window_width = (job.out_width + 1) / 2;
    job.window_height = (job.out_height + 1) / 2;
    resize(&job, out);
    for (int y = 0; y < job.window_height; y++)
      assert_pixels(out + y * job.window_width * 3,
                    expected + ((job.window_top + y) * job.out_width + job.window_left) * 3,
                    (size_t)job.window_width * 3, EXACT, "window");
  }
}

/* Random sizes: both kernels agree, read nothing outside of the image, and a uniform image stays uniform. */
static void kernels_agree(void **state) {
  (void)state;
  cream_rng rng = cream_rng_at(1, CREAM_RNG_TEST, 0);
  for (int round = 0; round < 60; round++) {
    cream_resize job = {.width = 1 + (int)cream_rng_below(&rng, 90),
                        .height = 1 + (int)cream_rng_below(&rng, 90),
                        .out_width = 1 + (int)cream_rng_below(&rng, 70),
                        .out_height = 1 + (int)cream_rng_below(&rng, 70),
                        .filter = (cream_filter)(round % 2)};
    size_t in = (size_t)job.width * (size_t)job.height * 3;
    size_t bytes = (size_t)job.out_width * (size_t)job.out_height * 3;
    uint8_t *pixels = malloc(in), *fast = malloc(bytes), *plain = malloc(bytes);
    assert_true(pixels && fast && plain);
    for (size_t i = 0; i < in; i++) pixels[i] = round < 50 ? (uint8_t)cream_rng_u32(&rng) : 201;
    job.pixels = pixels;
    job.stride = (size_t)job.width * 3;
    resize(&job, fast);
    job.plain = true;
    resize(&job, plain);
    assert_memory_equal(fast, plain, bytes);
    for (size_t i = 0; round >= 50 && i < bytes; i++) assert_int_equal(fast[i], 201);
    free(pixels);
    free(fast);
    free(plain);
  }
}

/* A crop is resized like a separate image: pixels around it have no influence. */
static void crop(void **state) {
  (void)state;
  uint8_t pixels[40 * 30 * 3], cut[20 * 11 * 3], a[16 * 16 * 3], b[16 * 16 * 3];
  for (size_t i = 0; i < sizeof pixels; i++) pixels[i] = (uint8_t)(i * 37 + i / 120 * 11);
  for (int y = 0; y < 11; y++) memcpy(cut + y * 60, pixels + (7 + y) * 120 + 9 * 3, 60);
  cream_resize job = {
      .width = 20, .height = 11, .out_width = 16, .out_height = 16, .filter = CREAM_FILTER_BICUBIC};
  job.pixels = pixels + 7 * 120 + 9 * 3;
  job.stride = 120;
  resize(&job, a);
  job.pixels = cut;
  job.stride = 60;
  resize(&job, b);
  assert_memory_equal(a, b, sizeof a);
}

static void mirrored(void **state) {
  (void)state;
  enum { WIDTH = 19, HEIGHT = 7 };
  for (int number = 0; number < 2; number++)
    for (int plain = 0; plain < 2; plain++) {
      const uint8_t *expected;
      uint8_t straight[WIDTH * HEIGHT * 3], out[WIDTH * HEIGHT * 3];
      cream_resize job = golden_job(number, &expected);
      job.window_left = 3;
      job.window_width = WIDTH;
      job.window_height = HEIGHT;
      job.plain = plain;
      resize(&job, straight);
      job.mirror = true;
      resize(&job, out);
      for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH; x++)
          assert_memory_equal(out + (y * WIDTH + x) * 3, straight + (y * WIDTH + WIDTH - 1 - x) * 3, 3);
    }
}

static void scratch_grows(void **state) {
  (void)state;
  cream_scratch memory = {0};
  uint8_t *first = cream_scratch_need(&memory, 1000);
  assert_non_null(first);
  assert_int_equal((uintptr_t)first % 64, 0);
  assert_ptr_equal(cream_scratch_need(&memory, 10), first);
  assert_true(memory.size >= 1000);
  assert_non_null(cream_scratch_need(&memory, 100000));
  assert_true(memory.size >= 100000);
  cream_scratch_free(&memory);
  assert_null(memory.data);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(as_pillow), cmocka_unit_test(windows),  cmocka_unit_test(kernels_agree),
      cmocka_unit_test(crop),      cmocka_unit_test(mirrored), cmocka_unit_test(scratch_grows),
  };
  return cmocka_run_group_tests(tests, golden_open, golden_close);
}
