/* Every strategy and switch of a search on the synthetic set: what it trains, that it keeps its limits and that it repeats
 * itself for any number of threads; everywhere else one thread runs, which waits for no other. A strategy of the list is
 * tested without being named here; exact resuming: test_resume.c. */
#include "tests/core/searching.h"

#include <math.h>

/* Whether all paths that a strategy trains are drawn by the samplers; in the sandwich, the last path of a step is. */
static bool draws_paths(cream_strategy strategy) {
  return strategy == CREAM_STRATEGY_CREAM || strategy == CREAM_STRATEGY_SPOS ||
         strategy == CREAM_STRATEGY_RANDOM || strategy == CREAM_STRATEGY_SANDWICH;
}

static searching good(const cream_config *config, searching_options options) {
  searching out = search_with(config, options);
  if (out.status) fail_msg("%s: %s", cream_strategy_name(config->search.strategy), out.err.text);
  return out;
}

static void test_each_gives_a_network_inside_the_range(void **state) {
  (void)state;
  cream_range range = searching_range(0.2, 0.8);
  for (cream_strategy s = 0; s < CREAM_STRATEGY_COUNT; s++) {
    if (s == CREAM_STRATEGY_CREAM) continue; /* test_search.c */
    cream_config config = searching_config();
    config.search.strategy = s;
    searching out = good(&config, (searching_options){.range = range, .threads = 1});
    assert_int_equal(out.steps, 40);
    assert_int_equal(out.log.steps, 40);
    assert_int_equal(out.log.epochs, 5);
    assert_int_equal(out.boards[0].count, 4);
    assert_int_equal(out.log.board_outside, 0);
    assert_true(cream_range_holds(&range, cream_cost_flops(&out.results[0].cost)));
    assert_int_equal(out.results[0].score.count, 40);
    assert_true(CREAM_SLOW_CHECKER || out.results[0].score.top1 > 0.4); /* of four classes */
    assert_true(CREAM_SLOW_CHECKER || out.log.last_loss < out.log.first_loss);
    assert_int_equal(out.meta_updates, 0);
    assert_int_equal(out.meta_inputs, 0);
    assert_int_equal(out.log.taught, 0);
    if (draws_paths(s)) assert_int_equal(out.log.outside, 0);
    free(out.weights);
  }
}

static void test_repeats_itself_for_any_threads(void **state) {
  (void)state;
  for (cream_strategy s = 0; s < CREAM_STRATEGY_COUNT; s++) {
    if (s == CREAM_STRATEGY_CREAM) continue; /* test_search.c */
    cream_config config = searching_config();
    config.search.strategy = s;
    config.search.epochs = 2;
    searching first = good(&config, (searching_options){.threads = 1});
    for (int threads = CREAM_SLOW_CHECKER ? 3 : 2; threads <= 3; threads++) {
      searching again = good(&config, (searching_options){.threads = threads});
      assert_memory_equal(first.weights, again.weights, first.count * 4);
      assert_memory_equal(&first.boards[0], &again.boards[0], sizeof first.boards[0]);
      assert_memory_equal(&first.results[0].score, &again.results[0].score, sizeof(cream_score));
      free(again.weights);
    }
    config.seed++;
    if (!CREAM_SLOW_CHECKER) {
      searching other = good(&config, (searching_options){.threads = 1});
      assert_true(memcmp(first.weights, other.weights, first.count * 4) != 0);
      free(other.weights);
    }
    free(first.weights);
  }
}

static void test_stop_finishes_the_step(void **state) {
  (void)state;
  for (cream_strategy s = 0; s < CREAM_STRATEGY_COUNT; s++) {
    if (s == CREAM_STRATEGY_CREAM) continue; /* test_search.c */
    cream_config config = searching_config();
    config.search.strategy = s;
    for (uint64_t at = 19; at <= 40; at += 21) { /* 40: the training is done, the choice is not */
      searching out = search_with(&config, (searching_options){.threads = 1, .stop_at = at});
      assert_int_equal(out.status, CREAM_INTERRUPTED);
      assert_int_equal(out.steps, at);
      free(out.weights);
    }
  }
}

