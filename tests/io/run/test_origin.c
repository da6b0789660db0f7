#include "tests/io/scratch.h"

#include <jansson.h>

#include "io/config/space_yaml.h"
#include "io/run/origin.h"

static void check_line(const char *expected, int n, const char *const *words) {
  char text[256];
  assert_string_equal(cream_command_line("search", words, n, text, sizeof text), expected);
}

static void command_lines(void **state) {
  (void)state;
  const char *const plain[] = {"--data", "folder:/a/b", "--set", "search.lr.lr=0.5"};
  check_line("cream search", 0, NULL);
  check_line("cream search --data folder:/a/b --set search.lr.lr=0.5", 4, plain);
  const char *const odd[] = {"", "a b", "it's", "$(x)", "*"};
  check_line("cream search '' 'a b' 'it'\\''s' '$(x)' '*'", 5, odd);
  char text[20];
  cream_command_line("search", plain, 4, text, sizeof text);
  assert_string_equal(text, "cream search --data");
}

/* Two classes, six images of one pixel. */
typedef struct little {
  cream_dataset dataset;
  int32_t labels[CREAM_PARTS][4];
  uint8_t pixels[CREAM_PARTS][4];
  int broken; /* index of an image that cannot be read; -1: none */
} little;

static cream_status load(const cream_dataset *dataset, cream_part part, size_t index, int least_side,
                         cream_image *image, cream_error *err) {
  (void)least_side;
  const little *self = (const little *)dataset;
  if ((int)index == self->broken) return cream_fail(err, CREAM_BAD_DATA, "broken");
  cream_status status = cream_image_resize(image, 1, 1, err);
  if (!status) memset(image->pixels, self->pixels[part][index], 3);
  return status;
}

static little make(const char *const *names) {
  little data = {
      .dataset = {.name = "little", .classes = 2, .class_names = names, .count = {4, 2}, .load = load},
      .labels = {{0, 1, 0, 1}, {1, 0}},
      .pixels = {{1, 2, 3, 4}, {5, 6}},
      .broken = -1};
  return data;
}

static void fingerprint_of(little *data, char hex[33]) {
  cream_error error;
  for (int part = 0; part < CREAM_PARTS; part++) data->dataset.labels[part] = data->labels[part];
  if (cream_data_fingerprint(&data->dataset, hex, &error)) fail_msg("%s", error.text);
  assert_int_equal(strlen(hex), 32);
}

static void fingerprints(void **state) {
  (void)state;
  static const char *const names[] = {"a", "b"}, *const others[] = {"ab", ""};
  char first[33], again[33];
  little data = make(names);
  fingerprint_of(&data, first);
  fingerprint_of(&data, again);
  assert_string_equal(first, again);
  const int changes = 5;
  for (int change = 0; change < changes; change++) {
    data = make(change == 0 ? others : names);
    if (change == 1) data.labels[CREAM_PART_TEST][0] = 0;
    if (change == 2) data.pixels[CREAM_PART_TRAIN][3] = 9;
    if (change == 3) data.broken = 2;
    if (change == 4) data.dataset.count[CREAM_PART_TRAIN] = 3;
    fingerprint_of(&data, again);
    assert_string_not_equal(first, again);
  }
}

static json_t *starts_of(const char *path) {
  json_t *file = json_load_file(path, JSON_REJECT_DUPLICATES, NULL);
  assert_non_null(file);
  json_t *starts = json_incref(json_object_get(file, "starts"));
  json_decref(file);
  return starts;
}

static void files(void **state) {
  (void)state;
  static const char *const names[] = {"a", "b"};
  const char *const words[] = {"--out", "a \"b\""};
  cream_run run;
  cream_error error;
  little data = make(names);
  char hex[33];
  fingerprint_of(&data, hex);
  const cream_origin origin = {"search", words, 2, 3, "little", &data.dataset};
  if (cream_run_open(&run, scratch("run"), false, &error)) fail_msg("%s", error.text);
  for (int i = 0; i < 3; i++) assert_int_equal(cream_origin_write(&run, &origin, i > 0, &error), CREAM_OK);
  json_t *starts = starts_of(scratch("run/origin.json"));
  assert_int_equal(json_array_size(starts), 3);
  const json_t *last = json_array_get(starts, 2);
  assert_string_equal(json_string_value(json_object_get(last, "command")), "cream search --out 'a \"b\"'");
  assert_int_equal(json_integer_value(json_object_get(last, "threads")), 3);
  assert_true(
      json_equal(json_object_get(json_array_get(starts, 0), "system"), json_object_get(last, "system")));
  json_decref(starts);
  char *text = scratch_read("run/origin.json", NULL);
  assert_text_contains(text, hex);
  free(text);
  /* A broken file is replaced. */
  scratch_write("run/origin.json", "{\"starts\": [3", 12);
  assert_int_equal(cream_origin_write(&run, &origin, true, &error), CREAM_OK);
  starts = starts_of(scratch("run/origin.json"));
  assert_int_equal(json_array_size(starts), 1);
  json_decref(starts);
  cream_space space, read;
  if (cream_space_load("micro", &space, &error)) fail_msg("%s", error.text);
  assert_int_equal(cream_run_write_space(&run, &space, &error), CREAM_OK);
  assert_int_equal(cream_space_load(scratch("run/space.yaml"), &read, &error), CREAM_OK);
  char one[33], other[33];
  assert_int_equal(cream_space_hash(&space, one, &error), CREAM_OK);
  assert_int_equal(cream_space_hash(&read, other, &error), CREAM_OK);
  assert_string_equal(one, other);
  assert_int_equal(cream_run_close(&run, &error), CREAM_OK);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(command_lines),
      cmocka_unit_test(fingerprints),
      cmocka_unit_test_setup_teardown(files, scratch_setup, scratch_teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
