#include "tests/io/scratch.h"

#include <math.h>
#include <zlib.h>

#include "io/dataset/data.h"

#define DIGITS CREAM_SOURCE_DIR "/io/dataset/data/digits.csv.gz"

/* The digits as text, which the caller frees. */
static char *digits_text(void) {
  enum { ROOM = 1 << 20 };
  char *text = calloc(1, ROOM);
  gzFile stream = gzopen(DIGITS, "rb");
  assert_non_null(stream);
  assert_true(gzread(stream, text, ROOM - 1) > 0);
  gzclose(stream);
  return text;
}

static cream_dataset *open_digits(void) {
  cream_dataset *data = NULL;
  cream_error error;
  if (cream_dataset_open("digits:" DIGITS, &data, &error)) fail_msg("%s", error.text);
  return data;
}

static void content(void **state) {
  (void)state;
  cream_dataset *data = open_digits();
  assert_string_equal(data->name, "digits");
  assert_int_equal(data->classes, 10);
  assert_string_equal(data->class_names[7], "7");
  assert_int_equal(data->count[CREAM_PART_TRAIN], 1437);
  assert_int_equal(data->count[CREAM_PART_TEST], 360);
  int test[10] = {0}, all[10] = {0};
  for (int part = 0; part < CREAM_PARTS; part++) {
    for (size_t i = 0; i < data->count[part]; i++) {
      all[data->labels[part][i]]++;
      if (part == CREAM_PART_TEST) test[data->labels[part][i]]++;
    }
  }
  const int known[10] = {178, 182, 177, 183, 181, 182, 181, 179, 174, 180};
  for (int c = 0; c < 10; c++) {
    assert_int_equal(all[c], known[c]);
    assert_true(fabs(test[c] - known[c] * 360 / 1797.0) <= 1);
  }
  /* Mean 4.884 and deviation 6.017 of 16 over all images (scikit-learn's digits.data). */
  assert_true(fabs(data->mean[0] - 4.884 / 16) < 0.005);
  assert_true(fabs(data->std[0] - 6.017 / 16) < 0.005);
  assert_true(data->mean[1] == data->mean[0] && data->std[2] == data->std[0]);
  data->destroy(data);
}

/* At their own size images equal those of the file, and each line is one image of one part. */
static void same_images_as_the_file(void **state) {
  (void)state;
  cream_dataset *data = open_digits();
  char *text = digits_text(), *at = text;
  size_t next[CREAM_PARTS] = {0, 0};
  uint8_t shown[64 * 3];
  for (int line = 0; line < 1797; line++) {
    long value[65];
    for (int i = 0; i < 65; i++) value[i] = strtol(at + (i > 0), &at, 10);
    int part = 0;
    for (; part < CREAM_PARTS; part++) {
      if (next[part] == data->count[part] || data->labels[part][next[part]] != value[64]) continue;
      assert_int_equal(data->decode(data, (cream_part)part, next[part], 8, NULL, shown, NULL), CREAM_OK);
      int same = 0;
      for (int i = 0; i < 64; i++) same += shown[3 * i] == (value[i] * 255 + 8) / 16;
      if (same == 64) break;
    }
    assert_true(part < CREAM_PARTS);
    for (int i = 0; i < 64; i++)
      assert_true(shown[3 * i + 1] == shown[3 * i] && shown[3 * i + 2] == shown[3 * i]);
    next[part]++;
  }
  assert_int_equal(next[CREAM_PART_TRAIN], 1437);
  free(text);
  data->destroy(data);
}

