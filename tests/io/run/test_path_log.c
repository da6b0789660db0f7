#include "tests/io/scratch.h"

#include "io/config/space_yaml.h"
#include "io/run/path_log.h"

static cream_skeleton skeleton;
static cream_config config;
static const char *const none[] = {NULL};
static const cream_path_log_owner owner = {&config, none, NULL, &skeleton};

static int setup(void **state) {
  cream_space space;
  static const int depth[CREAM_MAX_STAGES] = {1, 1, 1, 1};
  cream_config_defaults(&config);
  if (cream_space_load("micro", &space, NULL) || cream_skeleton_init(&skeleton, &space, depth, 32, 10, NULL))
    return -1;
  return scratch_setup(state);
}

static cream_path_scores scores_with(cream_proxy proxy, double value) {
  cream_path_scores scores = {.path = {.n_layers = skeleton.n_layers},
                              .heldout = {.top1 = 0.5, .top5 = 0.75, .loss = 1, .count = 8}};
  scores.proxies.known[proxy] = true;
  scores.proxies.value[proxy] = value;
  return scores;
}

static void assert_proxies(const cream_path_log *log, double synflow, double jacob_cov) {
  cream_path_scores wanted = scores_with(CREAM_PROXY_SYNFLOW, synflow);
  const cream_path_scores *found = cream_path_log_find(log, &wanted.path);
  assert_non_null(found);
  assert_true(found->proxies.known[CREAM_PROXY_SYNFLOW] && found->proxies.known[CREAM_PROXY_JACOB_COV]);
  assert_false(found->proxies.known[CREAM_PROXY_GRAD_NORM]);
  assert_true(found->proxies.value[CREAM_PROXY_SYNFLOW] == synflow);
  assert_true(found->proxies.value[CREAM_PROXY_JACOB_COV] == jacob_cov);
}

/* Rankings, and shards of one, with different proxies: the last line of a path has all that was measured. */
static void proxies_add_up(void **state) {
  (void)state;
  cream_error error;
  cream_path_log log;
  const cream_path_scores lines[] = {scores_with(CREAM_PROXY_SYNFLOW, 2),
                                     scores_with(CREAM_PROXY_JACOB_COV, 3),
                                     scores_with(CREAM_PROXY_SYNFLOW, 4)};
  assert_int_equal(cream_path_log_open(&log, scratch("paths"), &owner, false, &error), CREAM_OK);
  for (int i = 0; i < 3; i++) assert_int_equal(cream_path_log_append(&log, &lines[i], &error), CREAM_OK);
  assert_proxies(&log, 4, 3);
  cream_path_log_close(&log);

  assert_int_equal(cream_path_log_read(&log, scratch("paths"), &owner, &error), CREAM_OK);
  assert_int_equal(log.count, 3);
  assert_proxies(&log, 4, 3);
  cream_path_log_close(&log);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(proxies_add_up, setup, scratch_teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
