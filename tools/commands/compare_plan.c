/* cream compare --plan: what a study costs, from steps measured on this machine, and which difference it can find. */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "compare.h"
#include "core/base/power.h"
#include "core/search/rank.h"
#include "core/search/search.h"
#include "io/run/study_endpoint.h"
#include "io/run/study_endpoint_read.h"
#include "io/run/study_table.h"
#include "rank.h"
#include "tools/run/dry_run.h"
#include "tools/run/network.h"
#include "tools/run/path_training.h"
#include "tools/run/run_options.h"

/* Seconds of one run of each phase, measured in a process of its own: a search, or a path of medium size. */
typedef struct plan_times {
  double search;      /* all its training steps */
  double path, score; /* training a path from scratch; scoring it in the supernet */
  double retraining;  /* training the network found */
} plan_times;

typedef struct plan {
  const compare *c;
  int share; /* threads of a process */
  plan_times *arms;
} plan;

/* ---- measuring --------------------------------------------------------------------------------------- */

/* What a command prints on stdout as JSON; NULL: it failed, or printed none. */
static json_t *take_output(const cli_command *command, const void *values, cream_status *status,
                           cream_error *err) {
  FILE *out = tmpfile();
  int before = dup(STDOUT_FILENO);
  fflush(stdout);
  if (!out || before < 0 || dup2(fileno(out), STDOUT_FILENO) < 0) {
    *status = cream_fail(err, CREAM_FAILED, "cannot create a temporary file");
    return NULL;
  }
  *status = command->run(values, err);
  fflush(stdout);
  dup2(before, STDOUT_FILENO);
  close(before);
  rewind(out);
  json_t *json = *status == CREAM_OK ? json_loadf(out, 0, NULL) : NULL;
  fclose(out);
  return json;
}

static cream_status measure_search(const plan *p, const cream_config *config, plan_times *times,
                                   cream_error *err) {
  static run_options options;
  options = (run_options){.config = *config, .dry_run = true, .json = true};
  options.config.out[0] = '\0';
  options.config.threads = p->share;
  cream_status status;
  json_t *json = take_output(&command_search, &options, &status, err);
  times->search = json_number_value(json_object_get(json, "seconds"));
  if (config->time_budget > 0) times->search = 60 * config->time_budget;
  json_decref(json);
  return status;
}

/* A path of medium FLOPs inside the limits of the search. */
static cream_status medium_path(const cream_config *config, const cream_skeleton *skeleton, cream_path *path,
                                cream_error *err) {
  enum { DRAWN = 9 };
  const cream_rank_config ranking = {.paths = DRAWN, .spread = CREAM_SPREAD_UNIFORM};
  const cream_limits limits = {.flops = run_range(config)};
  cream_path paths[DRAWN];
  cream_costs costs;
  double flops[DRAWN];
  int n;
  cream_costs_init(&costs, skeleton, skeleton->resolution);
  cream_status status = cream_rank_draw(&ranking, skeleton, &limits, config->seed, paths, &n, err);
  if (status != CREAM_OK) return status;
  for (int i = 0; i < n; i++) {
    cream_cost cost = cream_costs_path(&costs, &paths[i]);
    flops[i] = cream_cost_flops(&cost);
  }
  for (int i = 0; i < n; i++) {
    int below = 0;
    for (int k = 0; k < n; k++) below += flops[k] < flops[i] || (flops[k] == flops[i] && k < i);
    if (below == n / 2) *path = paths[i];
  }
  return CREAM_OK;
}

static double batches_of(const run_data *data, int batch, double epochs) {
  return epochs * fmax(floor((double)data->n_rest / batch), 1);
}

static size_t test_images(const run_data *data) {
  return data->tested ? data->n_tested : data->dataset->count[CREAM_PART_TEST];
}

/* Trains the path for some steps. An evaluation of images takes a third of their training. */
static cream_status measure_training(const plan *p, const cream_config *search, const run_data *data,
                                     const cream_skeleton *skeleton, plan_times *times, cream_error *err) {
  cream_config config = path_recipe(search);
  config.threads = p->share;
  dry_clock clock;
  const path_training training = {&config, data, skeleton, dry_clock_start(&clock, 1)};
  cream_path_scores scores = {0};
  cream_status status = medium_path(search, skeleton, &scores.path, err);
  if (status == CREAM_OK) status = path_train(&training, &scores, err);
  if (!clock.done) return status;
  const cream_rank_config *rank = &search->rank;
  const cream_retrain_config *retrain = &search->retrain;
  double step = dry_clock_step(&clock), image = step / config.retrain.batch;
  double tested = (double)(data->n_heldout + test_images(data));
  times->path = step * (double)clock.planned + image / 3 * tested;
  times->score = image / 3 * ((double)rank->recalibrate * search->search.batch + (double)data->n_heldout);
  times->retraining = image * retrain->batch * batches_of(data, retrain->batch, retrain->epochs) +
                      image / 3 * (double)test_images(data);
  return CREAM_OK;
}

