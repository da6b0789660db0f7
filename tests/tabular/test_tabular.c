/* Searches on a space whose 64 networks were all trained to the end (digits.json, made by make_table.sh). On average over
 * some seeds, each strategy must find a better network than a random search of the same cost (rounded up): one that trains
 * as many networks to the end as the cost allows, and chooses the best of them by test accuracy. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/cream.h"
#include "cpu/cpu.h"
#include "io/config/space_yaml.h"
#include "io/config/yaml.h"
#include "io/dataset/data.h"
#include "io/dataset/loader.h"

#define FOLDER CREAM_SOURCE_DIR "/tests/tabular/"

enum { NETWORKS = 64, SEEDS = CREAM_SLOW_CHECKER ? 1 : 3, BATCH = 32, TABLE_EPOCHS = 24 };

typedef struct tabular {
  double accuracy[NETWORKS]; /* mean over the table's seeds */
  cream_dataset *dataset;
  cream_skeleton skeleton;
  cream_backend *backend;
} tabular;

static void read_table(tabular *t) {
  cream_yaml *yaml;
  cream_error err;
  if (cream_yaml_read(FOLDER "digits.json", &yaml, &err)) fail_msg("%s", err.text);
  cream_yaml_value root = cream_yaml_root(yaml), epochs = cream_yaml_find(&root, "epochs");
  assert_int_equal(atoi(cream_yaml_text(&epochs)), TABLE_EPOCHS);
  cream_yaml_value tables = cream_yaml_find(&root, "accuracy");
  int seeds = cream_yaml_count(&tables);
  assert_true(seeds > 0);
  for (int s = 0; s < seeds; s++) {
    cream_yaml_value table = cream_yaml_item(&tables, s);
    assert_int_equal(cream_yaml_count(&table), NETWORKS);
    for (int i = 0; i < NETWORKS; i++) {
      cream_yaml_value value = cream_yaml_item(&table, i);
      t->accuracy[i] += atof(cream_yaml_text(&value)) / seeds;
    }
  }
  cream_yaml_free(yaml);
}

static int open_tabular(void **state) {
  static tabular t;
  cream_space space;
  cream_error err;
  read_table(&t);
  if (cream_dataset_open("digits", &t.dataset, &err)) fail_msg("%s", err.text);
  if (cream_space_load(FOLDER "space.yaml", &space, &err)) fail_msg("%s", err.text);
  if (cream_skeleton_init(&t.skeleton, &space, (int[]){1, 1, 1, 1}, 16, 10, &err)) fail_msg("%s", err.text);
  cream_cpu_options options = {.threads = 1};
  if (cream_cpu_create(&options, &t.backend, &err)) fail_msg("%s", err.text);
  *state = &t;
  return 0;
}

static int close_tabular(void **state) {
  tabular *t = *state;
  t->dataset->destroy(t->dataset);
  t->backend->destroy(t->backend);
  return 0;
}

static int descending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x < y) - (x > y);
}

/* The mean accuracy of the best of n different networks: the i-th of all (from 0) is the best of them with
 * probability C(64 - i - 1, n - 1) / C(64, n). */
static double best_of(const tabular *t, int n) {
  double sorted[NETWORKS], mean = 0, share = (double)n / NETWORKS;
  memcpy(sorted, t->accuracy, sizeof sorted);
  qsort(sorted, NETWORKS, sizeof *sorted, descending);
  for (int i = 0; i + n <= NETWORKS; i++) {
    mean += share * sorted[i];
    share *= (double)(NETWORKS - i - n) / (NETWORKS - i - 1);
  }
  return mean;
}

static cream_source *source(const tabular *t, const uint32_t *indices, size_t count, bool train,
                            uint64_t seed) {
  static const cream_augment_config transforms = {.enabled = true};
  cream_loader_options options = {.part = CREAM_PART_TRAIN,
                                  .indices = indices,
                                  .count = count,
                                  .batch = BATCH,
                                  .side = 16,
                                  .seed = seed,
                                  .train = train,
                                  .augment = train,
                                  .transforms = &transforms,
                                  .workers = 1};
  cream_source *made;
  cream_error err;
  if (cream_loader_create(t->dataset, &options, &made, &err)) fail_msg("%s", err.text);
  return made;
}