static void test_no_time_still_selects(void **state) {
  (void)state;
  for (cream_strategy s = 0; s < CREAM_STRATEGY_COUNT; s++) {
    if (s == CREAM_STRATEGY_CREAM) continue; /* test_search.c */
    cream_config config = searching_config();
    config.search.strategy = s;
    config.time_budget = 1e-9;
    searching out = good(&config, (searching_options){.threads = 1});
    assert_int_equal(out.steps, 0);
    assert_true(out.boards[0].count >= 1);
    assert_int_equal(out.results[0].score.count, 40);
    free(out.weights);
  }
}

/* The values of the net's weights whose name begins so, or of all others. */
static bool changed(const cream_net *net, const float *before, const float *after, const char *prefix) {
  int count;
  const cream_param *params = cream_net_params(net, &count);
  for (int i = 0; i < count; i++)
    if (!params[i].statistic && !strncmp(params[i].name, prefix, strlen(prefix)) &&
        memcmp(before + params[i].offset, after + params[i].offset, params[i].count * 4))
      return true;
  return false;
}

/* Which choices of layer blocks.1.1 (the options with weights that exist) one step changes. */
static unsigned choices_changed(cream_strategy strategy) {
  cream_config config = searching_config();
  config.search.strategy = strategy;
  config.search.sandwich.paths = 0;
  config.search.epochs = 1;
  config.search.random.paths = 1;
  config.search.evolution.generations = 0;
  searching out = good(&config, (searching_options){.threads = 1, .images = SEARCHING_BATCH});
  assert_int_equal(out.steps, 1);
  cream_backend *backend = synthetic_backend(false, 1);
  cream_skeleton skeleton = synthetic_skeleton();
  cream_net_options options = {.batch = SEARCHING_BATCH, .train = true, .seed = config.seed};
  cream_net *net;
  cream_error err;
  assert_int_equal(cream_net_create(backend, &skeleton, &options, &net, &err), CREAM_OK);
  float *before = malloc(out.count * 4);
  assert_non_null(before);
  assert_int_equal(backend->download(backend, before, cream_net_weights(net), out.count, &err), CREAM_OK);
  assert_true(changed(net, before, out.weights, "classifier."));
  unsigned choices = 0;
  for (unsigned i = 0; i < 3; i++) { /* the fourth is the identity */
    char name[32];
    snprintf(name, sizeof name, "blocks.1.1.%u.", i);
    choices |= (unsigned)changed(net, before, out.weights, name) << i;
  }
  free(before);
  free(out.weights);
  cream_net_destroy(net);
  backend->destroy(backend);
  return choices;
}

static void test_what_a_step_trains(void **state) {
  (void)state;
  assert_int_equal(choices_changed(CREAM_STRATEGY_FAIR), 7); /* every choice */
  assert_int_equal(choices_changed(CREAM_STRATEGY_SANDWICH),
                   2); /* the largest; the smallest is the identity */
  unsigned one = choices_changed(CREAM_STRATEGY_SPOS);
  assert_true(one == 0 || one == 1 || one == 2 || one == 4);
}

static void test_words(void **state) {
  (void)state;
  for (cream_strategy s = 0; s < CREAM_STRATEGY_COUNT; s++) {
    cream_strategy found;
    assert_true(cream_strategy_find(cream_strategy_name(s), &found) && found == s);
    assert_true(strlen(cream_strategy_summary(s)) > 0 && !strchr(cream_strategy_summary(s), '\n'));
    assert_int_equal(cream_strategy_has_supernet(s), s != CREAM_STRATEGY_RANDOM);
  }
  cream_strategy none;
  assert_false(cream_strategy_find("nothing", &none));
}

static void test_random_trains_each_path_and_keeps_the_best(void **state) {
  (void)state;
  cream_config config = searching_config();
  config.search.strategy = CREAM_STRATEGY_RANDOM;
  config.search.board.size = 8;
  searching out = good(&config, (searching_options){.threads = 1});
  assert_int_equal(out.log.n_scores, 5);
  assert_int_equal(out.boards[0].count, 5);
  assert_int_equal(out.log.selects, 1);
  for (int i = 0; i < 5; i++) {
    for (int k = 0; k < i; k++) assert_false(cream_path_equal(&out.log.scored[i], &out.log.scored[k]));
    bool ended = false; /* with the last step of its share */
    for (int e = 0; e < 5; e++) ended |= out.boards[0].entries[e].step == (uint64_t)(8 * (i + 1));
    assert_true(ended);
  }
  /* The weights that it was ranked with are the ones that it is selected with. */
  assert_true(cream_path_equal(&out.results[0].path, &out.boards[0].entries[0].path));
  assert_true(out.results[0].score.top1 == out.boards[0].entries[0].score);
  assert_true(fabs(out.results[0].score.loss - out.boards[0].entries[0].loss) < 1e-5);
  free(out.weights);
}

