/* Folded networks against the networks before folding. */
#include "tests/core/synthetic.h"

#include <math.h>

#include "core/net/fold.h"

enum { BATCH = 2, SIDE = 16, CLASSES = SYNTHETIC_CLASSES, PATHS = 6 };

typedef struct fixture {
  cream_backend *backend;
  cream_skeleton skeleton;
  cream_net *net;
  cream_tensor x;
} fixture;

static void draw(const cream_param *param, cream_rng *rng, float *values) {
  double fan_in = (double)param->count / param->dims[0];
  const char *end = strrchr(param->name, '.');
  bool positive = !strcmp(end, ".running_var") || !strcmp(end, ".weight");
  for (size_t i = 0; i < param->count; i++)
    values[i] = param->n_dims > 1 ? (float)(cream_rng_normal(rng) * sqrt(1.5 / fan_in))
                : positive        ? cream_rng_range(rng, 0.5f, 1.5f)
                                  : (float)(0.2 * cream_rng_normal(rng));
}

static void fill_net(fixture *f, uint64_t seed) {
  int count;
  cream_rng rng = cream_rng_at(seed, CREAM_RNG_TEST, 0);
  const cream_param *params = cream_net_params(f->net, &count);
  for (int i = 0; i < count; i++) {
    float *values = malloc(params[i].count * sizeof *values);
    assert_non_null(values);
    draw(&params[i], &rng, values);
    cream_buf block = params[i].statistic ? cream_net_statistics(f->net) : cream_net_weights(f->net);
    f->backend->upload(f->backend, cream_buf_at(block, params[i].offset), values, params[i].count);
    free(values);
  }
}

static cream_net *make_net(fixture *f) {
  cream_net *net;
  cream_error err;
  cream_net_options options = {.batch = BATCH};
  assert_int_equal(cream_net_create(f->backend, &f->skeleton, &options, &net, &err), CREAM_OK);
  return net;
}

static void upload_images(fixture *f, cream_net *net) {
  static uint8_t pixels[BATCH * SIDE * SIDE * 3];
  const float mean[3] = {0.5f, 0.4f, 0.6f}, std[3] = {0.2f, 0.3f, 0.25f};
  cream_rng rng = cream_rng_at(7, CREAM_RNG_TEST, 1);
  for (size_t i = 0; i < sizeof pixels; i++) pixels[i] = (uint8_t)cream_rng_u32(&rng);
  f->x = cream_net_input(net, BATCH, SIDE);
  f->backend->upload_pixels(f->backend, &f->x, pixels, mean, std);
}

static int setup(void **state) {
  static fixture f;
  f.skeleton = synthetic_skeleton();
  f.backend = synthetic_backend(false, 1);
  f.net = make_net(&f);
  fill_net(&f, 3);
  upload_images(&f, f.net);
  *state = &f;
  return 0;
}

static int teardown(void **state) {
  fixture *f = *state;
  cream_net_destroy(f->net);
  f->backend->destroy(f->backend);
  return 0;
}

static void logits_of(const fixture *f, cream_net *net, const cream_path *path, float out[BATCH * CLASSES]) {
  cream_error err;
  cream_buf logits = cream_net_forward(net, path, &f->x, CREAM_BN_RUNNING, 0);
  assert_int_equal(f->backend->download(f->backend, out, logits, BATCH * CLASSES, &err), CREAM_OK);
}

static cream_path draw_path(const cream_skeleton *skeleton, uint64_t index) {
  cream_rng rng = cream_rng_at(11, CREAM_RNG_TEST, index);
  cream_path path = cream_skeleton_first_path(skeleton);
  for (int l = 0; l < path.n_layers; l++)
    path.choice[l] = (uint8_t)cream_rng_below(&rng, (uint32_t)skeleton->layers[l].n_options);
  return path;
}

static void expect_same(const float *a, const float *b) {
  float scale = 1;
  for (int i = 0; i < BATCH * CLASSES; i++) scale = fmaxf(scale, fabsf(a[i]));
  for (int i = 0; i < BATCH * CLASSES; i++) assert_float_equal(a[i], b[i], 1e-5f * scale);
}

static void test_logits_stay(void **state) {
  fixture *f = *state;
  cream_error err;
  float before[PATHS][BATCH * CLASSES], after[BATCH * CLASSES];
  for (int i = 0; i < PATHS; i++) {
    cream_path path = draw_path(&f->skeleton, (uint64_t)i);
    logits_of(f, f->net, &path, before[i]);
  }
  assert_true(fabsf(before[0][0] - before[1][0]) > 1e-3f);
  for (int times = 0; times < 2; times++) {
    assert_int_equal(cream_net_fold(f->net, &err), CREAM_OK);
    for (int i = 0; i < PATHS; i++) {
      cream_path path = draw_path(&f->skeleton, (uint64_t)i);
      logits_of(f, f->net, &path, after);
      expect_same(before[i], after);
    }
  }
}

