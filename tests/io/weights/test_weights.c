#include "tests/io/scratch.h"

#include <math.h>

#include "io/weights/weights.h"

/* A network with only a table and two blocks, on a backend that uses host memory. The gap in the weights stands for the
 * padding of a real table. */
enum { WEIGHTS = 24, STATISTICS = 4 };

struct cream_net {
  float weights[WEIGHTS], statistics[STATISTICS];
};

static const cream_param params[] = {
    {.name = "conv_stem.weight", .n_dims = 4, .dims = {2, 1, 3, 2}, .offset = 0, .count = 12},
    {.name = "bn1.weight", .n_dims = 1, .dims = {2}, .offset = 16, .count = 2},
    {.name = "classifier.weight", .n_dims = 2, .dims = {3, 1}, .offset = 18, .count = 3},
    {.name = "bn1.running_mean", .n_dims = 1, .dims = {2}, .offset = 0, .count = 2, .statistic = true},
    {.name = "bn1.running_var", .n_dims = 1, .dims = {2}, .offset = 2, .count = 2, .statistic = true},
};
enum { N_PARAMS = sizeof params / sizeof *params };

const cream_param *cream_net_params(const cream_net *net, int *count) {
  (void)net;
  *count = N_PARAMS;
  return params;
}
bool cream_net_in_backbone(const cream_net *net, const cream_param *param) {
  (void)net, (void)param;
  return true;
}
const cream_skeleton *cream_net_skeleton(const cream_net *net) {
  (void)net;
  static const cream_skeleton skeleton = {.space = {.bn_eps = CREAM_BN_EPS}};
  return &skeleton;
}
size_t cream_net_weight_count(const cream_net *net) {
  return sizeof net->weights / sizeof(float);
}
size_t cream_net_statistic_count(const cream_net *net) {
  return sizeof net->statistics / sizeof(float);
}
cream_buf cream_net_weights(const cream_net *net) {
  return (cream_buf){(void *)net->weights, 0};
}
cream_buf cream_net_statistics(const cream_net *net) {
  return (cream_buf){(void *)net->statistics, 0};
}

static void upload(cream_backend *backend, cream_buf dst, const void *src, size_t count) {
  (void)backend;
  memcpy((float *)dst.mem + dst.offset, src, count * sizeof(float));
}
static cream_status download(cream_backend *backend, void *dst, cream_buf src, size_t count,
                             cream_error *err) {
  (void)backend, (void)err;
  memcpy(dst, (float *)src.mem + src.offset, count * sizeof(float));
  return CREAM_OK;
}
static cream_status synchronise(cream_backend *backend, cream_error *err) {
  (void)backend, (void)err;
  return CREAM_OK;
}
static cream_status broken_download(cream_backend *backend, void *dst, cream_buf src, size_t count,
                                    cream_error *err) {
  (void)backend, (void)dst, (void)src, (void)count;
  return cream_fail(err, CREAM_FAILED, "device lost");
}
static cream_backend backend = {
    .name = "host", .upload = upload, .download = download, .synchronise = synchronise};

static cream_net filled(void) {
  cream_net net;
  for (int i = 0; i < WEIGHTS; i++) net.weights[i] = (i >= 12 && i < 16) || i >= 21 ? 0 : (float)i + 0.5f;
  for (int i = 0; i < STATISTICS; i++) net.statistics[i] = (float)-i;
  return net;
}

static void round_trip(void **state) {
  (void)state;
  cream_net net = filled(), other = {{0}, {0}};
  const float theta[8] = {1, 2, 3, 4, 5, 6, 7, 8}, bias[1] = {9};
  const cream_st_tensor extra[] = {
      {.name = "meta_layer.weight", .dtype = CREAM_ST_F32, .n_dims = 2, .dims = {1, 8}, .data = theta},
      {.name = "meta_layer.bias", .dtype = CREAM_ST_F32, .n_dims = 1, .dims = {1}, .data = bias},
  };
  const cream_pair metadata[] = {{"format", "pt"}};
  cream_error error;
  cream_weights_report report;
  assert_int_equal(cream_weights_save(scratch("w"), &backend, &net, extra, 2, metadata, 1, &error), CREAM_OK);
  assert_int_equal(cream_weights_load(scratch("w"), &backend, &other, &report, &error), CREAM_OK);
  assert_memory_equal(&net, &other, sizeof net);
  assert_int_equal(report.loaded, N_PARAMS);
  assert_int_equal(report.extra, 2);
  assert_string_equal(report.text, "2 tensors not used: meta_layer.weight, meta_layer.bias");

  cream_st_file *file;
  assert_int_equal(cream_st_open(scratch("w"), &file, &error), CREAM_OK);
  const cream_st_tensor *stem = cream_st_find(file, "conv_stem.weight");
  assert_int_equal(stem->n_dims, 4);
  assert_int_equal(stem->dims[2], 3);
  assert_memory_equal(cream_st_find(file, "bn1.weight")->data, net.weights + 16, 8);
  assert_memory_equal(cream_st_find(file, "meta_layer.weight")->data, theta, sizeof theta);
  assert_string_equal(cream_st_metadata(file, "format"), "pt");
  cream_st_close(file);

  assert_int_equal(cream_weights_save(scratch("w"), &backend, &net, NULL, 0, NULL, 0, &error), CREAM_OK);
  assert_int_equal(cream_weights_load(scratch("w"), &backend, &other, &report, &error), CREAM_OK);
  assert_string_equal(report.text, "");
  assert_int_equal(cream_weights_load(scratch("w"), &backend, &other, NULL, NULL), CREAM_OK);
}

