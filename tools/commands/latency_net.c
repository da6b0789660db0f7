/* cream latency net: measures one network, and predicts it by a table. */
#include <stdlib.h>
#include <string.h>

#include "io/base/json.h"
#include "latency.h"
#include "latency_settle.h"
#include "tools/bench/bench.h"
#include "tools/run/network.h"

typedef struct net_run {
  const latency_options *options;
  cream_config config; /* with the device and threads of the table, where there is one */
  int batch;
  cream_arch arch;
  bool has_table;
  cream_latency_table table;
  char machine[400];
  double ms, iqr, predicted;
} net_run;

/* What the table was measured with is taken, and what contradicts it refused. */
static cream_status take_from_table(net_run *n, cream_error *err) {
  const latency_options *options = n->options;
  const cream_latency_table *table = &n->table;
  const char *device = options->config.device;
  if (options->batch && options->batch != table->batch)
    return cream_fail(err, CREAM_BAD_CONFIG, "--batch: got %d, but the table %s was measured with %d",
                      options->batch, options->table, table->batch);
  if (options->config.threads >= 0 && options->config.threads != table->threads)
    return cream_fail(err, CREAM_BAD_CONFIG, "--threads: got %d, but the table %s was measured with %d",
                      options->config.threads, options->table, table->threads);
  if (*device && strcmp(device, table->device))
    return cream_fail(err, CREAM_BAD_CONFIG, "--device: got %s, but the table %s was measured on %s", device,
                      options->table, table->device);
  n->batch = table->batch;
  n->config.threads = table->threads;
  strcpy(n->config.device, table->device);
  return CREAM_OK;
}

static cream_status predict(net_run *n, cream_error *err) {
  static cream_latencies latencies;
  cream_status status = cream_latency_table_apply(&n->table, n->options->table, &n->arch.net,
                                                  n->arch.space_hash, &latencies, err);
  if (status != CREAM_OK) return status;
  const cream_path path = cream_skeleton_first_path(&n->arch.net);
  n->predicted = cream_latencies_path(&latencies, &path);
  return CREAM_OK;
}

/* The network, and its latency by the table. */
static cream_status open(net_run *n, cream_error *err) {
  n->config = n->options->config;
  n->batch = n->options->batch;
  n->has_table = n->options->table != NULL;
  cream_status status = run_arch(&n->config, &n->arch, err);
  if (status == CREAM_OK && n->has_table)
    status = cream_latency_table_load(n->options->table, &n->table, err);
  if (status == CREAM_OK && n->has_table) status = take_from_table(n, err);
  if (status != CREAM_OK) return status;
  int classes = n->options->classes;
  if (!classes && n->has_table && n->arch.builtin) classes = n->table.classes;
  if (classes) n->arch.net.classes = n->arch.net.space.head.classes = classes;
  return n->has_table ? predict(n, err) : CREAM_OK;
}

static cream_status measure_all(net_run *n, double *times, cream_error *err) {
  static latency_rig rig;
  double warm;
  int rounds = n->options->rounds;
  cream_status status = latency_rig_open(&rig, &n->config, &n->arch.net, n->batch, err);
  const cream_path path = cream_skeleton_first_path(&n->arch.net);
  for (int r = 0; r < rounds && status == CREAM_OK; r++) {
    status = latency_rig_run(&rig, &path, NULL, &warm, err);
    if (status == CREAM_OK) status = latency_rig_run(&rig, &path, NULL, &times[r], err);
  }
  if (status == CREAM_OK) {
    latency_rig_machine(&rig, n->config.threads, n->machine, sizeof n->machine);
    if (!strcmp(n->config.device, "auto")) strcpy(n->config.device, rig.backend->name);
  }
  latency_rig_close(&rig);
  return status;
}

/* A line on stderr says where other work on the machine disturbed the measurements. */
static cream_status measure(net_run *n, cream_error *err) {
  double times[LATENCY_MAX_ROUNDS];
  bool slow[LATENCY_MAX_ROUNDS];
  int rounds = n->options->rounds;
  const latency_series series = {1, rounds, times};
  latency_verdict verdict;
  cream_status status = measure_all(n, times, err);
  if (status == CREAM_OK) status = latency_judge(&series, NULL, slow, &verdict, err);
  if (status != CREAM_OK) return status;
  if (verdict.disturbed)
    fprintf(
        stderr,
        "other work disturbs the measurements (their median is %.1f %% above the fast ones); measure while "
        "nothing else runs\n",
        100 * verdict.spread);
  n->ms = bench_median(times, rounds);
  n->iqr = times[rounds - 1 - rounds / 4] - times[rounds / 4];
  return CREAM_OK;
}

static void print(const net_run *n) {
  const cream_skeleton *net = &n->arch.net;
  printf("network     %s at %d pixels, %d classes\n", n->config.arch, net->resolution, net->classes);
  printf("measured    %.3f ms for %d image%s: the median of %d passes, iqr %.3f ms, on %s (%s), %d threads\n",
         n->ms, n->batch, n->batch > 1 ? "s" : "", n->options->rounds, n->iqr, n->config.device, n->machine,
         n->config.threads);
  if (n->has_table)
    printf("predicted   %.3f ms by %s, an error of %.1f %%\n", n->predicted, n->options->table,
           100 * (n->predicted / n->ms - 1));
}

static void write_json(const net_run *n) {
  cream_json json = cream_json_to(stdout);
  cream_json_object(&json, NULL, true);
  cream_json_string(&json, "arch", n->config.arch);
  cream_json_integer(&json, "resolution", (uint64_t)n->arch.net.resolution);
  cream_json_integer(&json, "classes", (uint64_t)n->arch.net.classes);
  cream_json_integer(&json, "batch", (uint64_t)n->batch);
  cream_json_integer(&json, "threads", (uint64_t)n->config.threads);
  cream_json_string(&json, "device", n->config.device);
  cream_json_string(&json, "machine", n->machine);
  cream_json_integer(&json, "rounds", (uint64_t)n->options->rounds);
  cream_json_number(&json, "measured_ms", n->ms);
  cream_json_number(&json, "iqr_ms", n->iqr);
  if (n->has_table) {
    cream_json_string(&json, "table", n->options->table);
    cream_json_number(&json, "predicted_ms", n->predicted);
    cream_json_number(&json, "error", n->predicted / n->ms - 1);
  }
  cream_json_end(&json);
  putchar('\n');
}

cream_status latency_net(const void *values, cream_error *err) {
  static net_run n;
  n = (net_run){.options = values};
  cream_status status = open(&n, err);
  if (status == CREAM_OK && !n.has_table) latency_options_device(&n.config, &n.batch);
  if (status == CREAM_OK) status = measure(&n, err);
  if (status == CREAM_OK) n.options->json ? write_json(&n) : print(&n);
  return status;
}
