#include "tests/io/scratch.h"

#include "io/weights/weights_info.h"

/* Writes a file with that metadata and reads it back. */
static cream_status pass(const cream_pair *pairs, int count, cream_weights_info *info, cream_error *err) {
  const float value = 1;
  const cream_st_tensor tensor = {
      .name = "w", .dtype = CREAM_ST_F32, .n_dims = 1, .dims = {1}, .data = &value};
  assert_int_equal(cream_st_write(scratch("w"), &tensor, 1, pairs, count, NULL), CREAM_OK);
  return cream_weights_info_load(scratch("w"), info, err);
}

static void round_trip(void **state) {
  (void)state;
  const char *const names[] = {"cat", "dog, \"big\"", "n\xc3\xa9on\n"};
  cream_weights_info info = cream_weights_info_imagenet(), read;
  cream_weights_metadata metadata;
  cream_error err;
  info.resolution = 224;
  info.std[1] = 1.0f / 3;
  info.padding = CREAM_PADDING_SAME;
  info.bn_eps = 1e-3;
  assert_int_equal(cream_weights_info_set_classes(&info, names, 3, &err), CREAM_OK);
  assert_int_equal(cream_weights_metadata_init(&metadata, &info, &err), CREAM_OK);
  assert_int_equal(metadata.count, 9);
  assert_string_equal(metadata.pairs[0].key, "format");
  assert_string_equal(metadata.pairs[0].value, "pt");
  assert_string_equal(metadata.pairs[2].value, "[0.485, 0.456, 0.406]");
  if (pass(metadata.pairs, metadata.count, &read, &err)) fail_msg("%s", err.text);
  assert_int_equal(read.resolution, 224);
  assert_true(read.has_normalisation);
  assert_memory_equal(read.mean, info.mean, sizeof info.mean);
  assert_memory_equal(read.std, info.std, sizeof info.std);
  assert_string_equal(read.interpolation, "bicubic");
  assert_true(read.test_crop == 0.875);
  assert_true(read.padding == CREAM_PADDING_SAME && read.bn_eps == 1e-3);
  cream_space space = {.padding = CREAM_PADDING_SAME, .bn_eps = 1e-3};
  assert_int_equal(cream_weights_info_check("w", &read, &space, &err), CREAM_OK);
  space.bn_eps = CREAM_BN_EPS;
  assert_fails(cream_weights_info_check("w", &read, &space, &err), CREAM_BAD_DATA, err,
               "the network (--arch) has same and 1e-05");
  assert_int_equal(read.n_classes, 3);
  for (int i = 0; i < 3; i++) assert_string_equal(read.class_names[i], names[i]);
  cream_weights_metadata_free(&metadata);
  cream_weights_info_free(&info);
  cream_weights_info_free(&read);
}

static void nothing_given(void **state) {
  (void)state;
  cream_weights_info info;
  cream_error err;
  assert_int_equal(pass(NULL, 0, &info, &err), CREAM_OK);
  assert_true(info.resolution == 0 && !info.has_normalisation && !info.interpolation[0] &&
              info.test_crop == 0 && info.n_classes == 0);
  const cream_pair other[] = {{"format", "pt"}, {"trained_by", "someone"}};
  assert_int_equal(pass(other, 2, &info, &err), CREAM_OK);
  assert_false(info.has_normalisation);
}

static void wrong(void **state) {
  (void)state;
  static const struct {
    cream_pair pair;
    const char *says;
  } cases[] = {
      {{"resolution", "0"}, "`resolution`: got `0`"},
      {{"padding", "same"}, "got `padding` without `bn_eps`"},
      {{"resolution", "12.5"}, "`resolution`"},
      {{"resolution", "5000"}, "`resolution`"},
      {{"resolution", ""}, "`resolution`"},
      {{"resolution", "224px"}, "`resolution`"},
      {{"crop_pct", "1.5"}, "`crop_pct`"},
      {{"crop_pct", "nan"}, "`crop_pct`"},
      {{"interpolation", "lanczos"}, "`interpolation`: got `lanczos`, expected bilinear or bicubic"},
      {{"interpolation", "Bicubic"}, "`interpolation`"},
      {{"interpolation", ""}, "`interpolation`"},
      {{"format", "tf"}, "`format`: got `tf`, expected pt"},
      {{"interpolation", "a word that is far longer than any filter's name"}, "`interpolation`"},
      {{"class_names", "cat, dog"}, "`class_names`"},
      {{"class_names", "[]"}, "`class_names`"},
      {{"class_names", "[\"cat\", 3]"}, "`class_names`"},
      {{"class_names", "{\"cat\": 3}"}, "`class_names`"},
      {{"mean", "[0, 0, 0]"}, "`mean` without `std`"},
      {{"std", "[1, 1, 1]"}, "`std` without `mean`"},
      {{"mean", "[0, 0]"}, "`mean`: got `[0, 0]`"},
      {{"mean", "[0, 0, \"x\"]"}, "`mean`"},
      {{"std", "[1, 1, 0]"}, "`std`"},
      {{"std", "[1, 1, 1e-300]"}, "`std`"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    cream_weights_info info;
    cream_error err;
    assert_fails(pass(&cases[i].pair, 1, &info, &err), CREAM_BAD_DATA, err, cases[i].says);
    assert_text_contains(err.text, scratch("w"));
    assert_int_equal(info.n_classes, 0);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(round_trip, scratch_setup, scratch_teardown),
      cmocka_unit_test_setup_teardown(nothing_given, scratch_setup, scratch_teardown),
      cmocka_unit_test_setup_teardown(wrong, scratch_setup, scratch_teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