/* Twice the side: weights 9, 3, 3, 1 of 16, with the edge repeated. */
static void bilinear(void **state) {
  (void)state;
  cream_dataset *data = open_digits();
  uint8_t small[64 * 3], large[256 * 3];
  data->decode(data, CREAM_PART_TEST, 5, 8, NULL, small, NULL);
  data->decode(data, CREAM_PART_TEST, 5, 16, NULL, large, NULL);
  for (int y = 0; y < 16; y++) {
    for (int x = 0; x < 16; x++) {
      int y0 = y / 2, x0 = x / 2, y1 = y % 2 ? y0 + 1 : y0 - 1, x1 = x % 2 ? x0 + 1 : x0 - 1;
      y1 = y1 < 0 ? 0 : y1 > 7 ? 7 : y1;
      x1 = x1 < 0 ? 0 : x1 > 7 ? 7 : x1;
      double expected = (9 * small[(y0 * 8 + x0) * 3] + 3 * small[(y0 * 8 + x1) * 3] +
                         3 * small[(y1 * 8 + x0) * 3] + small[(y1 * 8 + x1) * 3]) /
                        16.0;
      assert_true(fabs(large[(y * 16 + x) * 3] - expected) <= 1.0);
    }
  }
  data->destroy(data);
}

static void augmentation(void **state) {
  (void)state;
  cream_dataset *data = open_digits();
  enum { SIDE = 32, SIZE = SIDE * SIDE * 3, DRAWS = 200 };
  uint8_t plain[SIZE], one[SIZE], two[SIZE];
  double mass = 0, moved = 0, distance = 0;
  data->decode(data, CREAM_PART_TRAIN, 0, SIDE, NULL, plain, NULL);
  double plain_mass = 0, plain_x = 0;
  for (int i = 0; i < SIZE; i += 3) {
    plain_mass += plain[i];
    plain_x += plain[i] * (i / 3 % SIDE);
  }
  for (uint64_t step = 0; step < DRAWS; step++) {
    cream_rng rng = cream_rng_at(1, CREAM_RNG_AUGMENT, step);
    data->decode(data, CREAM_PART_TRAIN, 0, SIDE, &rng, one, NULL);
    rng = cream_rng_at(1, CREAM_RNG_AUGMENT, step);
    data->decode(data, CREAM_PART_TRAIN, 0, SIDE, &rng, two, NULL);
    assert_memory_equal(one, two, SIZE);
    double sum = 0, x = 0;
    for (int i = 0; i < SIZE; i += 3) {
      sum += one[i];
      x += one[i] * (i / 3 % SIDE);
      distance += abs(one[i] - plain[i]);
    }
    mass += sum;
    double shift = x / sum - plain_x / plain_mass;
    /* A tenth of the side, plus the shift of the centre of mass by rotation and scale. */
    assert_true(fabs(shift) < 0.15 * SIDE);
    if (fabs(shift) > moved) moved = fabs(shift);
  }
  assert_true(moved > 0.05 * SIDE);
  assert_true(distance / DRAWS / (SIDE * SIDE) > 5);
  assert_true(fabs(mass / DRAWS / plain_mass - 1) < 0.1);
  data->destroy(data);
}

/* Without a file: the digits that are installed with the program. */
static void found_without_a_path(void **state) {
  (void)state;
  cream_dataset *data = NULL;
  cream_error error;
  if (cream_dataset_open("digits", &data, &error)) fail_msg("%s", error.text);
  assert_int_equal(data->count[CREAM_PART_TEST], 360);
  data->destroy(data);
}

static void bad_specs(void **state) {
  (void)state;
  cream_error error;
  cream_dataset *data = NULL;
  assert_fails(cream_dataset_open("digit", &data, &error), CREAM_BAD_CONFIG, error, "digits");
  assert_fails(cream_dataset_open("", &data, &error), CREAM_BAD_CONFIG, error, "digits:FILE");
  assert_fails(cream_dataset_open("digits:", &data, &error), CREAM_BAD_CONFIG, error,
               "nothing after the colon");
  assert_fails(cream_dataset_open("digits:/none/there", &data, &error), CREAM_FAILED, error, "No such file");
  assert_null(data);
}

static cream_status open_text(const char *text, size_t size, cream_error *error) {
  char spec[300];
  cream_dataset *data;
  scratch_write("digits.csv", text, size);
  snprintf(spec, sizeof spec, "digits:%s", scratch("digits.csv"));
  cream_status status = cream_dataset_open(spec, &data, error);
  if (!status) data->destroy(data);
  return status;
}