/* The last boards are ordered by it, and the entry that is best by it is chosen. Training does not depend on it where no
 * board teaches. */
static void test_order_decides_the_choice(void **state) {
  (void)state;
  for (cream_strategy s = 0; s < CREAM_STRATEGY_COUNT; s++) {
    cream_config config = searching_config();
    config.search.strategy = s;
    config.search.epochs = 2;
    searching by_accuracy = good(&config, (searching_options){.threads = 1});
    config.search.order = CREAM_ORDER_LOSS;
    searching by_loss = good(&config, (searching_options){.threads = 1});
    const searching_log *log = &by_loss.log;
    if (s != CREAM_STRATEGY_CREAM && s != CREAM_STRATEGY_RANDOM)
      assert_memory_equal(by_accuracy.weights, by_loss.weights, by_loss.count * sizeof(float));
    for (int e = 1; e < by_loss.boards[0].count; e++)
      assert_true(by_loss.boards[0].entries[e - 1].loss <= by_loss.boards[0].entries[e].loss);
    for (int i = 0; i < log->selects; i++)
      assert_true(by_loss.results[0].score.loss <= log->selected[i].loss);
    for (int i = 0; i < by_accuracy.log.selects; i++)
      assert_true(by_accuracy.results[0].score.top1 >= by_accuracy.log.selected[i].top1);
    free(by_accuracy.weights);
    free(by_loss.weights);
  }
}

/* Trained paths are not refused for their FLOPs, whatever the board's rule. */
static void test_random_keeps_the_best_of_any_size(void **state) {
  (void)state;
  const cream_board_rule rules[] = {CREAM_BOARD_GAP, CREAM_BOARD_PAPER, CREAM_BOARD_PARETO};
  for (int r = 0; r < 3; r++) {
    cream_config config = searching_config();
    config.search.strategy = CREAM_STRATEGY_RANDOM;
    config.search.board.size = 1;
    config.search.board.buckets = 1;
    config.search.board.rule = rules[r];
    config.search.board.gap = 100;
    config.search.random.paths = 8;
    searching out = good(&config, (searching_options){.threads = 1});
    double best = 0;
    for (int i = 0; i < out.log.n_scores; i++) best = fmax(best, out.log.scores[i]);
    assert_true(CREAM_SLOW_CHECKER || out.log.scores[0] < best); /* the first does not just stay */
    assert_true(out.boards[0].entries[0].score == best && out.results[0].score.top1 == best);
    free(out.weights);
  }
}

/* Earlier measurements change neither a path's score nor the supernet. */
static void test_paths_are_measured_alone(void **state) {
  (void)state;
  for (int mode = 0; mode < 2; mode++) {
    cream_config config = searching_config();
    config.search.strategy = CREAM_STRATEGY_SPOS;
    config.recalibrate.mode = mode ? CREAM_RECALIBRATION_INHERIT : CREAM_RECALIBRATION_RESET;
    searching out = good(&config, (searching_options){.threads = 1});
    assert_int_equal(out.log.selects, 4);
    for (int e = 0; e < 4; e++) {
      assert_true(out.log.selected[e].top1 == out.boards[0].entries[e].score);
      assert_true(out.log.selected[e].loss == out.boards[0].entries[e].loss);
    }
    config.search.recalibrate++;
    searching other = good(&config, (searching_options){.threads = 1});
    assert_true(other.results[0].score.loss != out.results[0].score.loss);
    assert_memory_equal(out.weights, other.weights, out.count * 4);
    assert_memory_equal(out.statistics, other.statistics, sizeof out.statistics);
    free(other.weights);
    free(out.weights);
  }
}

