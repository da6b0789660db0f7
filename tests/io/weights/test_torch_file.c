#include "tests/io/scratch.h"

#include <math.h>

#include "io/weights/convert.h"
#include "io/weights/torch_file.h"
#include "io/weights/torch_magic.h"

#define FOLDER CREAM_SOURCE_DIR "/tests/io/weights/torch/"

static const cream_torch_choice any = {0}, averaged = {.ema = true};

static const cream_st_tensor *find(const cream_torch_file *file, const char *name) {
  const cream_st_tensor *tensors;
  int count = cream_torch_tensors(file, &tensors);
  for (int i = 0; i < count; i++)
    if (strcmp(tensors[i].name, name) == 0) return &tensors[i];
  fail_msg("no %s", name);
  return NULL;
}

static void expect_shape(const cream_st_tensor *tensor, cream_st_dtype dtype, int n_dims,
                         const uint64_t *dims) {
  assert_int_equal(tensor->dtype, dtype);
  assert_int_equal(tensor->n_dims, n_dims);
  for (int d = 0; d < n_dims; d++) assert_int_equal(tensor->dims[d], dims[d]);
}

static float value_at(const cream_st_tensor *tensor, size_t i) {
  float value;
  memcpy(&value, (const char *)tensor->data + i * sizeof value, sizeof value);
  return value;
}

/* Checks the tensors of the checkpoint that make_torch.py writes. */
static void expect_checkpoint(const char *path, bool ema) {
  cream_torch_file *file;
  cream_error err;
  float factor = ema ? 2 : 1;
  const cream_st_tensor *tensors;
  if (cream_torch_open(path, &(cream_torch_choice){.ema = ema}, &file, &err)) fail_msg("%s", err.text);
  assert_int_equal(cream_torch_tensors(file, &tensors), 11);
  assert_string_equal(tensors[0].name, "module.conv.weight");
  expect_shape(&tensors[0], CREAM_ST_F32, 4, (const uint64_t[]){2, 3, 2, 2});
  for (size_t i = 0; i < 24; i++) assert_true(value_at(&tensors[0], i) == factor * (float)i);
  const cream_st_tensor *turned = find(file, "module.turned"), *part = find(file, "module.part");
  expect_shape(turned, CREAM_ST_F32, 2, (const uint64_t[]){6, 4});
  for (size_t i = 0; i < 24; i++) assert_true(value_at(turned, i) == factor * (float)(i % 4 * 6 + i / 4));
  expect_shape(part, CREAM_ST_F32, 2, (const uint64_t[]){2, 3});
  for (size_t i = 0; i < 6; i++) assert_true(value_at(part, i) == factor * (float)(8 + i / 3 * 6 + i % 3));
  expect_shape(find(file, "module.scalar"), CREAM_ST_F32, 0, NULL);
  assert_true(value_at(find(file, "module.scalar"), 0) == 2.5f * factor);
  expect_shape(find(file, "module.empty"), CREAM_ST_F32, 2, (const uint64_t[]){0, 3});
  expect_shape(find(file, "module.half"), CREAM_ST_F16, 1, (const uint64_t[]){4});
  expect_shape(find(file, "module.brain"), CREAM_ST_BF16, 1, (const uint64_t[]){2});
  expect_shape(find(file, "module.double"), CREAM_ST_F64, 1, (const uint64_t[]){1});
  expect_shape(find(file, "module.flags"), CREAM_ST_BOOL, 1, (const uint64_t[]){2});
  assert_memory_equal(find(file, "module.flags")->data, "\1\0", 2);
  const cream_st_tensor *counter = find(file, "module.bn.num_batches_tracked");
  int64_t seven;
  expect_shape(counter, CREAM_ST_I64, 0, NULL);
  memcpy(&seven, counter->data, sizeof seven);
  assert_int_equal(seven, 7);
  assert_true(value_at(find(file, "module.parameter"), 1) == factor);
  cream_torch_close(file);
}

static void checkpoints(void **state) {
  (void)state;
  static const char *const files[] = {FOLDER "old.pth.tar", FOLDER "zip.pth", FOLDER "deflated.pth"};
  for (int i = 0; i < 3; i++) {
    assert_true(cream_torch_recognise(files[i]));
    expect_checkpoint(files[i], false);
    expect_checkpoint(files[i], true);
  }
}