static void bad_lines(void **state) {
  (void)state;
  cream_error error;
  char *text = digits_text();
  size_t size = strlen(text);
  assert_int_equal(open_text(text, size, &error), CREAM_OK);
  assert_int_equal(open_text(text, size - 1, &error), CREAM_OK); /* no newline at the end */

  char *line3 = strchr(strchr(text, '\n') + 1, '\n') + 1;
  static const struct {
    const char *line, *says;
  } cases[] = {
      {"1,2,3\n", "digits.csv:3: no comma after value 3"},
      {"17,", "digits.csv:3: value 1 is wrong; expected an integer from 0 to 16"},
      {"-1,", "digits.csv:3: value 1 is wrong"},
      {"1.5,", "digits.csv:3: no comma after value 1"},
      {"\n", "digits.csv:3: value 1"},
      {"999999999999,", "digits.csv:3: value 1"},
      {"x", "digits.csv:3: value 1"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char *changed = malloc(size + 1);
    memcpy(changed, text, size + 1);
    memcpy(changed + (line3 - text), cases[i].line, strlen(cases[i].line));
    assert_fails(open_text(changed, size, &error), CREAM_BAD_DATA, error, cases[i].says);
    free(changed);
  }
  char *label = strchr(line3, '\n') - 1, held = *label;
  *label = 'a';
  assert_fails(open_text(text, size, &error), CREAM_BAD_DATA, error,
               "3: value 65 is wrong; expected an integer from 0 to 9");
  *label = 0;
  assert_fails(open_text(text, size, &error), CREAM_BAD_DATA, error, "3: value 65");
  label[0] = ',';
  assert_fails(open_text(text, size, &error), CREAM_BAD_DATA, error, "3: value 65");
  *label = held;
  label[1] = ',';
  assert_fails(open_text(text, size, &error), CREAM_BAD_DATA, error, "3: no end of line after value 65");
  label[1] = '\n';

  assert_fails(open_text(text, (size_t)(line3 - text), &error), CREAM_BAD_DATA, error,
               "digits.csv: got 2 lines, expected 1797");
  assert_fails(open_text("", 0, &error), CREAM_BAD_DATA, error, "digits.csv: got 0 lines");
  char *longer = malloc(size + 200);
  memcpy(longer, text, size);
  memcpy(longer + size, line3, 130);
  assert_fails(open_text(longer, size + 130, &error), CREAM_BAD_DATA, error,
               ":1798: got more lines, expected 1797");
  free(longer);
  for (char *at = text; (at = strchr(at, '\n')); at++)
    if (at[-1] == '8') at[-1] = '3';
  assert_fails(open_text(text, size, &error), CREAM_BAD_DATA, error, "no image of digit 8");
  free(text);
  char *huge = calloc(1, 2000000);
  assert_fails(open_text(huge, 2000000, &error), CREAM_BAD_DATA, error,
               "got more than 1048576 bytes when decompressed");
  free(huge);
}

static void damaged_gzip(void **state) {
  (void)state;
  cream_error error;
  FILE *stream = fopen(DIGITS, "rb");
  char *bytes = malloc(100000);
  size_t size = fread(bytes, 1, 100000, stream);
  fclose(stream);
  assert_int_equal(open_text(bytes, size, &error), CREAM_OK);
  assert_fails(open_text(bytes, size / 2, &error), CREAM_BAD_DATA, error, "damaged");
  assert_fails(open_text(bytes, size - 4, &error), CREAM_BAD_DATA, error, "damaged");
  bytes[size / 2] ^= 0x55;
  assert_fails(open_text(bytes, size, &error), CREAM_BAD_DATA, error, "damaged");
  bytes[size / 2] ^= 0x55;
  bytes[size - 8] ^= 1; /* the checksum */
  assert_fails(open_text(bytes, size, &error), CREAM_BAD_DATA, error, "damaged");
  free(bytes);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(content),
      cmocka_unit_test(same_images_as_the_file),
      cmocka_unit_test(bilinear),
      cmocka_unit_test(augmentation),
      cmocka_unit_test(found_without_a_path),
      cmocka_unit_test(bad_specs),
      cmocka_unit_test_setup_teardown(bad_lines, scratch_setup, scratch_teardown),
      cmocka_unit_test_setup_teardown(damaged_gzip, scratch_setup, scratch_teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
