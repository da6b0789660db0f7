#include <stdio.h>

#include "commands.h"
#include "core/net/memory.h"
#include "core/net/net.h"
#include "core/space/complexity.h"
#include "io/base/json.h"
#include "io/config/latency_table.h"
#include "tools/run/network.h"
#include "tools/run/run_options.h"

typedef struct profile_options {
  run_options run;
  int classes; /* 0: the network's own number */
} profile_options;

/* The costs of a network. */
typedef struct profile {
  cream_skeleton net; /* fixed */
  int n_rows;
  cream_cost_row rows[CREAM_MAX_LAYERS + 2];
  cream_cost total;
  size_t infer_bytes, train_bytes; /* of activations and workspace, for one image */
  bool timed;                      /* ms[] and ms_rest are known */
  double ms[CREAM_MAX_LAYERS + 2], ms_rest;
} profile;

/* The costliest option of every layer. */
static cream_path costliest(const cream_skeleton *skeleton) {
  cream_costs costs;
  cream_costs_init(&costs, skeleton, skeleton->resolution);
  cream_path path = cream_skeleton_first_path(skeleton);
  for (int l = 0; l < skeleton->n_layers; l++)
    for (int o = 0; o < skeleton->layers[l].n_options; o++)
      if (cream_cost_flops(&costs.layer[l][o]) > cream_cost_flops(&costs.layer[l][path.choice[l]]))
        path.choice[l] = (uint8_t)o;
  return path;
}

static double ms_total(const profile *p) {
  double sum = p->ms_rest;
  for (int i = 0; i < p->n_rows; i++) sum += p->ms[i];
  return sum;
}

/* ---- measuring --------------------------------------------------------------------------------------- */

/* Bytes of a network beside its parameters, running statistics and gradients, for batches of one. */
static cream_status count_bytes(cream_backend *backend, const cream_skeleton *skeleton, bool train,
                                size_t *bytes, cream_error *err) {
  cream_net *net;
  cream_counter counter;
  cream_counter_init(&counter, backend);
  const cream_net_options options = {.batch = 1, .train = train};
  cream_status status = cream_net_create(&counter.base, skeleton, &options, &net, err);
  if (status != CREAM_OK) return status;
  size_t parameters = cream_net_weight_count(net) + cream_net_statistic_count(net);
  if (train) parameters += cream_net_gradient_count(net);
  *bytes = cream_net_memory(net) - parameters * sizeof(float);
  cream_net_destroy(net);
  return CREAM_OK;
}

static cream_status measure_memory(profile *p, const cream_config *config, cream_error *err) {
  cream_backend *backend;
  cream_status status = run_backend(config, &backend, err);
  if (status != CREAM_OK) return status;
  status = count_bytes(backend, &p->net, false, &p->infer_bytes, err);
  if (status == CREAM_OK) status = count_bytes(backend, &p->net, true, &p->train_bytes, err);
  backend->destroy(backend);
  return status;
}

/* space_hash: as cream_latency_table_apply takes it. */
static cream_status look_up_latencies(profile *p, const char *file, const char *space_hash,
                                      cream_error *err) {
  static cream_latency_table table;
  static cream_latencies latencies;
  if (!*file) return CREAM_OK;
  cream_status status = cream_latency_table_load(file, &table, err);
  if (status == CREAM_OK)
    status = cream_latency_table_apply(&table, file, &p->net, space_hash, &latencies, err);
  if (status != CREAM_OK) return status;
  p->timed = true;
  p->ms[0] = table.stem.ms;
  for (int l = 0; l < p->net.n_layers; l++) p->ms[1 + l] = latencies.layer[l][0];
  p->ms[p->n_rows - 1] = table.head.ms;
  p->ms_rest = latencies.fixed - table.stem.ms - table.head.ms;
  return CREAM_OK;
}

/* ---- printing ------------------------------------------------------------------------------------------ */

static void print_cost(const profile *p, const cream_cost *cost, double ms) {
  printf("%10.3f %10.3f %10.3f %12.3f", cost->macs / 1e6, cream_cost_flops(cost) / 1e6, cost->params / 1e6,
         cost->activations * sizeof(float) / 1e6);
  if (p->timed) printf(" %9.3f", ms);
  putchar('\n');
}

static void print_table(const profile *p) {
  const cream_skeleton *net = &p->net;
  printf("%s, %dx%d pixels, %d classes\n", net->space.name, net->resolution, net->resolution, net->classes);
  printf("%-14s %-12s %9s %11s %10s %10s %10s %12s%s\n", "part", "op", "side", "channels", "macs (M)",
         "FLOPs (M)", "params (M)", "outputs (MB)", p->timed ? "      (ms)" : "");
  for (int i = 0; i < p->n_rows; i++) {
    const cream_cost_row *row = &p->rows[i];
    char side[32], channels[32];
    snprintf(side, sizeof side, "%d>%d", row->side_in, row->side_out);
    snprintf(channels, sizeof channels, "%d>%d", row->cin, row->cout);
    printf("%-14s %-12s %9s %11s ", row->name, row->op, side, channels);
    print_cost(p, &row->cost, p->ms[i]);
  }
  if (p->timed) printf("%-14s %-12s %9s %11s %56.3f\n", "rest", "", "", "", p->ms_rest);
  printf("%-14s %-12s %9s %11s ", "total", "", "", "");
  print_cost(p, &p->total, ms_total(p));
  printf("memory for one image beside the weights: %.3f MB for inference, %.3f MB for training\n",
         (double)p->infer_bytes / 1e6, (double)p->train_bytes / 1e6);
  printf(
      "macs: multiply-adds of convolutions and linear layers; FLOPs as the paper counts them; outputs: what\n"
      "convolutions and linear layers write for one image\n");
}