/* Checks the two tensors a.weight and a.bias of the other files of make_torch.py. */
static void expect_small(const char *path, cream_torch_choice choice, const char *prefix, float factor) {
  cream_torch_file *file;
  cream_error err;
  char name[64];
  if (cream_torch_open(path, &choice, &file, &err)) fail_msg("%s", err.text);
  snprintf(name, sizeof name, "%sa.weight", prefix);
  const cream_st_tensor *weight = find(file, name);
  expect_shape(weight, CREAM_ST_F32, 2, (const uint64_t[]){2, 3});
  for (size_t i = 0; i < 6; i++) assert_true(value_at(weight, i) == factor * (float)i);
  snprintf(name, sizeof name, "%sa.bias", prefix);
  expect_shape(find(file, name), CREAM_ST_F32, 1, (const uint64_t[]){2});
  assert_true(value_at(find(file, name), 1) == 2 * factor);
  cream_torch_close(file);
}

static const cream_param small_net[] = {{.name = "a.weight", .n_dims = 2, .dims = {2, 3}, .count = 6},
                                        {.name = "a.bias", .n_dims = 1, .dims = {2}, .count = 2}};

/* What stands beside the tensors, and where they are. */
static void found(void **state) {
  (void)state;
  static const char *const beside[] = {"beside.pth", "beside-old.pth", "beside-4.pth", "attributes.pth",
                                       "nested.pth"};
  for (size_t i = 0; i < sizeof beside / sizeof *beside; i++) {
    char path[300];
    snprintf(path, sizeof path, FOLDER "%s", beside[i]);
    expect_small(path, any, "", 1);
  }
  expect_small(FOLDER "averaged.pth", any, "", 1);
  expect_small(FOLDER "averaged.pth", averaged, "module.", 2);
  expect_small(FOLDER "several.pth", averaged, "", 2);
  expect_small(FOLDER "several.pth", (cream_torch_choice){.key = "teacher"}, "", 3);
  expect_small(FOLDER "several.pth", (cream_torch_choice){.key = "ema.shadow"}, "", 2);
  expect_small(FOLDER "nested.pth", (cream_torch_choice){.key = "what.0.net.weights"}, "", 1);
  static const cream_param other[] = {{.name = "student.a.weight"}};
  expect_small(FOLDER "several.pth", (cream_torch_choice){.params = other, .n_params = 1}, "student.", 1);
  cream_torch_file *file;
  cream_error err;
  assert_fails(cream_torch_open(FOLDER "several.pth", &any, &file, &err), CREAM_BAD_DATA, err,
               "got 2 dicts of tensors, `student` (2 tensors), `teacher` (2 tensors); choose one with --key");
  assert_fails(cream_torch_open(FOLDER "nested.pth", &averaged, &file, &err), CREAM_BAD_CONFIG, err,
               "no averaged weights");
  assert_fails(cream_torch_open(FOLDER "module.pth", &any, &file, &err), CREAM_BAD_DATA, err, "state_dict()");
}

/* Names and values of a source, opened for the small network. */
static void expect_source(const char *path, cream_torch_choice choice, int count) {
  cream_weights_source *source;
  cream_weights_report report;
  cream_error err;
  choice.params = small_net;
  choice.n_params = 2;
  const cream_weights_info none = {0};
  if (cream_weights_source_open(path, &choice, NULL, &source, &err)) fail_msg("%s", err.text);
  assert_int_equal(cream_weights_source_save(source, scratch("small"), small_net, 2, &none, &report, &err),
                   CREAM_OK);
  assert_int_equal(report.loaded, 2);
  assert_int_equal(report.extra, count - 2);
  assert_int_equal(report.text[0] != 0, count > 2);
  cream_weights_source_close(source);
}

