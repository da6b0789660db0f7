/* A path of a supernet as a network of its own: the same logits, bit for bit. */
#include "tests/io/scratch.h"

#include "tests/core/synthetic.h"

#include "io/weights/path_weights.h"
#include "io/weights/weights.h"

enum { BATCH = 6, SIDE = 16, PATHS = 24, RECALIBRATED = 2 };

typedef struct fixture {
  cream_backend *backend;
  cream_skeleton skeleton;
  cream_net *supernet;
  synthetic train;
  float *statistics; /* of the supernet */
  char file[256];
} fixture;

static cream_net *make(const fixture *f, const cream_skeleton *skeleton, uint64_t seed) {
  const cream_net_options options = {.batch = BATCH, .seed = seed};
  cream_net *net;
  cream_error err;
  if (cream_net_create(f->backend, skeleton, &options, &net, &err)) fail_msg("%s", err.text);
  return net;
}

/* Different numbers everywhere, variances positive. */
static void open_fixture(fixture *f) {
  cream_error err;
  f->backend = synthetic_backend(false, 2);
  f->skeleton = synthetic_skeleton();
  f->supernet = make(f, &f->skeleton, 1);
  synthetic_open(&f->train, 64, BATCH, SIDE, 3);
  size_t count = cream_net_statistic_count(f->supernet);
  f->statistics = malloc(count * sizeof *f->statistics);
  cream_rng rng = cream_rng_at(5, CREAM_RNG_TEST, 0);
  for (size_t i = 0; i < count; i++) f->statistics[i] = cream_rng_range(&rng, 0.1f, 1);
  f->backend->upload(f->backend, cream_net_statistics(f->supernet), f->statistics, count);
  snprintf(f->file, sizeof f->file, "%s", scratch("supernet.safetensors"));
  const float theta[1] = {7};
  const cream_st_tensor meta = {
      .name = "meta_layer.bias", .dtype = CREAM_ST_F32, .n_dims = 1, .dims = {1}, .data = theta};
  if (cream_weights_save(f->file, f->backend, f->supernet, &meta, 1, NULL, 0, &err)) fail_msg("%s", err.text);
}

static void close_fixture(fixture *f) {
  free(f->statistics);
  synthetic_close(&f->train);
  cream_net_destroy(f->supernet);
  f->backend->destroy(f->backend);
}

static cream_path draw(const cream_skeleton *skeleton, uint64_t index) {
  cream_path path = cream_skeleton_first_path(skeleton);
  cream_rng rng = cream_rng_at(2, CREAM_RNG_TEST, index);
  for (int l = 0; l < path.n_layers; l++)
    path.choice[l] = (uint8_t)cream_rng_below(&rng, (uint32_t)skeleton->layers[l].n_options);
  return path;
}

static void logits_of(fixture *f, cream_net *net, const cream_path *path, float *logits) {
  cream_batch batch;
  cream_error err;
  assert_int_equal(synthetic_read(&f->train.source, 0, 1, &batch, &err), CREAM_OK);
  cream_tensor x = cream_net_input(net, BATCH, SIDE);
  f->backend->upload_pixels(f->backend, &x, batch.pixels, f->train.source.mean, f->train.source.std);
  cream_buf out = cream_net_forward(net, path, &x, CREAM_BN_RUNNING, 0);
  if (f->backend->download(f->backend, logits, out, (size_t)BATCH * SYNTHETIC_CLASSES, &err))
    fail_msg("%s", err.text);
}

static void check_same(fixture *f, cream_net *network, const cream_path *path, int i, const char *when) {
  float of_path[BATCH * SYNTHETIC_CLASSES], of_network[BATCH * SYNTHETIC_CLASSES];
  cream_path only = cream_skeleton_first_path(cream_net_skeleton(network));
  logits_of(f, f->supernet, path, of_path);
  logits_of(f, network, &only, of_network);
  if (memcmp(of_path, of_network, sizeof of_path)) fail_msg("path %d: other logits %s", i, when);
}

static void recalibrate(fixture *f, cream_net *net, const cream_path *path) {
  cream_error err;
  if (cream_recalibrate(net, path, &f->train.source, 3, CREAM_RECALIBRATION_RESET, RECALIBRATED, &err))
    fail_msg("%s", err.text);
}

static void same_logits(void **state) {
  (void)state;
  fixture f;
  open_fixture(&f);
  for (int i = 0; i < PATHS; i++) {
    cream_path path = draw(&f.skeleton, (uint64_t)i);
    cream_skeleton fixed = cream_skeleton_fix(&f.skeleton, &path);
    cream_net *network = make(&f, &fixed, 9);
    cream_path only = cream_skeleton_first_path(&fixed);
    cream_weights_report report;
    cream_error err;
    if (cream_weights_load_path(f.file, &f.skeleton, &path, f.backend, network, &report, &err))
      fail_msg("path %d: %s", i, err.text);
    assert_string_equal(report.text, "");
    check_same(&f, network, &path, i, "with the statistics of the file");
    recalibrate(&f, f.supernet, &path);
    recalibrate(&f, network, &only);
    check_same(&f, network, &path, i, "after recalibration");
    f.backend->upload(f.backend, cream_net_statistics(f.supernet), f.statistics,
                      cream_net_statistic_count(f.supernet));
    cream_net_destroy(network);
  }
  close_fixture(&f);
}

/* With other classes, the last layer keeps its values. */
static void other_classes(void **state) {
  (void)state;
  fixture f;
  open_fixture(&f);
  cream_path path = draw(&f.skeleton, 0);
  cream_skeleton fixed = cream_skeleton_fix(&f.skeleton, &path);
  fixed.classes = fixed.space.head.classes = SYNTHETIC_CLASSES + 3;
  cream_net *network = make(&f, &fixed, 9);
  cream_weights_report report;
  cream_error err;
  if (cream_weights_load_path(f.file, &f.skeleton, &path, f.backend, network, &report, &err))
    fail_msg("%s", err.text);
  assert_non_null(strstr(report.text, "all of its 7 classes are new; the weights are for 4 classes"));
  cream_net_destroy(network);
  close_fixture(&f);
}

/* The weights of one path do not fit the network of another. */
static void other_path(void **state) {
  (void)state;
  fixture f;
  open_fixture(&f);
  cream_path path = cream_skeleton_first_path(&f.skeleton), other = path;
  other.choice[1] = 1;
  cream_skeleton fixed = cream_skeleton_fix(&f.skeleton, &path);
  cream_net *network = make(&f, &fixed, 9);
  cream_error err;
  assert_int_equal(cream_weights_load_path(f.file, &f.skeleton, &other, f.backend, network, NULL, &err),
                   CREAM_BAD_DATA);
  assert_non_null(strstr(err.text, "does not match the network"));
  cream_net_destroy(network);
  close_fixture(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(same_logits),
      cmocka_unit_test(other_classes),
      cmocka_unit_test(other_path),
  };
  return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
