#include "tests/io/scratch.h"

#include "io/weights/safetensors.h"

/* Writes a file of a header and the data bytes 0, 1, 2, ...; `length`: the length that it gives for the header, 0: the
 * true one. */
static const char *make(const char *header, uint64_t length, size_t data) {
  unsigned char bytes[4096];
  size_t n = strlen(header);
  if (length == 0) length = n;
  memcpy(bytes, &length, 8);
  memcpy(bytes + 8, header, n);
  for (size_t i = 0; i < data; i++) bytes[8 + n + i] = (unsigned char)i;
  scratch_write("x.safetensors", bytes, 8 + n + data);
  return scratch("x.safetensors");
}

static void round_trip(void **state) {
  (void)state;
  const float floats[6] = {1, -2.5f, 3e-38f, 4, 5, 6};
  const int64_t longs[2] = {INT64_MIN, 7};
  const int32_t ints[1] = {-1};
  const uint8_t bytes[3] = {0, 128, 255};
  const cream_st_tensor tensors[] = {
      {.name = "longs", .dtype = CREAM_ST_I64, .n_dims = 1, .dims = {2}, .data = longs},
      {.name = "a.weight", .dtype = CREAM_ST_F32, .n_dims = 2, .dims = {2, 3}, .data = floats},
      {.name = "empty", .dtype = CREAM_ST_F32, .n_dims = 2, .dims = {0, 3}},
      {.name = "scalar", .dtype = CREAM_ST_I32, .data = ints},
      {.name = "by\"tes", .dtype = CREAM_ST_U8, .n_dims = 1, .dims = {3}, .data = bytes},
  };
  const cream_pair metadata[] = {{"format", "pt"}, {"note", "line\nand \"quote\""}};
  cream_error error;
  assert_int_equal(cream_st_write(scratch("a"), tensors, 5, metadata, 2, &error), CREAM_OK);
  assert_int_equal(cream_st_write(scratch("b"), tensors, 5, metadata, 2, &error), CREAM_OK);
  size_t size, size_b;
  char *text = scratch_read("a", &size), *text_b = scratch_read("b", &size_b);
  assert_int_equal(size, size_b);
  assert_memory_equal(text, text_b, size);
  uint64_t length;
  memcpy(&length, text, 8);
  assert_int_equal(length % 8, 0);
  assert_int_equal(size, 8 + length + 16 + 24 + 4 + 3);
  free(text);
  free(text_b);

  cream_st_file *file;
  assert_int_equal(cream_st_open(scratch("a"), &file, &error), CREAM_OK);
  const cream_st_tensor *read;
  assert_int_equal(cream_st_tensors(file, &read), 5);
  for (int i = 0; i < 5; i++) {
    const cream_st_tensor *found = cream_st_find(file, tensors[i].name);
    assert_ptr_equal(found, &read[i]);
    assert_string_equal(found->name, tensors[i].name);
    assert_int_equal(found->dtype, tensors[i].dtype);
    assert_int_equal(found->n_dims, tensors[i].n_dims);
    for (int d = 0; d < found->n_dims; d++) assert_int_equal(found->dims[d], tensors[i].dims[d]);
    size_t count = cream_st_count(found);
    if (count) assert_memory_equal(found->data, tensors[i].data, count * cream_st_dtype_size(found->dtype));
  }
  assert_null(cream_st_find(file, "other"));
  assert_string_equal(cream_st_metadata(file, "note"), "line\nand \"quote\"");
  assert_null(cream_st_metadata(file, "other"));
  cream_st_close(file);
}

static void no_tensors(void **state) {
  (void)state;
  cream_st_file *file;
  assert_int_equal(cream_st_write(scratch("a"), NULL, 0, NULL, 0, NULL), CREAM_OK);
  assert_int_equal(cream_st_open(scratch("a"), &file, NULL), CREAM_OK);
  const cream_st_tensor *read;
  assert_int_equal(cream_st_tensors(file, &read), 0);
  assert_null(cream_st_find(file, "a"));
  assert_null(cream_st_metadata(file, "a"));
  cream_st_close(file);
}

/* Data in another order than the header, and trailing blanks, are valid. */
static void foreign_order(void **state) {
  (void)state;
  cream_st_file *file;
  cream_error error;
  const char *path = make("{\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[3,5]},"
                          "\"a\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[0,3]}}     ",
                          0, 5);
  assert_int_equal(cream_st_open(path, &file, &error), CREAM_OK);
  const cream_st_tensor *read;
  assert_int_equal(cream_st_tensors(file, &read), 2);
  assert_string_equal(read[0].name, "a");
  assert_int_equal(((const uint8_t *)cream_st_find(file, "b")->data)[0], 3);
  cream_st_close(file);
}