/* The prefixes of wrappers, of which the names of the network decide. */
static void prefixes(void **state) {
  (void)state;
  static const float data[6] = {0, 1, 2, 3, 4, 5};
  cream_weights_source *source;
  cream_error err;
  expect_source(FOLDER "averaged.pth", averaged, 2);
  expect_source(FOLDER "several.pth", averaged, 2);
  expect_source(FOLDER "several.pth", (cream_torch_choice){.key = "student"}, 2);
  assert_fails(cream_weights_source_open(FOLDER "several.pth", &(cream_torch_choice){.key = "nobody"}, NULL,
                                         &source, &err),
               CREAM_BAD_DATA, err, "choose one with --key");
  assert_fails(cream_weights_source_open(FOLDER "zip.pth", &(cream_torch_choice){.key = "nobody"}, NULL,
                                         &source, &err),
               CREAM_BAD_DATA, err,
               "--key: got `nobody`, expected the key of a dict of tensors, or a prefix of names");
  cream_st_tensor tensors[] = {
      {.name = "net.model.a.weight", .dtype = CREAM_ST_F32, .n_dims = 2, .dims = {2, 3}, .data = data},
      {.name = "net.model.a.bias", .dtype = CREAM_ST_F32, .n_dims = 1, .dims = {2}, .data = data},
      {.name = "loss.weight", .dtype = CREAM_ST_F32, .n_dims = 1, .dims = {2}, .data = data},
      {.name = "n_averaged", .dtype = CREAM_ST_F32, .n_dims = 1, .dims = {1}, .data = data},
      {.name = "old.a.weight", .dtype = CREAM_ST_F32, .n_dims = 2, .dims = {2, 3}, .data = data},
      {.name = "old.a.bias", .dtype = CREAM_ST_F32, .n_dims = 1, .dims = {2}, .data = data},
  };
  assert_int_equal(cream_st_write(scratch("one"), tensors, 4, NULL, 0, NULL), CREAM_OK);
  expect_source(scratch("one"), any, 3);
  assert_int_equal(cream_st_write(scratch("two"), tensors, 6, NULL, 0, NULL), CREAM_OK);
  assert_fails(cream_weights_source_open(scratch("two"),
                                         &(cream_torch_choice){.params = small_net, .n_params = 2}, NULL,
                                         &source, &err),
               CREAM_BAD_DATA, err, "under `net.model.`, `old.`; choose one with --key PREFIX");
  expect_source(scratch("two"), (cream_torch_choice){.key = "old"}, 5);
  expect_source(scratch("two"), (cream_torch_choice){.key = "net"}, 5);
  /* Without the prefix, what is there is taken. */
  tensors[0].name = "a.weight";
  tensors[1].name = "a.bias";
  assert_int_equal(cream_st_write(scratch("plain"), tensors, 6, NULL, 0, NULL), CREAM_OK);
  expect_source(scratch("plain"), any, 5);
}

/* Files that are no weights are named, by both readers. */
static void foreign(void **state) {
  (void)state;
  static const struct {
    const char *bytes;
    size_t size;
    const char *says;
  } cases[] = {
#define FILE_OF(literal, says) {literal, sizeof literal - 1, says}
      FILE_OF("<!DOCTYPE html><html>", "got a web page"),
      FILE_OF("\n <HTML><body>", "got a web page"),
      FILE_OF("version https://git-lfs.github.com/spec/v1\noid", "a pointer of Git LFS"),
      FILE_OF("\x1f\x8b\x08\0\0\0\0\0\2\3xxxx", "got a gzip file; unpack it"),
      FILE_OF("BZh91AY&SYxxxxx", "got a bzip2 file"),
      FILE_OF("\xfd"
              "7zXZ\0\0\4xxxxxx",
              "got an xz file"),
      FILE_OF("\x28\xb5\x2f\xfdxxxxxxxx", "got a zstd file"),
      FILE_OF("\x89HDF\r\n\x1a\nxxxxxx", "got an HDF5 file"),
      FILE_OF("\x93NUMPY\1\0xxxxxx", "got a NumPy array"),
      FILE_OF("\x08\x07\x12\x07pytorch\x1a", "got an ONNX model"),
      FILE_OF("{\"message\": \"Not Found\"}", "got JSON text"),
      FILE_OF("Not found", "got plain text"),
      FILE_OF("no", "got plain text"),
      FILE_OF("\0\0\0\0\0\0\0\0\0\0\0\0", "got zeros"),
  };
  cream_st_file *safetensors;
  cream_torch_file *file;
  cream_weights_source *source;
  cream_error err;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    scratch_write("foreign", cases[i].bytes, cases[i].size);
    assert_fails(cream_torch_open(scratch("foreign"), &any, &file, &err), CREAM_BAD_DATA, err, cases[i].says);
    assert_fails(cream_st_open(scratch("foreign"), &safetensors, &err), CREAM_BAD_DATA, err, cases[i].says);
    assert_fails(cream_weights_source_open(scratch("foreign"), &any, NULL, &source, &err), CREAM_BAD_DATA,
                 err, cases[i].says);
  }
  char tar[1024] = "weights.pth";
  memcpy(tar + 257, "ustar", 5);
  scratch_write("foreign", tar, sizeof tar);
  assert_fails(cream_weights_source_open(scratch("foreign"), &any, NULL, &source, &err), CREAM_BAD_DATA, err,
               "got a tar archive; unpack it with `tar -xf`");
}