/* Some held-out images, the same for all paths, and drawn: data that are sorted by class begin with one class. */
static void test_evolution_on_some_images(void **state) {
  (void)state;
  bool chosen[2][SEARCHING_HELDOUT];
  for (int seed = 0; seed < 2; seed++) {
    cream_config config = searching_config();
    config.seed += (uint64_t)seed;
    config.search.strategy = CREAM_STRATEGY_SPOS;
    config.search.evolution.images = 18; /* more than a batch */
    searching out = good(&config, (searching_options){.threads = 1});
    unsigned selects = (unsigned)out.log.selects, all = selects + (unsigned)out.log.n_scores;
    int images = 0;
    for (int i = 0; i < SEARCHING_HELDOUT; i++) {
      chosen[seed][i] = out.shown[i] == all;
      assert_true(chosen[seed][i] || out.shown[i] == selects);
      images += chosen[seed][i];
    }
    assert_int_equal(images, 18);
    free(out.weights);
  }
  assert_true(memcmp(chosen[0], chosen[1], sizeof chosen[0]) != 0);
}

static void test_evolution_evaluates_every_path_once(void **state) {
  (void)state;
  cream_config config = searching_config();
  config.search.strategy = CREAM_STRATEGY_SPOS;
  config.search.evolution.mutation = 0.5;
  cream_range range = searching_range(0.1, 0.6);
  searching out = good(&config, (searching_options){.range = range, .threads = 1});
  assert_int_equal(out.log.n_scores, 6 * 4);
  assert_int_equal(out.log.boards, 4);
  for (int i = 0; i < out.log.n_scores; i++) {
    assert_true(cream_limits_hold(&out.log.limits, &out.log.costs, &out.log.scored[i]));
    for (int k = 0; k < i; k++) assert_false(cream_path_equal(&out.log.scored[i], &out.log.scored[k]));
  }
  free(out.weights);
  /* The evolution ends when no new path is found: this range has 2 or 3. */
  config.search.evolution.population = 200;
  config.search.evolution.generations = 1;
  range = searching_range(0.98, 1);
  out = good(&config, (searching_options){.range = range, .threads = 1});
  assert_in_range(out.log.n_scores, 1, 20);
  free(out.weights);
}

static void test_meta_inputs(void **state) {
  (void)state;
  float *weights[3];
  size_t count = 0;
  for (cream_meta_input input = CREAM_META_SOFTMAX; input <= CREAM_META_PAIR; input++) {
    cream_config config = searching_config();
    config.search.meta.input = input;
    config.search.meta.lr = 0.1;
    searching out = good(&config, (searching_options){.threads = 1});
    assert_int_equal(out.meta_inputs, (input == CREAM_META_PAIR ? 2 : 1) * 3 * SYNTHETIC_CLASSES);
    assert_true(out.log.taught > 15 && out.log.lowest_rho > 0 && out.log.highest_rho < 1);
    assert_true(out.meta_updates >= 6);
    weights[input] = out.weights;
    count = out.count;
  }
  for (int i = 0; i < 3; i++) assert_true(memcmp(weights[i], weights[(i + 1) % 3], count * 4) != 0);
  for (int i = 0; i < 3; i++) free(weights[i]);
}

static void test_sampling_everywhere_selects_inside(void **state) {
  (void)state;
  cream_range range = searching_range(0.3, 0.5), rare = searching_range(0.97, 1);
  for (cream_strategy s = 0; s < CREAM_STRATEGY_COUNT; s++) {
    cream_config config = searching_config();
    config.search.strategy = s;
    config.search.sampling = CREAM_SAMPLING_EVERYWHERE;
    searching out = good(&config, (searching_options){.range = range, .threads = 1});
    /* a random search trains nothing that it could not choose */
    if (s == CREAM_STRATEGY_RANDOM)
      assert_int_equal(out.log.outside, 0);
    else if (draws_paths(s) || s == CREAM_STRATEGY_FAIR)
      assert_true(out.log.outside > 10);
    assert_true(cream_range_holds(&range, cream_cost_flops(&out.results[0].cost)));
    free(out.weights);
  }
  /* None of the board lies inside, most likely: then paths drawn inside are compared. */
  cream_config config = searching_config();
  config.search.sampling = CREAM_SAMPLING_EVERYWHERE;
  searching out = good(&config, (searching_options){.range = rare, .threads = 1});
  assert_true(cream_range_holds(&rare, cream_cost_flops(&out.results[0].cost)));
  free(out.weights);
}