static void hostile(void **state) {
  (void)state;
#define ENTRY(dtype, shape, offsets)                                                                         \
  "{\"t\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":" offsets "}}"
  static const struct {
    const char *header;
    uint64_t length;
    size_t data;
    const char *says;
  } cases[] = {
      {"{}", UINT64_MAX, 0, "expected at most 100000000"},
      {"{}", 100000001, 0, "expected at most 100000000"},
      {"{}", 100000000, 0, "may be truncated"},
      {"{}", 3, 0, "may be truncated"},
      {"{", 0, 0, "header, byte"},
      {"[]", 0, 0, "not an object"},
      {"{} x", 0, 0, "header, byte"},
      {"{\"t\":1}", 0, 0, "tensor 't': its entry is not an object"},
      {"{\"t\":{\"dtype\":\"F32\",\"shape\":[1]}}", 0, 4, "must hold dtype, shape and data_offsets"},
      {"{\"t\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1],\"x\":1}}", 0, 1, "and nothing else"},
      {ENTRY("F31", "[1]", "[0,4]"), 0, 4, "unknown dtype 'F31'"},
      {ENTRY("F32", "[-1]", "[0,4]"), 0, 4, "not a whole number from 0"},
      {ENTRY("F32", "[1.0]", "[0,4]"), 0, 4, "not a whole number from 0"},
      {ENTRY("F32", "[99999999999999999999]", "[0,4]"), 0, 4, "header, byte"},
      {ENTRY("F32", "[4611686018427387904]", "[0,0]"), 0, 0, "too large for memory"},
      {ENTRY("F32", "[4294967296,4294967297]", "[0,4]"), 0, 4, "too large for memory"},
      {ENTRY("U8", "[1,1,1,1,1,1,1,1,1]", "[0,1]"), 0, 1, "more than 8 dimensions"},
      {ENTRY("F32", "[1]", "[0,4,8]"), 0, 4, "data_offsets must be two whole numbers"},
      {ENTRY("F32", "[1]", "[4,0]"), 0, 4, "data_offsets must be two whole numbers"},
      {ENTRY("F32", "[1]", "[-4,0]"), 0, 4, "data_offsets must be two whole numbers"},
      {ENTRY("F32", "[2]", "[0,8]"), 0, 4, "ends at byte 8 of the data, expected at most 4"},
      {ENTRY("F32", "[1]", "[9223372036854775803,9223372036854775807]"), 0, 4, "ends at byte"},
      {ENTRY("F32", "[2]", "[0,4]"), 0, 4, "got 4 bytes, expected 8 for its shape"},
      {ENTRY("F32", "[1]", "[0,4]"), 0, 5, "got 1 bytes after the last tensor"},
      {ENTRY("F32", "[1]", "[4,8]"), 0, 8, "gap before its data"},
      {"{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]},"
       "\"b\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[2,6]}}",
       0, 6, "tensor 'b': its data overlap"},
      {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},"
       "\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}",
       0, 1, "duplicate"},
      {"{\"__metadata__\":{\"a\":1}}", 0, 0, "'a' is not a string"},
      {"{\"__metadata__\":[]}", 0, 0, "__metadata__ is not an object"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    cream_error error;
    cream_st_file *file = NULL;
    const char *path = make(cases[i].header, cases[i].length, cases[i].data);
    assert_fails(cream_st_open(path, &file, &error), CREAM_BAD_DATA, error, cases[i].says);
    assert_text_contains(error.text, "x.safetensors");
    assert_null(file);
  }
}

static void deep_header(void **state) {
  (void)state;
  cream_error error;
  cream_st_file *file = NULL;
  enum { DEPTH = 100000 };
  char *bytes = malloc(8 + DEPTH);
  uint64_t length = DEPTH;
  memcpy(bytes, &length, 8);
  memset(bytes + 8, '[', DEPTH);
  scratch_write("deep", bytes, 8 + DEPTH);
  free(bytes);
  assert_fails(cream_st_open(scratch("deep"), &file, &error), CREAM_BAD_DATA, error, "header, byte");
}

/* Every prefix of a good file is refused. */
static void cut(void **state) {
  (void)state;
  const float data[2] = {1, 2};
  const cream_st_tensor tensor = {.name = "t", .dtype = CREAM_ST_F32, .n_dims = 1, .dims = {2}, .data = data};
  assert_int_equal(cream_st_write(scratch("whole"), &tensor, 1, NULL, 0, NULL), CREAM_OK);
  size_t size;
  char *text = scratch_read("whole", &size);
  for (size_t length = 0; length < size; length++) {
    cream_error error;
    cream_st_file *file = NULL;
    scratch_write("cut", text, length);
    assert_fails(cream_st_open(scratch("cut"), &file, &error), CREAM_BAD_DATA, error, scratch("cut"));
  }
  free(text);
  cream_error error;
  cream_st_file *file = NULL;
  assert_fails(cream_st_open(scratch("none"), &file, &error), CREAM_FAILED, error, "No such file");
  assert_fails(cream_st_open(scratch_dir, &file, &error), CREAM_FAILED, error, "not a regular file");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(round_trip, scratch_setup, scratch_teardown),
      cmocka_unit_test_setup_teardown(no_tensors, scratch_setup, scratch_teardown),
      cmocka_unit_test_setup_teardown(foreign_order, scratch_setup, scratch_teardown),
      cmocka_unit_test_setup_teardown(hostile, scratch_setup, scratch_teardown),
      cmocka_unit_test_setup_teardown(deep_header, scratch_setup, scratch_teardown),
      cmocka_unit_test_setup_teardown(cut, scratch_setup, scratch_teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