/* Loads a file of these tensors. A failure must change nothing. */
static cream_status load_changed(const cream_st_tensor *tensors, int count, cream_error *error) {
  cream_net net = filled(), before = net;
  cream_weights_report report = {.loaded = -1};
  assert_int_equal(cream_st_write(scratch("w"), tensors, count, NULL, 0, NULL), CREAM_OK);
  cream_status status = cream_weights_load(scratch("w"), &backend, &net, &report, error);
  if (status) {
    assert_memory_equal(&net, &before, sizeof net);
    assert_int_equal(report.loaded, -1);
    assert_text_contains(error->text, scratch("w"));
  }
  return status;
}

/* The tensors of the table, all zero. */
static void make_good(cream_st_tensor good[N_PARAMS]) {
  static const double data[12] = {0};
  for (int i = 0; i < N_PARAMS; i++) {
    good[i] = (cream_st_tensor){
        .name = params[i].name, .dtype = CREAM_ST_F32, .n_dims = params[i].n_dims, .data = data};
    for (int d = 0; d < params[i].n_dims; d++) good[i].dims[d] = (uint64_t)params[i].dims[d];
  }
}

static void misfits(void **state) {
  (void)state;
  static const double data[12] = {0};
  cream_st_tensor good[N_PARAMS + 2];
  cream_error error;
  make_good(good);
  assert_int_equal(load_changed(good, N_PARAMS, &error), CREAM_OK);
  assert_fails(load_changed(good, N_PARAMS - 1, &error), CREAM_BAD_DATA, error,
               "1 tensor missing: bn1.running_var");
  assert_fails(load_changed(good, 1, &error), CREAM_BAD_DATA, error,
               "4 tensors missing: bn1.weight, classifier.weight, bn1.running_mean, ...");

  cream_st_tensor changed[N_PARAMS + 2];
  memcpy(changed, good, sizeof good);
  changed[0].dims[3] = 1;
  changed[2].n_dims = 1;
  assert_fails(load_changed(changed, N_PARAMS, &error), CREAM_BAD_DATA, error,
               "2 tensors of another shape: conv_stem.weight is [2,1,3,1], expected [2,1,3,2], "
               "classifier.weight is [3], expected [3,1]");
  memcpy(changed, good, sizeof good);
  changed[1].dtype = CREAM_ST_F64;
  assert_fails(
      load_changed(changed, N_PARAMS, &error), CREAM_BAD_DATA, error,
      "1 tensor of another type: bn1.weight is of type F64, expected F32; convert the file with `cream "
      "convert FILE OUT --arch NETWORK`, which mends other types");

  const float bad[] = {0, INFINITY}, worse[] = {NAN, 0};
  memcpy(changed, good, sizeof good);
  changed[1].data = bad;
  assert_fails(load_changed(changed, N_PARAMS, &error), CREAM_BAD_DATA, error,
               "tensor `bn1.weight`: got values that are not finite");
  changed[1].data = good[1].data;
  changed[4].data = worse;
  assert_fails(load_changed(changed, N_PARAMS, &error), CREAM_BAD_DATA, error, "tensor `bn1.running_");

  memcpy(changed, good, sizeof good);
  changed[0].name = "conv_steem.weight";
  changed[N_PARAMS] =
      (cream_st_tensor){.name = "bn1.num_batches_tracked", .dtype = CREAM_ST_I64, .data = data};
  assert_fails(load_changed(changed, N_PARAMS + 1, &error), CREAM_BAD_DATA, error,
               "1 tensor missing: conv_stem.weight; 1 tensor not in this network: conv_steem.weight");
  assert_null(strstr(error.text, "num_batches_tracked"));

  good[N_PARAMS] = changed[N_PARAMS];
  assert_int_equal(load_changed(good, N_PARAMS + 1, &error), CREAM_OK);
}