/* Large networks enter a Pareto board and stay there. */
static void test_pareto_board(void **state) {
  (void)state;
  cream_config config = searching_config();
  config.search.board.size = 6;
  config.search.board.buckets = 3;
  config.search.board.rule = CREAM_BOARD_PARETO;
  config.search.epochs = 8;
  searching out = good(&config, (searching_options){.threads = 1});
  cream_range reach = cream_costs_reach(&out.log.costs);
  int places[3] = {0};
  for (int e = 0; e < out.boards[0].count; e++) {
    double at = (out.boards[0].entries[e].flops - reach.min) / (reach.max - reach.min) * 3;
    places[at < 3 ? (int)at : 2]++;
  }
  for (int b = 0; b < 3; b++) assert_int_equal(places[b], 2);
  free(out.weights);
}

static void test_budgets(void **state) {
  (void)state;
  cream_range low = searching_range(0, 0.3), middle = searching_range(0, 0.6), high = searching_range(0, 1);
  for (cream_strategy s = 0; s < CREAM_STRATEGY_COUNT; s++) {
    cream_config config = searching_config();
    config.search.strategy = s;
    config.search.random.paths = 6;
    config.search.epochs = 8;
    config.search.budget_share = 0.75;
    snprintf(config.search.budgets, sizeof config.search.budgets, "%.6f, %.6f ,%.6f", low.max / 1e6,
             middle.max / 1e6, high.max / 1e6);
    searching out = good(&config, (searching_options){.threads = 1});
    assert_int_equal(out.targets, 3);
    const double most[3] = {low.max, middle.max, high.max};
    for (int t = 0; t < 3; t++) {
      double flops = cream_cost_flops(&out.results[t].cost);
      assert_true(flops <= most[t] + 1 && flops >= 0.75 * most[t] - 1);
      assert_true(out.boards[t].count >= 1);
      for (int e = 0; e < out.boards[t].count; e++) {
        const cream_board_entry *entry = &out.boards[t].entries[e];
        assert_true(entry->flops <= most[t] + 1 && entry->flops >= 0.75 * most[t] - 1);
        assert_in_range(entry->slot, 4 * t, 4 * t + 3);
      }
    }
    if (s == CREAM_STRATEGY_CREAM) assert_true(out.log.taught > 20 && out.meta_updates > 5);
    free(out.weights);
  }
}

static void test_milliseconds(void **state) {
  (void)state;
  cream_skeleton skeleton = synthetic_skeleton();
  cream_latencies latencies = {.n_layers = skeleton.n_layers, .fixed = 1};
  for (int l = 0; l < skeleton.n_layers; l++)
    for (int i = 0; i < skeleton.layers[l].n_options; i++)
      latencies.layer[l][i] = 0.5 + 0.25 * ((l + 2 * i) % 4);
  cream_range range = searching_range(0.2, 0.8);
  for (cream_strategy s = 0; s < CREAM_STRATEGY_COUNT; s++) {
    cream_config config = searching_config();
    config.search.strategy = s;
    searching out = good(
        &config, (searching_options){.range = range, .latencies = &latencies, .max_ms = 5, .threads = 1});
    if (draws_paths(s)) assert_int_equal(out.log.outside, 0);
    assert_int_equal(out.log.board_outside, 0);
    assert_true(out.results[0].ms <= 5 && out.results[0].ms > 1);
    assert_true(out.results[0].ms == cream_latencies_path(&latencies, &out.results[0].path));
    free(out.weights);
  }
  cream_config config = searching_config();
  strcpy(config.search.budgets, "4.3ms,5.2ms");
  searching out = good(&config, (searching_options){.latencies = &latencies, .threads = 1});
  assert_true(out.results[0].ms <= 4.3 && out.results[0].ms >= 0.8 * 4.3);
  assert_true(out.results[1].ms <= 5.2 && out.results[1].ms >= 0.8 * 5.2);
  free(out.weights);
}