/* The prefix and the counters are removed, and all floating-point numbers are F32. */
static void converted(void **state) {
  (void)state;
  cream_weights_source *source;
  cream_weights_report report;
  cream_error err;
  if (cream_weights_source_open(FOLDER "zip.pth", &any, NULL, &source, &err)) fail_msg("%s", err.text);
  cream_weights_info info = cream_weights_info_imagenet();
  assert_int_equal(cream_weights_source_save(source, scratch("w"), NULL, 0, &info, &report, &err), CREAM_OK);
  assert_int_equal(report.loaded, 10);
  cream_weights_source_close(source);

  cream_st_file *file;
  assert_int_equal(cream_st_open(scratch("w"), &file, &err), CREAM_OK);
  const cream_st_tensor *half = cream_st_find(file, "half"), *brain = cream_st_find(file, "brain");
  assert_int_equal(half->dtype, CREAM_ST_F32);
  assert_true(value_at(half, 0) == 1.5f && value_at(half, 1) == -2);
  assert_true(fabsf(value_at(half, 2) - 0x1p-24f) == 0); /* 6e-8 in half precision */
  assert_true(isinf(value_at(half, 3)));
  assert_true(value_at(brain, 0) == 1.5f && value_at(brain, 1) == -3);
  assert_true(value_at(cream_st_find(file, "double"), 0) == 0.1f);
  assert_int_equal(cream_st_find(file, "flags")->dtype, CREAM_ST_BOOL);
  assert_null(cream_st_find(file, "bn.num_batches_tracked"));
  assert_string_equal(cream_st_metadata(file, "mean"), "[0.485, 0.456, 0.406]");
  cream_st_close(file);

  /* Files written by cream are copied unchanged. */
  if (cream_weights_source_open(scratch("w"), &any, NULL, &source, &err)) fail_msg("%s", err.text);
  assert_int_equal(cream_weights_source_save(source, scratch("again"), NULL, 0,
                                             cream_weights_source_info(source), &report, &err),
                   CREAM_OK);
  cream_weights_source_close(source);
  size_t first, second;
  char *one = scratch_read("w", &first), *two = scratch_read("again", &second);
  assert_int_equal(first, second);
  assert_memory_equal(one, two, first);
  free(one);
  free(two);
  assert_fails(cream_weights_source_open(scratch("w"), &averaged, NULL, &source, &err), CREAM_BAD_CONFIG, err,
               "--ema");
}

/* ---- the old form, by hand -------------------------------------------------------------------------- */

typedef struct old_file {
  char bytes[4096];
  size_t size;
} old_file;

static void put(old_file *file, const void *bytes, size_t size) {
  assert_true(file->size + size <= sizeof file->bytes);
  memcpy(file->bytes + file->size, bytes, size);
  file->size += size;
}
#define PUT(file, literal) put(file, literal, sizeof literal - 1)

static void put_int(old_file *file, int64_t value) {
  PUT(file, "\x8a\x08");
  put(file, &value, sizeof value);
}

static void put_tuple(old_file *file, const int64_t *values, int count) {
  PUT(file, "(");
  for (int i = 0; i < count; i++) put_int(file, values[i]);
  PUT(file, "t");
}

/* One tensor `w` on one storage of floats. */
typedef struct tensor_case {
  int64_t elements, offset; /* in the pickle */
  int n_dims, n_strides;
  int64_t dims[9], strides[9];
  int64_t stored; /* the count before the four numbers */
} tensor_case;

static const tensor_case plain = {4, 0, 2, 2, {2, 2}, {2, 1}, 4};