/* What to do about weights that do not match. */
static void advice(void **state) {
  (void)state;
  cream_st_tensor good[N_PARAMS], changed[N_PARAMS];
  cream_error error;
  make_good(good);
  memcpy(changed, good, sizeof good);
  changed[2].dims[0] = 5;
  assert_fails(load_changed(changed, N_PARAMS, &error), CREAM_BAD_DATA, error,
               "the weights are for 5 classes, the network has 3: take a network with `classes` 5");
  /* For training on other classes, the last layer starts from 0; the others are loaded. */
  cream_net net = filled(), before = net;
  cream_weights_report report;
  assert_int_equal(cream_weights_load_any_classes(scratch("w"), &backend, &net, NULL, &report, &error),
                   CREAM_OK);
  assert_int_equal(report.loaded, N_PARAMS - 1);
  assert_text_contains(report.text,
                       "new classifier: all of its 3 classes are new; the weights are for 5 classes");
  assert_true(net.weights[18] == 0 && net.weights[19] == 0 && net.weights[20] == 0);
  assert_true(net.weights[0] == 0 && net.statistics[3] == 0);
  /* Classes of the same name keep their rows. */
  const float rows[] = {10, 11, 12, 13, 14};
  changed[2].data = rows;
  assert_int_equal(cream_st_write(scratch("w"), changed, N_PARAMS, NULL, 0, NULL), CREAM_OK);
  net = before;
  assert_int_equal(
      cream_weights_load_any_classes(scratch("w"), &backend, &net, (const int[]){4, -1, 0}, &report, &error),
      CREAM_OK);
  assert_text_contains(
      report.text, "2 of its 3 classes keep the weights of the same name, 1 is new; the weights are for 5");
  assert_true(net.weights[18] == 14 && net.weights[19] == 0 && net.weights[20] == 10);
  net = before; /* names for more classes than there are rows */
  assert_int_equal(
      cream_weights_load_any_classes(scratch("w"), &backend, &net, (const int[]){4, 5, 0}, &report, &error),
      CREAM_OK);
  assert_true(net.weights[18] == 0 && net.weights[19] == 0 && net.weights[20] == 0);
  changed[0].dims[3] = 1; /* another layer too */
  assert_int_equal(cream_st_write(scratch("w"), changed, N_PARAMS, NULL, 0, NULL), CREAM_OK);
  net = before;
  assert_fails(cream_weights_load_any_classes(scratch("w"), &backend, &net, NULL, &report, &error),
               CREAM_BAD_DATA, error, "2 tensors of another shape");
  assert_memory_equal(&net, &before, sizeof net);
  static char prefixed[N_PARAMS][128];
  memcpy(changed, good, sizeof good);
  for (int i = 0; i < N_PARAMS; i++) {
    snprintf(prefixed[i], sizeof prefixed[i], "module.net.%.90s", params[i].name);
    changed[i].name = prefixed[i];
  }
  assert_fails(load_changed(changed, N_PARAMS, &error), CREAM_BAD_DATA, error,
               "--arch NETWORK`, which mends prefixes of names");
  changed[0].name = "module.stem.weight";
  assert_fails(load_changed(changed, N_PARAMS, &error), CREAM_BAD_DATA, error,
               "take the network (--arch) that the weights were made for");
}

/* A file with more dimensions and longer names than fit in a message. */
static void long_names(void **state) {
  (void)state;
  char name[2000];
  memset(name, 'n', sizeof name - 1);
  name[sizeof name - 1] = 0;
  cream_st_tensor tensors[6];
  for (int i = 0; i < 6; i++) {
    tensors[i] = (cream_st_tensor){.name = name + i, .dtype = CREAM_ST_F32, .n_dims = 1, .dims = {0}};
  }
  tensors[5] = (cream_st_tensor){.name = params[0].name, .dtype = CREAM_ST_F32, .n_dims = 8};
  for (int d = 1; d < 8; d++) tensors[5].dims[d] = 100;
  cream_error error;
  assert_fails(load_changed(tensors, 6, &error), CREAM_BAD_DATA, error, "4 tensors missing");
}

static void failures(void **state) {
  (void)state;
  cream_net net = filled();
  cream_error error;
  cream_backend lost = backend;
  lost.download = broken_download;
  assert_fails(cream_weights_save(scratch("w"), &lost, &net, NULL, 0, NULL, 0, &error), CREAM_FAILED, error,
               "device lost");
  assert_fails(cream_weights_save(scratch("none/w"), &backend, &net, NULL, 0, NULL, 0, &error), CREAM_FAILED,
               error, "No such file");
  assert_int_equal(scratch_count(), 0);
  assert_fails(cream_weights_load(scratch("none"), &backend, &net, NULL, &error), CREAM_FAILED, error,
               "No such file");
  scratch_write("text", "not weights at all", 18);
  assert_fails(cream_weights_load(scratch("text"), &backend, &net, NULL, &error), CREAM_BAD_DATA, error,
               "not a safetensors file");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(round_trip, scratch_setup, scratch_teardown),
      cmocka_unit_test_setup_teardown(misfits, scratch_setup, scratch_teardown),
      cmocka_unit_test_setup_teardown(advice, scratch_setup, scratch_teardown),
      cmocka_unit_test_setup_teardown(long_names, scratch_setup, scratch_teardown),
      cmocka_unit_test_setup_teardown(failures, scratch_setup, scratch_teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
