/* Spaces, paths and complexity: the published networks, to the last digit in docs/method.md. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "core/base/rng.h"
#include "core/space/complexity.h"
#include "core/space/range.h"
#include "io/config/space_yaml.h"

typedef struct published {
  const char *name;
  int resolution, depth[6];
  const char *choices; /* choice indices of stages 1-5, layer after layer */
  double macs, paper;  /* M */
} published;

static const published networks[] = {
    {"14", 64, {1, 1, 2, 2, 1, 1}, "3333333", 13.19, 14},
    {"43", 96, {1, 1, 2, 2, 3, 2}, "3313133333", 40.66, 43},
    {"114", 160, {1, 1, 2, 2, 3, 2}, "3333333333", 109.62, 114},
    {"287", 224, {1, 1, 2, 3, 4, 3}, "3333133333333", 276.26, 287},
    {"481", 224, {1, 4, 4, 5, 4, 4}, "343132303331133333333", 460.40, 481},
    {"604", 224, {1, 5, 5, 5, 6, 6}, "332333232332323332233332333", 578.70, 604},
};

static cream_space load(const char *name) {
  cream_space space;
  cream_error err;
  if (cream_space_load(name, &space, &err)) fail_msg("%s", err.text);
  return space;
}

/* A stage of one layer has one option, at any index. */
static cream_path path_of(const cream_skeleton *skeleton, const char *choices) {
  cream_path path = cream_skeleton_first_path(skeleton);
  for (int l = 1; l < skeleton->n_layers; l++)
    if (skeleton->layers[l].n_options > 1) path.choice[l] = (uint8_t)(choices[l - 1] - '0');
  return path;
}

static void test_published_networks(void **state) {
  (void)state;
  cream_space space = load("cream");
  for (size_t i = 0; i < sizeof networks / sizeof *networks; i++) {
    const published *p = &networks[i];
    cream_skeleton skeleton;
    cream_costs costs;
    cream_error err;
    assert_int_equal(cream_skeleton_init(&skeleton, &space, p->depth, p->resolution, 1000, &err), CREAM_OK);
    cream_path path = path_of(&skeleton, p->choices);
    cream_costs_init(&costs, &skeleton, p->resolution);
    cream_cost cost = cream_costs_path(&costs, &path);
    if (fabs(cost.macs / 1e6 - p->macs) > 0.005)
      fail_msg("%s: %.4f M multiply-adds, expected %.2f", p->name, cost.macs / 1e6, p->macs);
    double flops = cream_cost_flops(&cost) / 1e6;
    if (fabs(flops - p->paper) > 0.015 * p->paper)
      fail_msg("%s: %.3f M FLOPs as the paper counts, expected %.0f within 1.5 %%", p->name, flops, p->paper);
  }
}

static void test_published_networks_are_found_by_range(void **state) {
  (void)state;
  /* Depths that grow evenly meet those of the paper's smallest and largest networks exactly. */
  cream_space space = load("cream");
  for (size_t i = 0; i < sizeof networks / sizeof *networks; i++) {
    const published *p = &networks[i];
    cream_range range = {0.9e6 * p->paper, 1.1e6 * p->paper};
    int resolution = 0, depth[CREAM_MAX_STAGES] = {0};
    cream_error err;
    if (cream_range_resolve(&space, &range, 1000, &resolution, depth, &err)) fail_msg("%s", err.text);
    assert_int_equal(resolution, p->resolution);
    /* The published depths can be given. */
    int fixed[CREAM_MAX_STAGES] = {0};
    memcpy(fixed, p->depth, sizeof p->depth);
    assert_int_equal(cream_range_resolve(&space, &range, 1000, &resolution, fixed, &err), CREAM_OK);
    assert_memory_equal(fixed, p->depth, sizeof p->depth);
  }
}