static void write_cost(cream_json *json, const profile *p, const cream_cost *cost, double ms) {
  cream_json_number(json, "macs", cost->macs);
  cream_json_number(json, "paper_flops", cream_cost_flops(cost));
  cream_json_number(json, "params", cost->params);
  cream_json_number(json, "output_bytes", cost->activations * sizeof(float));
  if (p->timed) cream_json_number(json, "latency_ms", ms);
}

static void write_json(const profile *p) {
  cream_json json = cream_json_to(stdout);
  cream_json_object(&json, NULL, true);
  cream_json_string(&json, "space", p->net.space.name);
  cream_json_integer(&json, "resolution", (uint64_t)p->net.resolution);
  cream_json_integer(&json, "classes", (uint64_t)p->net.classes);
  write_cost(&json, p, &p->total, ms_total(p));
  cream_json_integer(&json, "inference_bytes", p->infer_bytes);
  cream_json_integer(&json, "training_bytes", p->train_bytes);
  cream_json_array(&json, "layers", true);
  for (int i = 0; i < p->n_rows; i++) {
    const cream_cost_row *row = &p->rows[i];
    cream_json_object(&json, NULL, false);
    cream_json_string(&json, "name", row->name);
    cream_json_string(&json, "op", row->op);
    cream_json_integer(&json, "side_in", (uint64_t)row->side_in);
    cream_json_integer(&json, "side_out", (uint64_t)row->side_out);
    cream_json_integer(&json, "cin", (uint64_t)row->cin);
    cream_json_integer(&json, "cout", (uint64_t)row->cout);
    write_cost(&json, p, &row->cost, p->ms[i]);
    cream_json_end(&json);
  }
  cream_json_end(&json);
  cream_json_end(&json);
  putchar('\n');
}

/* ---- the command -------------------------------------------------------------------------------------- */

/* The network in question; *space_hash: that of a loaded one's space, else NULL. */
static cream_status choose(const profile_options *options, cream_skeleton *net, const char **space_hash,
                           cream_error *err) {
  static cream_arch arch;
  static cream_skeleton supernet;
  *space_hash = NULL;
  if (*options->run.config.arch) {
    cream_status status = run_arch(&options->run.config, &arch, err);
    if (status != CREAM_OK) return status;
    if (options->classes) arch.net.classes = arch.net.space.head.classes = options->classes;
    *net = arch.net;
    *space_hash = arch.space_hash;
    return CREAM_OK;
  }
  cream_status status = run_supernet(&options->run.config, options->classes, &supernet, err);
  if (status != CREAM_OK) return status;
  cream_path path = costliest(&supernet);
  *net = cream_skeleton_fix(&supernet, &path);
  fprintf(stderr, "profiling the largest network of the space at these depths; choose another one with "
                  "--arch NAME|FILE|LIST\n");
  return CREAM_OK;
}

static cream_status run(const void *values, cream_error *err) {
  const profile_options *options = values;
  const cream_config *config = &options->run.config;
  static profile p;
  const char *space_hash;
  p = (profile){0};
  cream_status status = choose(options, &p.net, &space_hash, err);
  if (status != CREAM_OK) return status;
  cream_path path = cream_skeleton_first_path(&p.net);
  p.n_rows = cream_costs_rows(&p.net, &path, p.net.resolution, p.rows);
  for (int i = 0; i < p.n_rows; i++) p.total = cream_cost_add(p.total, p.rows[i].cost);
  status = measure_memory(&p, config, err);
  if (status == CREAM_OK) status = look_up_latencies(&p, config->search.latency.table, space_hash, err);
  if (status == CREAM_OK) options->run.json ? write_json(&p) : print_table(&p);
  return status;
}

static const cli_option options[] = {
    RUN_ARCH,
    CLI_VALUE(profile_options, classes, NETWORK, "classes", "N",
              "classes in place of the network's own number", CLI_FROM_TO(1, 1 << 20), .fallback = ""),
    RUN_RESOLUTION,
    RUN_LATENCY_TABLE,
    RUN_SPACE,
    RUN_FLOPS,
    RUN_CONFIG,
    RUN_SET,
    RUN_JSON,
};

static const char *const settings[] = {"space",
                                       "arch",
                                       "flops",
                                       "resolution",
                                       "depth",
                                       RUN_DEVICE_SETTINGS,
                                       "search.budgets",
                                       "search.budget_share",
                                       "search.latency.table",
                                       NULL};

COMMAND(
    profile, "print the costs of a network, or of the largest one of a space, by layer", CLI_OPTIONS(options),
    CLI_VALUES(profile_options, run.line), .defaults = run_options_defaults, .run = run, .settings = settings,
    .text =
        "macs counts multiply-adds of convolutions and linear layers. FLOPs, as the paper counts them, adds "
        "two\n"
        "for each output of a batch norm and one for each input of a pooling. With a latency table (cream\n"
        "latency build) there is a column of milliseconds.\n");