static void put_begin(old_file *file) {
  file->size = 0;
  PUT(file, "\x80\x02\x8a\nl\xfc\x9c"
            "F\xf9 j\xa8P\x19."
            "\x80\x02M\xe9\x03.");
  PUT(file, "\x80\x02}X\x0d\0\0\0little_endian\x88s.");
}

static void put_end(old_file *file, int64_t stored) {
  const float numbers[4] = {1, 2, 3, 4};
  PUT(file, "\x80\x02](X\1\0\0\0"
            "0e.");
  put(file, &stored, sizeof stored);
  put(file, numbers, sizeof numbers);
}

static void put_file(old_file *file, const tensor_case *tensor) {
  put_begin(file);
  PUT(file, "\x80\x02}X\1\0\0\0wctorch._utils\n_rebuild_tensor_v2\n((X\7\0\0\0storagectorch\nFloatStorage\n");
  PUT(file, "X\1\0\0\0"
            "0X\3\0\0\0cpu");
  put_int(file, tensor->elements);
  PUT(file, "NtQ");
  put_int(file, tensor->offset);
  put_tuple(file, tensor->dims, tensor->n_dims);
  put_tuple(file, tensor->strides, tensor->n_strides);
  PUT(file, "\x89"
            "ccollections\nOrderedDict\n)RtRs.");
  put_end(file, tensor->stored);
}

static cream_status open_bytes(const old_file *bytes, cream_torch_file **file, cream_error *err) {
  scratch_write("old", bytes->bytes, bytes->size);
  *file = NULL;
  return cream_torch_open(scratch("old"), &any, file, err);
}

static void views(void **state) {
  (void)state;
  static const tensor_case good[] = {{4, 0, 2, 2, {2, 2}, {2, 1}, 4},  {4, 1, 1, 1, {3}, {1}, 4},
                                     {4, 3, 0, 0, {0}, {0}, 4},        {4, 0, 2, 2, {2, 2}, {1, 2}, 4},
                                     {4, 99, 2, 2, {0, 7}, {7, 1}, 4}, {4, 0, 2, 2, {1, 4}, {99, 1}, 4},
                                     {4, 1, 1, 1, {2}, {2}, 4},        {4, 0, 1, 1, {3}, {0}, 4}};
  static const float first[] = {1, 2, 4, 1, 0, 1, 2, 1}, last[] = {4, 4, 4, 4, 0, 4, 4, 1};
  static const struct {
    tensor_case tensor;
    const char *says;
  } bad[] = {
      {{4, 0, 2, 2, {2, 2}, {-2, 1}, 4}, "unexpected arguments"},
      {{4, 0, 2, 2, {-2, 2}, {2, 1}, 4}, "unexpected arguments"},
      {{4, -1, 1, 1, {2}, {1}, 4}, "unexpected arguments"},
      {{4, 0, 2, 1, {2, 2}, {1}, 4}, "unexpected arguments"},
      {{4, 0, 9, 9, {1}, {1}, 4}, "unexpected arguments"},
      {{4, 0, 1, 1, {5}, {1}, 4}, "are not all inside its storage"},
      {{4, 2, 1, 1, {3}, {1}, 4}, "are not all inside its storage"},
      {{4, INT64_MAX, 1, 1, {1}, {1}, 4}, "are not all inside its storage"},
      {{4, 0, 2, 2, {2, 2}, {INT64_MAX, 1}, 4}, "are not all inside its storage"},
      {{4, 0, 2, 2, {INT64_MAX, INT64_MAX}, {0, 0}, 4}, "are not all inside its storage"},
      {{4, 0, 1, 1, {1 << 30}, {0}, 4}, "are not all inside its storage"},
      {{5, 0, 1, 1, {1}, {1}, 5}, "the file may be truncated"},
      {{4, 0, 1, 1, {1}, {1}, 5}, "got a storage of 5 elements, expected 4"},
      {{4, 0, 1, 1, {1}, {1}, -1}, "expected 4"},
      {{-1, 0, 1, 1, {1}, {1}, 4}, "not PyTorch's tuple of a storage"},
      {{INT64_MAX, 0, 1, 1, {1}, {1}, INT64_MAX}, "larger than the file could hold"},
      {{1 << 24, 0, 1, 1, {1}, {1}, 1 << 24}, "the file may be truncated"},
  };
  old_file bytes;
  cream_torch_file *file;
  cream_error err;
  for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
    const cream_st_tensor *tensors;
    put_file(&bytes, &good[i]);
    if (open_bytes(&bytes, &file, &err)) fail_msg("%zu: %s", i, err.text);
    assert_int_equal(cream_torch_tensors(file, &tensors), 1);
    uint64_t count = cream_st_count(tensors);
    if (count) {
      assert_true(value_at(tensors, 0) == first[i]);
      assert_true(value_at(tensors, (size_t)count - 1) == last[i]);
    }
    cream_torch_close(file);
  }
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    put_file(&bytes, &bad[i].tensor);
    assert_fails(open_bytes(&bytes, &file, &err), CREAM_BAD_DATA, err, bad[i].says);
  }
}