static void test_budget_texts(void **state) {
  (void)state;
  cream_budget budgets[CREAM_MAX_BUDGETS];
  cream_error err;
  int n;
  assert_int_equal(cream_budgets_parse(" ", 0.8, budgets, &n, &err), CREAM_OK);
  assert_int_equal(n, 0);
  assert_int_equal(cream_budgets_parse("14, 43.50 ,12 ms", 0.5, budgets, &n, &err), CREAM_OK);
  assert_int_equal(n, 3);
  assert_string_equal(budgets[0].label, "14");
  assert_string_equal(budgets[1].label, "43.5");
  assert_string_equal(budgets[2].label, "12ms");
  assert_true(budgets[1].limits.flops.min == 21.75e6 && budgets[1].limits.flops.max == 43.5e6);
  assert_true(budgets[2].limits.ms.min == 6 && budgets[2].limits.ms.max == 12);
  assert_true(budgets[2].limits.flops.max == 0 && budgets[1].limits.ms.max == 0);
  assert_int_equal(cream_budgets_find(budgets, n, "43.5"), 1);
  assert_int_equal(cream_budgets_find(budgets, n, "12.0 ms"), 2);
  assert_int_equal(cream_budgets_find(budgets, n, "12"), -1);
  const char *const bad[] = {"x",   "14,", ",14",  "14 43", "-1",      "0",
                             "nan", "inf", "1e99", "14M",   "14,14.0", "1,2,3,4,5,6,7,8,9"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    assert_int_equal(cream_budgets_parse(bad[i], 0.8, budgets, &n, &err), CREAM_BAD_CONFIG);
    assert_non_null(strstr(err.text, "search.budgets: "));
  }
}

static void test_refusals(void **state) {
  (void)state;
  cream_config config = searching_config();
  config.search.strategy = CREAM_STRATEGY_RANDOM;
  config.search.random.paths = 41;
  searching out = search_with(&config, (searching_options){.threads = 1});
  assert_int_equal(out.status, CREAM_BAD_CONFIG);
  assert_non_null(strstr(out.err.text, "search.random.paths: got 41, expected 1 to 40"));
  config.search.random.paths = 30;
  out = search_with(&config, (searching_options){.range = searching_range(0.98, 1), .threads = 1});
  assert_int_equal(out.status, CREAM_BAD_CONFIG);
  assert_non_null(strstr(out.err.text, "different paths were found inside"));
  config = searching_config();
  strcpy(config.search.budgets, "0.1");
  out = search_with(&config, (searching_options){.range = searching_range(0, 1), .threads = 1});
  assert_non_null(strstr(out.err.text, "search.budgets: a FLOPs range is given too"));
  strcpy(config.search.budgets, "1ms");
  out = search_with(&config, (searching_options){.threads = 1});
  assert_non_null(strstr(out.err.text, "latency: a limit of 1 ms needs a table"));
  strcpy(config.search.budgets, "1000");
  out = search_with(&config, (searching_options){.threads = 1});
  assert_non_null(strstr(out.err.text, "flops: no path lies in 800:1000 M"));
  config = searching_config();
  config.search.board.rule = CREAM_BOARD_PARETO;
  config.search.board.buckets = 5;
  out = search_with(&config, (searching_options){.threads = 1});
  assert_non_null(strstr(out.err.text, "search.board.buckets: got 5, expected 1 to 4"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_words),
      cmocka_unit_test(test_each_gives_a_network_inside_the_range),
      cmocka_unit_test(test_repeats_itself_for_any_threads),
      cmocka_unit_test(test_stop_finishes_the_step),
      cmocka_unit_test(test_no_time_still_selects),
      cmocka_unit_test(test_what_a_step_trains),
      cmocka_unit_test(test_random_trains_each_path_and_keeps_the_best),
      cmocka_unit_test(test_random_keeps_the_best_of_any_size),
      cmocka_unit_test(test_paths_are_measured_alone),
      cmocka_unit_test(test_evolution_on_some_images),
      cmocka_unit_test(test_evolution_evaluates_every_path_once),
      cmocka_unit_test(test_meta_inputs),
      cmocka_unit_test(test_order_decides_the_choice),
      cmocka_unit_test(test_sampling_everywhere_selects_inside),
      cmocka_unit_test(test_pareto_board),
      cmocka_unit_test(test_budgets),
      cmocka_unit_test(test_milliseconds),
      cmocka_unit_test(test_budget_texts),
      cmocka_unit_test(test_refusals),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