/* The table's accuracy of the network that a search finds. */
static double search(const tabular *t, const cream_config *config) {
  size_t count = t->dataset->count[CREAM_PART_TRAIN], n_heldout = (size_t)(0.3 * (double)count);
  uint32_t *heldout = malloc(count * sizeof *heldout), *rest = malloc(count * sizeof *rest);
  assert_true(heldout && rest);
  cream_split(t->dataset->labels[CREAM_PART_TRAIN], count, 10, config->seed, n_heldout, heldout, rest);
  cream_search_inputs inputs = {.config = config,
                                .skeleton = &t->skeleton,
                                .train = source(t, rest, count - n_heldout, true, config->seed),
                                .heldout = source(t, heldout, n_heldout, false, 0)};
  cream_search *search;
  cream_search_result result;
  cream_error err;
  if (cream_search_create(t->backend, &inputs, &search, &err)) fail_msg("%s", err.text);
  if (cream_search_run(search, &result, &err)) fail_msg("%s", err.text);
  cream_search_destroy(search);
  cream_source_destroy(inputs.train);
  cream_source_destroy(inputs.heldout);
  free(heldout);
  free(rest);
  const uint8_t *choice = result.path.choice;
  return t->accuracy[choice[1] + 4 * choice[2] + 16 * choice[3]];
}

/* Cost of a search in trainings of one network to the end; a forward pass of an image counts 1, a training pass 3. */
static double cost(const tabular *t, const cream_search_config *config) {
  double count = (double)t->dataset->count[CREAM_PART_TRAIN], heldout = 0.3 * count;
  double steps = floor((count - heldout) / BATCH) * config->epochs;
  double evaluation = config->recalibrate * BATCH + heldout;
  double evolution = config->evolution.population * (config->evolution.generations + 1) * evaluation;
  double selection =
      (config->strategy == CREAM_STRATEGY_RANDOM ? config->random.paths + 1 : config->board.size) *
      evaluation;
  double step = 3.0 * BATCH * cream_search_batch_paths(config, &t->skeleton);
  if (config->strategy == CREAM_STRATEGY_CREAM) {
    /* the teacher's pass, the matching, the scores, the meta network */
    step += BATCH + config->board.size * config->meta.slice +
            (double)config->board.images / config->board.every +
            9.0 * config->meta.slice / config->meta.every;
    evolution = 0;
  }
  if (config->strategy == CREAM_STRATEGY_RANDOM) evolution = 0;
  return (steps * step + evolution + selection) / (3 * TABLE_EPOCHS * 0.9 * count);
}

static void check(const tabular *t, cream_strategy strategy, int epochs, double lr) {
  cream_config config;
  cream_config_defaults(&config);
  config.search.strategy = strategy;
  config.search.epochs = CREAM_SLOW_CHECKER ? 2 : epochs;
  config.search.batch = BATCH;
  config.search.lr.lr = lr;
  config.search.lr.schedule = CREAM_SCHEDULE_COSINE;
  config.search.recalibrate = 8;
  config.search.board.images = 144;
  config.search.board.every = 4;
  config.search.meta.every = 40;
  config.search.evolution.population = CREAM_SLOW_CHECKER ? 4 : 12;
  config.search.evolution.generations = CREAM_SLOW_CHECKER ? 1 : 2;
  config.search.evolution.parents = CREAM_SLOW_CHECKER ? 2 : 6;
  config.search.random.paths = 4;
  double found = 0, spent = cost(t, &config.search);
  for (int s = 0; s < SEEDS; s++) {
    config.seed = (uint64_t)s + 1;
    found += search(t, &config) / SEEDS;
  }
  int networks = (int)ceil(spent);
  double random = best_of(t, networks);
  print_message(
      "found %.2f %% for the cost of %.2f trainings; the best of %d random networks: %.2f %%, of %d: "
      "%.2f %%\n",
      100 * found, spent, networks, 100 * random, 2 * networks, 100 * best_of(t, 2 * networks));
  assert_true(spent < 1);
  assert_true(CREAM_SLOW_CHECKER || found > random);
}

static void test_table(void **state) {
  const tabular *t = *state;
  double most = best_of(t, NETWORKS), mean = best_of(t, 1), sum = 0;
  for (int i = 0; i < NETWORKS; i++) sum += t->accuracy[i] / NETWORKS;
  assert_true(fabs(mean - sum) < 1e-12);
  assert_true(best_of(t, 2) > mean && best_of(t, 8) < most);
  assert_true(most > 0.95 && mean < 0.85); /* there is something to find */
}

static void test_cream(void **state) {
  check(*state, CREAM_STRATEGY_CREAM, 10, 3.2);
}
static void test_spos(void **state) {
  check(*state, CREAM_STRATEGY_SPOS, 20, 3.2);
}
static void test_random(void **state) {
  check(*state, CREAM_STRATEGY_RANDOM, 20, 3.2);
}
static void test_fair(void **state) {
  check(*state, CREAM_STRATEGY_FAIR, 5, 6.4);
}
static void test_sandwich(void **state) {
  check(*state, CREAM_STRATEGY_SANDWICH, 5, 6.4);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_table),  cmocka_unit_test(test_cream), cmocka_unit_test(test_spos),
      cmocka_unit_test(test_random), cmocka_unit_test(test_fair),  cmocka_unit_test(test_sandwich),
  };
  return cmocka_run_group_tests(tests, open_tabular, close_tabular);
}