/* Another object in the place of the state dict. */
#define OBJECT(literal, status, says) refuse_object(literal, sizeof literal - 1, status, says)
static void refuse_object(const char *object, size_t size, cream_status status, const char *says) {
  old_file bytes;
  cream_torch_file *file;
  cream_error err;
  put_begin(&bytes);
  put(&bytes, object, size);
  PUT(&bytes, "\x80\x02].");
  assert_fails(open_bytes(&bytes, &file, &err), status, err, says);
}

static void objects(void **state) {
  (void)state;
  OBJECT("\x80\x02K\x01.", CREAM_BAD_DATA, "got a number, expected a state dict or a checkpoint");
  OBJECT("\x80\x02}X\5\0\0\0epochK\x03s.", CREAM_BAD_DATA,
         "no dict of tensors in it, its keys are `epoch` (a number); save model.state_dict()");
  OBJECT("\x80\x02}K\x01K\x03s.", CREAM_BAD_DATA, "its keys are `(a number)` (a number)");
  OBJECT("\x80\x02}X\3\0\0\0a\nbK\x03s.", CREAM_BAD_DATA, "its keys are `a?b` (a number)");
  OBJECT("\x80\x02}X\3\0\0\0a\nbctorch._utils\n_rebuild_tensor_v2\n)Rs.", CREAM_BAD_DATA,
         "as the name of a tensor");
  OBJECT("\x80\x02}.", CREAM_BAD_DATA, "its keys are none");
  OBJECT("\x80\x02}X\1\0\0\0wcos\nsystem\nX\2\0\0\0ls\x85Rs.", CREAM_BAD_DATA, "`os.system`");
  OBJECT("\x80\x02}X\1\0\0\0wctorch._utils\n_rebuild_tensor_v2\n)Rs.", CREAM_BAD_DATA,
         "unexpected arguments");
  OBJECT("\x80\x02}X\1\0\0\0wctorch._utils\n_rebuild_parameter\n)Rs.", CREAM_BAD_DATA, "expected a tensor");
  OBJECT("\x80\x02}X\1\0\0\0wctorch._utils\n_rebuild_parameter\n(ctorch._utils\n_rebuild_parameter\n)RtRs.",
         CREAM_BAD_DATA, "expected a tensor");
  OBJECT("\x80\x02}X\1\0\0\0wK\x01Qs.", CREAM_BAD_DATA, "not PyTorch's tuple of a storage");
  /* A state dict that holds itself. */
  OBJECT("\x80\x02}q\0X\1\0\0\0wh\0s.", CREAM_BAD_DATA, "its keys are `w` (a dict)");
  /* Whole modules, and objects in the place of weights. */
  OBJECT("\x80\x02"
         "ctorch.nn.modules.linear\nLinear\n)\x81}X\1\0\0\0wK\1sb.",
         CREAM_BAD_DATA,
         "a whole object of class `torch.nn.modules.linear.Linear`, expected tensors; if it is a module");
  OBJECT("\x80\x02"
         "c__torch__.net\nNet\n)\x81}b.",
         CREAM_BAD_DATA, "a TorchScript module");
  OBJECT("\x80\x02}X\5\0\0\0modelcmodels.yolo\nModel\n)\x81}bs.", CREAM_BAD_DATA,
         "its keys are `model` (an object of class models.yolo.Model); save model.state_dict()");
  /* Two dicts of tensors: neither is the weights. */
#define TENSOR "ctorch._utils\n_rebuild_tensor_v2\n)R"
  OBJECT("\x80\x02}(X\1\0\0\0a}X\3\0\0\0w.w" TENSOR "sX\1\0\0\0b]}X\3\0\0\0w.w" TENSOR "sau.", CREAM_BAD_DATA,
         "got 2 dicts of tensors, `a` (1 tensors), `b.0` (1 tensors); choose one with --key KEY");
#undef TENSOR
}