/* Folding and training's forward pass use the space's epsilon, and all convolutions its padding. */
static void test_padding_and_epsilon(void **state) {
  fixture *f = *state;
  cream_path path = draw_path(&f->skeleton, 1);
  cream_error err;
  float usual[BATCH * CLASSES], before[BATCH * CLASSES], after[BATCH * CLASSES];
  logits_of(f, f->net, &path, usual);
  for (int i = 0; i < 2; i++) {
    f->skeleton = synthetic_skeleton();
    if (i == 0) f->skeleton.space.padding = CREAM_PADDING_SAME;
    if (i == 1) f->skeleton.space.bn_eps = 0.1;
    uint64_t fingerprint = cream_net_fingerprint(f->net);
    cream_net_destroy(f->net);
    f->net = make_net(f);
    assert_true(cream_net_fingerprint(f->net) != fingerprint);
    fill_net(f, 3);
    upload_images(f, f->net);
    logits_of(f, f->net, &path, before);
    assert_true(fabsf(before[0] - usual[0]) > 1e-3f);
    assert_int_equal(cream_net_fold(f->net, &err), CREAM_OK);
    logits_of(f, f->net, &path, after);
    expect_same(before, after);
  }
}

/* The parameters of a folded network, in one that is not. */
static void test_parameters_are_an_equal_network(void **state) {
  fixture *f = *state;
  cream_error err;
  cream_path path = draw_path(&f->skeleton, 1);
  float folded[BATCH * CLASSES], other[BATCH * CLASSES];
  assert_int_equal(cream_net_fold(f->net, &err), CREAM_OK);
  logits_of(f, f->net, &path, folded);
  cream_net *net = make_net(f);
  f->backend->copy(f->backend, cream_net_weights(net), cream_net_weights(f->net),
                   cream_net_weight_count(net));
  f->backend->copy(f->backend, cream_net_statistics(net), cream_net_statistics(f->net),
                   cream_net_statistic_count(net));
  logits_of(f, net, &path, other);
  expect_same(folded, other);
  cream_net_destroy(net);
}

static void test_description(void **state) {
  fixture *f = *state;
  cream_error err;
  static cream_net_block blocks[CREAM_MAX_BLOCKS];
  cream_path path = cream_skeleton_first_path(&f->skeleton);
  path.choice[2] = 3; /* skip */
  assert_int_equal(cream_net_describe(f->net, &path, blocks), f->skeleton.n_layers + 3);
  assert_null(blocks[0].layers[0].bias);
  assert_int_equal(cream_net_fold(f->net, &err), CREAM_OK);
  cream_net_describe(f->net, &path, blocks);
  assert_string_equal(blocks[0].layers[0].weight->name, "conv_stem.weight");
  assert_string_equal(blocks[0].layers[0].bias->name, "bn1.bias");
  assert_int_equal(blocks[1].n_layers, 2);
  assert_true(blocks[1].residual);
  assert_string_equal(blocks[1].layers[0].se_w2->name, "blocks.0.0.se.conv_expand.weight");
  assert_int_equal(blocks[2].n_layers, 3);
  assert_false(blocks[2].residual);
  assert_string_equal(blocks[2].layers[2].bias->name, "blocks.1.0.0.bn3.bias");
  assert_null(blocks[2].layers[2].se_w1);
  assert_int_equal(blocks[3].n_layers, 0);
  const cream_net_block *linear = &blocks[f->skeleton.n_layers + 2];
  assert_int_equal(linear->n_layers, 2);
  assert_string_equal(linear->layers[0].bias->name, "conv_head.bias");
  assert_string_equal(linear->layers[1].weight->name, "classifier.weight");
  assert_int_equal(linear->layers[1].weight->n_dims, 2);
}

static cream_status refuse_download(cream_backend *backend, void *to, cream_buf from, size_t count,
                                    cream_error *err) {
  (void)backend, (void)to, (void)from, (void)count;
  return cream_fail(err, CREAM_FAILED, "the device is gone");
}

/* The network still runs and can be folded. */
static void test_failure_changes_nothing(void **state) {
  fixture *f = *state;
  cream_error err;
  cream_path path = draw_path(&f->skeleton, 1);
  float before[BATCH * CLASSES], after[BATCH * CLASSES];
  logits_of(f, f->net, &path, before);
  size_t memory = cream_net_memory(f->net);
  cream_status (*download)(cream_backend *, void *, cream_buf, size_t, cream_error *) = f->backend->download;
  f->backend->download = refuse_download;
  for (int times = 0; times < 2; times++) assert_int_equal(cream_net_fold(f->net, &err), CREAM_FAILED);
  f->backend->download = download;
  assert_int_equal(cream_net_memory(f->net), memory);
  logits_of(f, f->net, &path, after);
  assert_memory_equal(before, after, sizeof before);
  assert_int_equal(cream_net_fold(f->net, &err), CREAM_OK);
  logits_of(f, f->net, &path, after);
  expect_same(before, after);
  size_t folded = cream_net_memory(f->net);
  cream_net *net = make_net(f);
  assert_int_equal(cream_net_fold(net, &err), CREAM_OK);
  assert_int_equal(folded, cream_net_memory(net));
  cream_net_destroy(net);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_logits_stay, setup, teardown),
      cmocka_unit_test_setup_teardown(test_padding_and_epsilon, setup, teardown),
      cmocka_unit_test_setup_teardown(test_parameters_are_an_equal_network, setup, teardown),
      cmocka_unit_test_setup_teardown(test_failure_changes_nothing, setup, teardown),
      cmocka_unit_test_setup_teardown(test_description, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