static void test_rows_add_up(void **state) {
  (void)state;
  const char *names[] = {"cream", "cream-hard", "micro", "cifar"};
  for (int s = 0; s < 4; s++) {
    cream_space space = load(names[s]);
    int depth[CREAM_MAX_STAGES], resolution = space.resolution.max;
    for (int i = 0; i < space.n_stages; i++) depth[i] = space.stages[i].depth_max;
    cream_skeleton skeleton;
    cream_error err;
    assert_int_equal(cream_skeleton_init(&skeleton, &space, depth, resolution, 10, &err), CREAM_OK);
    cream_costs costs;
    cream_costs_init(&costs, &skeleton, resolution);
    cream_rng rng = cream_rng_at(1, CREAM_RNG_TEST, 0);
    cream_path path = cream_skeleton_first_path(&skeleton);
    for (int l = 0; l < skeleton.n_layers; l++)
      path.choice[l] = (uint8_t)cream_rng_below(&rng, (uint32_t)skeleton.layers[l].n_options);
    cream_cost_row rows[CREAM_MAX_LAYERS + 2];
    int n = cream_costs_rows(&skeleton, &path, resolution, rows);
    assert_int_equal(n, skeleton.n_layers + 2);
    cream_cost sum = {0}, cost = cream_costs_path(&costs, &path);
    for (int i = 0; i < n; i++) sum = cream_cost_add(sum, rows[i].cost);
    assert_true(fabs(sum.macs - cost.macs) < 1e-9 * cost.macs);
    assert_true(fabs(sum.params - cost.params) < 0.5);
    assert_true(fabs(sum.pooled - cost.pooled) < 0.5);
  }
}

static void test_make_divisible(void **state) {
  (void)state;
  const double in[] = {1, 8, 11, 12, 16, 24, 64 * 0.25, 96 * 0.25, 184, 12.01, 100};
  const int out[] = {8, 8, 16, 16, 16, 24, 16, 24, 184, 16, 104};
  for (size_t i = 0; i < sizeof out / sizeof *out; i++) assert_int_equal(cream_make_divisible(in[i]), out[i]);
}

static void test_fixed_skeleton(void **state) {
  (void)state;
  cream_space space = load("micro");
  int depth[CREAM_MAX_STAGES];
  for (int i = 0; i < space.n_stages; i++) depth[i] = space.stages[i].depth_max;
  cream_skeleton skeleton;
  cream_error err;
  assert_int_equal(cream_skeleton_init(&skeleton, &space, depth, space.resolution.max, 10, &err), CREAM_OK);
  cream_path path = cream_skeleton_first_path(&skeleton);
  for (int l = 0; l < skeleton.n_layers; l++) path.choice[l] = (uint8_t)(skeleton.layers[l].n_options - 1);
  cream_skeleton fixed = cream_skeleton_fix(&skeleton, &path);
  cream_path only = cream_skeleton_first_path(&fixed);
  char a[512], b[512];
  assert_string_equal(cream_path_format(&skeleton, &path, a, sizeof a),
                      cream_path_format(&fixed, &only, b, sizeof b));
  cream_costs costs, fixed_costs;
  cream_costs_init(&costs, &skeleton, skeleton.resolution);
  cream_costs_init(&fixed_costs, &fixed, fixed.resolution);
  assert_true(cream_costs_path(&costs, &path).macs == cream_costs_path(&fixed_costs, &only).macs);
}

static void test_bad_skeletons(void **state) {
  (void)state;
  cream_space space = load("micro");
  int depth[CREAM_MAX_STAGES];
  for (int i = 0; i < space.n_stages; i++) depth[i] = space.stages[i].depth_max;
  cream_skeleton skeleton;
  cream_error err;
  assert_int_equal(cream_skeleton_init(&skeleton, &space, depth, 33, 10, &err), CREAM_BAD_CONFIG);
  assert_non_null(strstr(err.text, "resolution: got 33"));
  assert_int_equal(cream_skeleton_init(&skeleton, &space, depth, 32, 0, &err), CREAM_BAD_CONFIG);
  assert_non_null(strstr(err.text, "classes: got 0"));
  depth[1] = 99;
  assert_int_equal(cream_skeleton_init(&skeleton, &space, depth, 32, 10, &err), CREAM_BAD_CONFIG);
  assert_non_null(strstr(err.text, "depth[1]: got 99"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_published_networks), cmocka_unit_test(test_published_networks_are_found_by_range),
      cmocka_unit_test(test_rows_add_up),        cmocka_unit_test(test_make_divisible),
      cmocka_unit_test(test_fixed_skeleton),     cmocka_unit_test(test_bad_skeletons),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
