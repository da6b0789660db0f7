/* cream latency check compares a table with measurements; cream latency show prints it. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/statistics.h"
#include "io/config/space_yaml.h"
#include "latency.h"
#include "latency_settle.h"
#include "tools/bench/bench.h"
#include "tools/cli/progress.h"

typedef struct check_result {
  int paths;
  double *predicted, *measured; /* [paths], ms; in check.ms */
  double spearman, mean_error, worst_error;
} check_result;

/* The supernet that the table was measured on. */
static cream_status open_skeleton(const latency_options *options, const cream_latency_table *table,
                                  cream_skeleton *skeleton, cream_error *err) {
  cream_space space;
  cream_status status =
      cream_space_load(*options->config.space ? options->config.space : table->space, &space, err);
  if (status != CREAM_OK) return status;
  return cream_skeleton_init(skeleton, &space, table->depth, table->resolution, table->classes, err);
}

/* For latency_settle. */
typedef struct check {
  const latency_options *options;
  cream_skeleton skeleton;
  latency_rig rig;
  double *ms; /* [paths][rounds] */
  check_result *result;
} check;

/* Measures the paths in turn, so that a disturbance of the machine is spread over all of them. */
static cream_status measure(void *self, const bool *again, cream_error *err) {
  check *c = self;
  size_t rounds = (size_t)c->options->rounds, paths = (size_t)c->options->paths;
  for (size_t r = 0; r < rounds; r++)
    for (size_t p = 0; p < paths; p++) {
      if (!again[p * rounds + r]) continue;
      cream_path path = bench_path(&c->skeleton, c->options->config.seed, p);
      double warm, ms;
      cream_status status = latency_rig_run(&c->rig, &path, NULL, &warm, err);
      if (status == CREAM_OK) status = latency_rig_run(&c->rig, &path, NULL, &ms, err);
      if (status != CREAM_OK) return status;
      c->ms[p * rounds + r] = fmin(c->ms[p * rounds + r], ms);
    }
  return CREAM_OK;
}

/* A table that seems wrong, while no measurement is slow beside the others of its network, is measured again as a whole. */
static cream_status judge(void *self, bool *again, latency_verdict *verdict, cream_error *err) {
  const check *c = self;
  size_t count = (size_t)c->options->paths * (size_t)c->options->rounds;
  const latency_series series = {c->options->paths, c->options->rounds, c->ms};
  cream_status status = latency_judge(&series, c->result->predicted, again, verdict, err);
  if (status == CREAM_OK && !latency_predicts(verdict->spearman, verdict->error)) memset(again, true, count);
  return status;
}

static void compare(check_result *result) {
  size_t n = (size_t)result->paths;
  result->spearman = cream_spearman(result->predicted, result->measured, n);
  for (size_t p = 0; p < n; p++) {
    double error = fabs(result->predicted[p] / result->measured[p] - 1);
    result->mean_error += error / (double)n;
    result->worst_error = fmax(result->worst_error, error);
  }
}

static bool good(const check_result *result) {
  return latency_predicts(result->spearman, result->mean_error);
}

static void print(const check_result *result) {
  printf("%10s %12s %12s %8s\n", "path", "predicted ms", "measured ms", "error");
  for (int p = 0; p < result->paths; p++)
    printf("%10d %12.3f %12.3f %7.1f%%\n", p, result->predicted[p], result->measured[p],
           100 * (result->predicted[p] / result->measured[p] - 1));
  printf("rank correlation (Spearman) %.4f, expected above %.2f; mean error %.2f %%, expected below %.0f %%; "
         "largest %.2f %%\n",
         result->spearman, LATENCY_LEAST_CORRELATION, 100 * result->mean_error, 100 * LATENCY_MOST_ERROR,
         100 * result->worst_error);
}

static void write_json(const check_result *result, const cream_skeleton *skeleton, uint64_t seed) {
  cream_json json = cream_json_to(stdout);
  cream_json_object(&json, NULL, true);
  cream_json_bool(&json, "good", good(result));
  cream_json_number(&json, "spearman", result->spearman);
  cream_json_number(&json, "mean_error", result->mean_error);
  cream_json_number(&json, "worst_error", result->worst_error);
  cream_json_array(&json, "paths", true);
  for (int p = 0; p < result->paths; p++) {
    char text[400];
    cream_path path = bench_path(skeleton, seed, (uint64_t)p);
    cream_json_object(&json, NULL, false);
    cream_json_string(&json, "path", cream_path_format(skeleton, &path, text, sizeof text));
    cream_json_number(&json, "predicted_ms", result->predicted[p]);
    cream_json_number(&json, "measured_ms", result->measured[p]);
    cream_json_end(&json);
  }
  cream_json_end(&json);
  cream_json_end(&json);
  putchar('\n');
}