static cream_status measure_paths(const plan *p, const cream_config *config, plan_times *times,
                                  cream_error *err) {
  static cream_skeleton skeleton;
  run_data data;
  cream_status status = run_data_open(config, &data, err);
  if (status != CREAM_OK) return status;
  status = run_supernet(config, data.dataset->classes, &skeleton, err);
  if (status == CREAM_OK) status = measure_training(p, config, &data, &skeleton, times, err);
  run_data_close(&data);
  return status;
}

/* An arm, in a process of its own. */
static cream_status measure(void *self, int job, jobs_sender *sender, cream_error *err) {
  const plan *p = self;
  const cream_study *study = &p->c->study;
  const cream_config *config = &study->arms[job].config;
  plan_times times = {0};
  FILE *unwanted = freopen("/dev/null", "w", stderr);
  (void)unwanted;
  cream_status status = measure_search(p, config, &times, err);
  if (status == CREAM_OK && (study->rank || study->retrain)) status = measure_paths(p, config, &times, err);
  return status == CREAM_OK ? jobs_send(sender, &times, err) : status;
}

static cream_status take(void *self, int job, const void *record, cream_error *err) {
  plan *p = self;
  (void)err;
  memcpy(&p->arms[job], record, sizeof p->arms[job]);
  return CREAM_OK;
}

/* As many arms at a time as the study has runs at a time. */
static cream_status measure_arms(plan *p, cream_error *err) {
  const compare *c = p->c;
  const jobs all = {jobs_share(c->threads, c->processes, compare_runs(c), &p->share),
                    sizeof(plan_times),
                    p,
                    measure,
                    take,
                    NULL};
  fprintf(stderr, "measuring steps of %d arm%s\n", c->study.n_arms, c->study.n_arms == 1 ? "" : "s");
  return jobs_run(&all, c->study.n_arms, err);
}

/* ---- the cost ---------------------------------------------------------------------------------------- */

static void put_seconds(cream_table *t, int row, int column, double seconds) {
  if (seconds <= 0)
    cream_table_put(t, row, column, "-");
  else if (seconds < 7200)
    cream_table_put(t, row, column, "%.0f s", seconds);
  else
    cream_table_put(t, row, column, "%.1f h", seconds / 3600);
}

static int rows_of(const cream_study *study, int arm) {
  int n = 0;
  for (int r = 0; r < study->n_rows; r++) n += study->rows[r].arm == arm;
  return n;
}

/* Whether the paths of an arm are trained for it, and not for an earlier arm that shares them. */
static bool trains_paths(const cream_study *study, int arm) {
  const cream_config *own = &study->arms[arm].config;
  for (int a = 0; a < arm; a++)
    if (cream_strategy_has_supernet(study->arms[a].config.search.strategy) &&
        rank_may_share(own, &study->arms[a].config))
      return false;
  return true;
}

static void print_cost(const plan *p) {
  const compare *c = p->c;
  const cream_study *study = &c->study;
  const char *const titles[] = {"seconds of all seeds", "searches", "rankings", "retrainings", "in all"};
  cream_table t;
  double all = 0;
  if (!cream_table_init(&t, study->n_arms + 1, 5)) return;
  for (int i = 0; i < 5; i++) cream_table_put(&t, 0, i, "%s", titles[i]);
  for (int a = 0; a < study->n_arms; a++) {
    const plan_times *times = &p->arms[a];
    bool ranks = study->rank && cream_strategy_has_supernet(study->arms[a].config.search.strategy);
    bool trains = ranks && !*study->arms[a].config.rank.truth && trains_paths(study, a);
    double trained = trains ? times->path * study->rank : 0;
    double phases[] = {times->search * study->n_seeds,
                       (ranks ? times->score * study->rank + trained : 0) * study->n_seeds,
                       study->retrain ? times->retraining * study->n_seeds * rows_of(study, a) : 0, 0};
    phases[3] = phases[0] + phases[1] + phases[2];
    all += phases[3];
    cream_table_put(&t, a + 1, 0, "%s", study->arms[a].name);
    for (int i = 0; i < 4; i++) put_seconds(&t, a + 1, i + 1, phases[i]);
  }
  int share, parallel = jobs_share(c->threads, c->processes, compare_runs(c), &share);
  cream_table_print(&t, stdout);
  cream_table_free(&t);
  printf(
      "\nIn all about %.0f s (%.1f h): %.0f s of processes, %d at a time. Measured: training steps on this "
      "machine. Estimated: evaluations, at a third of a training step for each image. Not included: "
      "evolution, the final selection, images that are read for the first time.\n",
      all / parallel, all / parallel / 3600, all, parallel);
}

/* ---- power ------------------------------------------------------------------------------------------- */

static bool over_paths(cream_study_measure measure) {
  return measure == CREAM_STUDY_TAU || measure == CREAM_STUDY_TAU_TEST || measure == CREAM_STUDY_TAU_LOSS ||
         measure == CREAM_STUDY_TAU10 || measure == CREAM_STUDY_TAU20;
}

static int paths_of(const cream_study *study) {
  return study->endpoint.measure == CREAM_STUDY_TAU10   ? 10
         : study->endpoint.measure == CREAM_STUDY_TAU20 ? 20
                                                        : study->rank;
}