static void broken(void **state) {
  (void)state;
  old_file bytes;
  cream_torch_file *file;
  cream_error err;
  put_file(&bytes, &plain);
  size_t whole = bytes.size;
  for (bytes.size = 1; bytes.size < whole; bytes.size++)
    assert_fails(open_bytes(&bytes, &file, &err), CREAM_BAD_DATA, err, "old");
  put_file(&bytes, &plain);
  bytes.bytes[5] ^= 1;
  assert_fails(open_bytes(&bytes, &file, &err), CREAM_BAD_DATA, err, "without the magic number");
  put_file(&bytes, &plain);
  bytes.bytes[18] ^= 1;
  assert_fails(open_bytes(&bytes, &file, &err), CREAM_BAD_DATA, err, "protocol other than 1001");
  put_file(&bytes, &plain);
  *(char *)memchr(bytes.bytes + 30, '\x88', 20) = '\x89';
  assert_fails(open_bytes(&bytes, &file, &err), CREAM_BAD_DATA, err, "little-endian");

  size_t size;
  FILE *stream = fopen(FOLDER "deflated.pth", "rb");
  char zip[8192];
  assert_non_null(stream);
  size = fread(zip, 1, sizeof zip, stream);
  fclose(stream);
  for (size_t length = 5; length < size; length += 13) {
    scratch_write("cut", zip, length);
    assert_fails(cream_torch_open(scratch("cut"), &any, &file, &err), CREAM_BAD_DATA, err, "cut");
  }
  /* A flipped bit is reported, unless it is in a part of the file that is not read. */
  int reported = 0;
  for (size_t at = 0; at < size; at += 7) {
    zip[at] ^= 0x10;
    scratch_write("flipped", zip, size);
    if (cream_torch_open(scratch("flipped"), &any, &file, &err))
      reported++;
    else
      cream_torch_close(file);
    zip[at] ^= 0x10;
  }
  assert_true(reported > 50);

  scratch_write("text", "just text, no weights", 21);
  assert_false(cream_torch_recognise(scratch("text")));
  assert_fails(cream_torch_open(scratch("text"), &any, &file, &err), CREAM_BAD_DATA, err,
               "not a file saved by PyTorch");
  scratch_write("empty", "", 0);
  assert_fails(cream_torch_open(scratch("empty"), &any, &file, &err), CREAM_BAD_DATA, err, "empty");
  assert_fails(cream_torch_open(scratch("none"), &any, &file, &err), CREAM_FAILED, err, "No such file");
  assert_fails(cream_torch_open(FOLDER "hostile.pth", &any, &file, &err), CREAM_BAD_DATA, err,
               "`posix.system`");
  put_file(&bytes, &plain);
  scratch_write("old", bytes.bytes, bytes.size);
  assert_fails(cream_torch_open(scratch("old"), &averaged, &file, &err), CREAM_BAD_CONFIG, err,
               "no averaged weights");
  /* Opening it as safetensors says how to convert it. */
  cream_st_file *safetensors;
  assert_fails(cream_st_open(FOLDER "zip.pth", &safetensors, &err), CREAM_BAD_DATA, err, "cream convert");
  assert_fails(cream_st_open(FOLDER "old.pth.tar", &safetensors, &err), CREAM_BAD_DATA, err, "cream convert");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(checkpoints),
      cmocka_unit_test(found),
      cmocka_unit_test_setup_teardown(prefixes, scratch_setup, scratch_teardown),
      cmocka_unit_test_setup_teardown(foreign, scratch_setup, scratch_teardown),
      cmocka_unit_test_setup_teardown(converted, scratch_setup, scratch_teardown),
      cmocka_unit_test_setup_teardown(views, scratch_setup, scratch_teardown),
      cmocka_unit_test_setup_teardown(objects, scratch_setup, scratch_teardown),
      cmocka_unit_test_setup_teardown(broken, scratch_setup, scratch_teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