static cream_status allocate(check *c, cream_error *err) {
  size_t paths = (size_t)c->options->paths, count = paths * (size_t)c->options->rounds;
  c->ms = malloc((count + 2 * paths) * sizeof *c->ms);
  if (!c->ms) return cream_fail_memory(err, (count + 2 * paths) * sizeof *c->ms, "the measurements");
  for (size_t i = 0; i < count; i++) c->ms[i] = INFINITY;
  c->result->predicted = c->ms + count;
  c->result->measured = c->ms + count + paths;
  return CREAM_OK;
}

/* Measures on the device of the table, with its threads and batch. */
static cream_status run(check *c, const cream_latency_table *table, cream_error *err) {
  static cream_latencies latencies;
  const latency_options *options = c->options;
  check_result *result = c->result;
  cream_config config = options->config;
  config.threads = table->threads;
  strcpy(config.device, table->device);
  cream_status status = cream_latency_table_apply(table, options->table, &c->skeleton, NULL, &latencies, err);
  if (status != CREAM_OK) return status;
  for (int p = 0; p < result->paths; p++) {
    cream_path path = bench_path(&c->skeleton, options->config.seed, (uint64_t)p);
    result->predicted[p] = cream_latencies_path(&latencies, &path);
  }
  status = latency_rig_open(&c->rig, &config, &c->skeleton, table->batch, err);
  const latency_task task = {.self = c,
                             .networks = result->paths,
                             .rounds = options->rounds,
                             .name = options->table,
                             .doubt = "the measurements do not fit the table",
                             .accept = true,
                             .least_seconds = options->least_seconds,
                             .now = progress_now,
                             .measure = measure,
                             .judge = judge};
  if (status == CREAM_OK) status = latency_settle(&task, err);
  latency_rig_close(&c->rig);
  for (int p = 0; p < result->paths && status == CREAM_OK; p++)
    result->measured[p] = bench_median(c->ms + (size_t)p * (size_t)options->rounds, options->rounds);
  return status;
}

cream_status latency_check(const void *values, cream_error *err) {
  const latency_options *options = values;
  static check c;
  static cream_latency_table table;
  check_result result = {.paths = options->paths};
  c = (check){.options = options, .result = &result};
  cream_status status = cream_latency_table_load(options->table, &table, err);
  if (status == CREAM_OK) status = open_skeleton(options, &table, &c.skeleton, err);
  if (status == CREAM_OK) status = allocate(&c, err);
  if (status == CREAM_OK) status = run(&c, &table, err);
  if (status == CREAM_OK) {
    compare(&result);
    if (options->json)
      write_json(&result, &c.skeleton, options->config.seed);
    else
      print(&result);
    if (!good(&result))
      status =
          cream_fail(err, CREAM_FAILED,
                     "the table %s does not predict this machine's latencies; measure it again with cream "
                     "latency build while nothing else runs",
                     options->table);
  }
  free(c.ms);
  return status;
}

/* ---- show ------------------------------------------------------------------------------------------ */

static void print_row(const char *part, const cream_latency *latency) {
  printf("%-24s %10.3f %10.3f %8d\n", part, latency->ms, latency->iqr, latency->samples);
}

cream_status latency_show(const void *values, cream_error *err) {
  const latency_options *options = values;
  static cream_latency_table table;
  cream_status status = cream_latency_table_load(options->table, &table, err);
  if (status != CREAM_OK) return status;
  if (options->json) {
    cream_latency_table_write(stdout, &table);
    return CREAM_OK;
  }
  printf("%s (%.8s), %d pixels, %d classes, batch %d\n", table.space, table.space_hash, table.resolution,
         table.classes, table.batch);
  printf("%s: %s, %d threads, cream %s\n\n", table.device, table.machine, table.threads, table.program);
  printf("%-24s %10s %10s %8s\n", "part", "median ms", "iqr ms", "samples");
  print_row("stem", &table.stem);
  for (int i = 0; i < table.n_blocks; i++) {
    const cream_latency *block = &table.blocks[i];
    char part[2 * CREAM_MAX_NAME + 48];
    snprintf(part, sizeof part, "%-8s %4d %4d>%d /%d", block->op, block->side, block->cin, block->cout,
             block->stride);
    print_row(part, block);
  }
  print_row("head", &table.head);
  printf("%-24s %10.3f\n", "rest of a pass", table.rest);
  return CREAM_OK;
}