/* The largest deviation among the results of a folder with at least three seeds; NaN: there is none. */
static double measured_deviation(compare *c, cream_error *err) {
  cream_endpoint_result results[CREAM_STUDY_MAX_ARMS];
  char folder[CREAM_MAX_FILE_NAME];
  double deviation = NAN;
  for (int run = 0; run < compare_runs(c) && c->dir; run++)
    if (!compare_has(compare_folder(c, run, "", folder, sizeof folder), CREAM_RUN_RESULT))
      snprintf(c->runs[run].error, sizeof c->runs[run].error, "not finished");
  if (!c->dir || !*c->dir || compare_collect(c, err) != CREAM_OK ||
      cream_study_test_endpoint(&c->study, c->runs, results, err) != CREAM_OK)
    return NAN;
  for (int i = 0; i < c->study.endpoint.n; i++)
    if (results[i].n >= 3) deviation = fmax(isnan(deviation) ? 0 : deviation, results[i].deviation);
  return deviation;
}

/* The deviation of the differences of seeds that the study has to expect, and where it is from. 0: not known. */
static double expected_deviation(compare *c, char *from, size_t size, cream_error *err) {
  enum { DRAWS = 2000 };
  const cream_study *study = &c->study;
  double measured = measured_deviation(c, err);
  if (measured > 0) {
    snprintf(from, size, "the largest of the results in %s", c->dir);
    return measured;
  }
  if (study->endpoint.deviation > 0) {
    snprintf(from, size, "endpoint.deviation");
    return study->endpoint.deviation;
  }
  if (!over_paths(study->endpoint.measure) || paths_of(study) < 2) return 0;
  snprintf(from, size, "what drawing %d paths leaves of a tau of 0.4; trainings differ on top of it",
           paths_of(study));
  return cream_tau_deviation((size_t)paths_of(study), 0.4, DRAWS, 1);
}

static void print_detectable(const cream_study *study, const cream_power_design *first) {
  const cream_study_endpoint *e = &study->endpoint;
  cream_power_design alone = *first;
  alone.alpha = e->alpha;
  double strict = cream_detectable(first, e->power), loose = cream_detectable(&alone, e->power);
  if (isinf(strict)) {
    printf("With %d seeds p is never below %g, and nothing can be found at %g%s: more seeds are needed.\n",
           study->n_seeds, cream_test_least_p(e->test, (size_t)study->n_seeds), first->alpha,
           e->n > 1 && e->correction == CREAM_CORRECTION_HOLM ? ", the first step of Holm's correction" : "");
    return;
  }
  printf("A difference of %.3g is found with power %g", strict, e->power);
  if (alone.alpha != first->alpha)
    printf(" if it has to pass the first step of the correction (p below %.3g), one of %.3g if it passes the "
           "last (below %g)",
           first->alpha, loose, alone.alpha);
  printf(".\nPower for half, once and twice that difference: %.2f, %.2f, %.2f.\n",
         cream_power(first, strict / 2), cream_power(first, strict), cream_power(first, 2 * strict));
}

static void print_power(compare *c) {
  enum { DRAWS = 2000 };
  const cream_study *study = &c->study;
  const cream_study_endpoint *e = &study->endpoint;
  char text[400], from[CREAM_MAX_FILE_NAME + 64] = "";
  cream_error ignored;
  printf("\nEndpoint: %s.\n", cream_study_endpoint_text(study, text, sizeof text));
  if (!e->given) {
    printf("Without one, the difference that the study can find is not known.\n");
    return;
  }
  cream_power_design design = {.pairs = (size_t)study->n_seeds,
                               .test = e->test,
                               .alpha = e->correction == CREAM_CORRECTION_HOLM ? e->alpha / e->n : e->alpha,
                               .deviation = expected_deviation(c, from, sizeof from, &ignored),
                               .draws = DRAWS,
                               .seed = 1};
  if (study->n_seeds < 2 || design.deviation <= 0) {
    printf("The difference that it can find is not known: %s.\n",
           study->n_seeds < 2 ? "a test needs two or more seeds"
                              : "set endpoint.deviation, the standard deviation of the differences of seeds");
    return;
  }
  printf("%d seeds; differences of seeds deviate by %.3g (%s).\n", study->n_seeds, design.deviation, from);
  print_detectable(study, &design);
}

cream_status compare_plan(compare *c, cream_error *err) {
  plan p = {.c = c, .arms = calloc((size_t)c->study.n_arms, sizeof *p.arms)};
  if (!p.arms) return cream_fail_memory(err, (size_t)c->study.n_arms * sizeof *p.arms, "a plan");
  cream_status status = measure_arms(&p, err);
  if (status == CREAM_OK) {
    printf("%s: %d arm%s, %d seed%s\n\n", c->study.name, c->study.n_arms, c->study.n_arms == 1 ? "" : "s",
           c->study.n_seeds, c->study.n_seeds == 1 ? "" : "s");
    print_cost(&p);
    print_power(c);
  }
  free(p.arms);
  return status;
}
