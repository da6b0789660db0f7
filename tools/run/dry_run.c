#include "dry_run.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cluster.h"
#include "core/detect/anchors.h"
#include "device.h"
#include "io/base/json.h"
#include "io/base/memory.h"
#include "network.h"

/* What is printed. */
typedef struct dry_report {
  const dry_run *run;
  cream_costs costs;
  int n_rows;
  cream_cost_row rows[CREAM_MAX_LAYERS + 2]; /* stem, layers, head */
  cream_range params, flops;                 /* of the smallest and the largest path */
  double supernet_params;
  int n_budgets;
  cream_budget budgets[CREAM_MAX_BUDGETS];
  cream_path_count counts[CREAM_MAX_BUDGETS]; /* of paths inside the limits */
  size_t host, device;                        /* bytes */
  double steps, epoch;                        /* steps of an epoch; its seconds */
  double training;                            /* seconds of all epochs */
  char device_name[400];
} dry_report;

cream_status dry_run_end(dry_clock *clock, cream_status status, cream_error *err) {
  if (status != CREAM_OK && status != CREAM_INTERRUPTED) return status;
  uint8_t done = clock->done;
  cream_status shared = cluster_share(&done, sizeof done, err);
  clock->done = done;
  return shared != CREAM_OK || done ? shared : status;
}

/* ---- gathering --------------------------------------------------------------------------------------- */

static bool limited(const dry_report *r) {
  bool any = false;
  for (int b = 0; b < r->n_budgets; b++)
    any |= r->budgets[b].limits.flops.max > 0 || r->budgets[b].limits.ms.max > 0;
  return any;
}

static cream_status count_paths(dry_report *r, cream_error *err) {
  const dry_run *run = r->run;
  if (run->skeleton->fixed) return CREAM_OK;
  cream_status status = run_limits(run->config, r->budgets, &r->n_budgets, err);
  for (int b = 0; b < r->n_budgets && status == CREAM_OK; b++) {
    r->budgets[b].limits.latencies = run->latencies;
    status = cream_limits_count(&r->costs, &r->budgets[b].limits, run->config->seed, &r->counts[b], err);
  }
  return status;
}

static void find_params(dry_report *r) {
  r->params = (cream_range){r->costs.fixed.params, r->costs.fixed.params};
  r->supernet_params = r->costs.fixed.params;
  for (int l = 0; l < r->costs.n_layers; l++) {
    double low = INFINITY, high = 0;
    for (int i = 0; i < r->costs.n_options[l]; i++) {
      low = fmin(low, r->costs.layer[l][i].params);
      high = fmax(high, r->costs.layer[l][i].params);
      r->supernet_params += r->costs.layer[l][i].params;
    }
    r->params.min += low;
    r->params.max += high;
  }
}

/* A detector's neck and heads, which are in the place of a classifier's head. */
static void add_tail(dry_report *r) {
  const cream_skeleton *skeleton = r->run->skeleton;
  cream_cost_row *row = &r->rows[r->n_rows - 1];
  if (skeleton->detect.kind == CREAM_DETECT_NONE) return;
  const cream_detect_grid grid = cream_detect_grid_of(&skeleton->detect, skeleton->resolution);
  row->cost = r->run->tail;
  row->side_out = grid.side[grid.levels - 1];
  snprintf(row->name, sizeof row->name, "neck, heads");
  snprintf(row->op, sizeof row->op, "%s", cream_detect_words[skeleton->detect.kind]);
  r->costs.fixed = cream_cost_add(r->costs.fixed, r->run->tail);
}

static cream_status gather(dry_report *r, cream_error *err) {
  const dry_run *run = r->run;
  const cream_skeleton *skeleton = run->skeleton;
  const cream_path first = cream_skeleton_first_path(skeleton);
  cream_costs_init(&r->costs, skeleton, skeleton->resolution);
  r->n_rows = cream_costs_rows(skeleton, &first, skeleton->resolution, r->rows);
  add_tail(r);
  r->flops = cream_costs_reach(&r->costs);
  find_params(r);
  r->steps = (double)run->clock.planned / (double)run->clock.epochs;
  r->epoch = r->steps * dry_clock_step(&run->clock);
  r->training = (double)run->early.steps * run->early.step +
                (double)(run->clock.planned - run->early.steps) * dry_clock_step(&run->clock);
  device_describe(run->backend, run->config->threads, r->device_name, sizeof r->device_name);
  cream_status status = count_paths(r, err);
  return status == CREAM_OK ? memory_check_measure(run->memory, &r->host, &r->device, err) : status;
}

/* FLOPs of a layer's options. */
static cream_range layer_flops(const dry_report *r, int l) {
  cream_range flops = {INFINITY, 0};
  for (int i = 0; i < r->costs.n_options[l]; i++) {
    double value = cream_cost_flops(&r->costs.layer[l][i]);
    flops.min = fmin(flops.min, value);
    flops.max = fmax(flops.max, value);
  }
  return flops;
}

static const char *option_name(const dry_report *r, int l, int i) {
  const cream_skeleton *skeleton = r->run->skeleton;
  return skeleton->space.ops[skeleton->layers[l].options[i]].name;
}

/* ---- text -------------------------------------------------------------------------------------------- */

/* "1.234" or "1.234 to 5.678", in millions. */
static const char *millions(const cream_range *range, char *text, size_t size) {
  if (range->min == range->max)
    snprintf(text, size, "%.3f", range->min / 1e6);
  else
    snprintf(text, size, "%.3f to %.3f", range->min / 1e6, range->max / 1e6);
  return text;
}

static void print_layers(const dry_report *r) {
  char flops[64], side[32], channels[32];
  printf("%-14s %9s %11s %20s  %s\n", "part", "side", "channels", "FLOPs (M)", "choices");
  for (int i = 0; i < r->n_rows; i++) {
    const cream_cost_row *row = &r->rows[i];
    bool layer = i > 0 && i < r->n_rows - 1;
    double own = cream_cost_flops(&row->cost);
    cream_range range = layer ? layer_flops(r, i - 1) : (cream_range){own, own};
    snprintf(side, sizeof side, "%d>%d", row->side_in, row->side_out);
    snprintf(channels, sizeof channels, "%d>%d", row->cin, row->cout);
    printf("%-14s %9s %11s %20s ", row->name, side, channels, millions(&range, flops, sizeof flops));
    if (!layer) printf(" %s", row->op);
    for (int o = 0; layer && o < r->costs.n_options[i - 1]; o++) printf(" %s", option_name(r, i - 1, o));
    putchar('\n');
  }
}

static void print_paths(const dry_report *r) {
  printf("paths       %.6g\n", cream_costs_paths(&r->costs));
  for (int b = 0; b < r->n_budgets && limited(r); b++)
    printf("inside      %.6g within %s%s (%s)\n", r->counts[b].paths,
           *r->budgets[b].label ? "budget " : "the limits", r->budgets[b].label,
           r->counts[b].exact ? "counted one by one" : "estimated from 20000 drawn paths");
}

static void print_text(const dry_report *r) {
  const dry_run *run = r->run;
  const dry_clock *clock = &run->clock;
  const cream_skeleton *skeleton = run->skeleton;
  const int ranks = cream_cluster_size(cluster_ranks());
  char text[64];
  printf("%s, %dx%d pixels, %d classes, %d layers\n", skeleton->space.name, skeleton->resolution,
         skeleton->resolution, skeleton->classes, skeleton->n_layers);
  print_layers(r);
  if (!skeleton->fixed) print_paths(r);
  printf("FLOPs       %s M, as the paper counts them\n", millions(&r->flops, text, sizeof text));
  printf("parameters  %s M", millions(&r->params, text, sizeof text));
  if (!skeleton->fixed) printf("; %.3f M in the supernet", r->supernet_params / 1e6);
  printf("\nmemory      %.3f GB", (double)r->host / 1e9);
  if (r->device) printf(", and %.3f GB of the device", (double)r->device / 1e9);
  printf("%s (%.2f GB are free)\n", ranks > 1 ? " on rank 0" : "", (double)cream_memory_available() / 1e9);
  if (ranks > 1)
    printf("ranks       %d, each computes %d of the %d parts of a step\n", ranks, run->accumulate / ranks,
           run->accumulate);
  printf(
      "epoch       about %.1f s: %.0f steps of %.4f s, the mean of %d measured on this machine (%s) with a "
      "batch of %d%s; evaluations are not included\n",
      r->epoch, r->steps, dry_clock_step(clock), dry_clock_measured(clock), r->device_name,
      run->batch * run->accumulate,
      skeleton->fixed ? "" : ", with board and teacher if the strategy has them");
  if (run->early.steps)
    printf("early       about %.1f s for an epoch before the board opens: %llu steps of %.4f s\n",
           r->steps * run->early.step, (unsigned long long)run->early.steps, run->early.step);
  printf("training    about %.0f s for %llu epoch%s\n", r->training, (unsigned long long)clock->epochs,
         clock->epochs == 1 ? "" : "s");
}

/* ---- JSON -------------------------------------------------------------------------------------------- */

static void write_range(cream_json *json, const char *key, const cream_range *range) {
  cream_json_array(json, key, false);
  cream_json_number(json, NULL, range->min);
  cream_json_number(json, NULL, range->max);
  cream_json_end(json);
}

static void write_layers(cream_json *json, const dry_report *r) {
  cream_json_array(json, "layers", true);
  for (int l = 0; l < r->costs.n_layers; l++) {
    const cream_cost_row *row = &r->rows[l + 1];
    cream_range flops = layer_flops(r, l);
    cream_json_object(json, NULL, false);
    cream_json_string(json, "name", row->name);
    cream_json_integer(json, "side_in", (uint64_t)row->side_in);
    cream_json_integer(json, "side_out", (uint64_t)row->side_out);
    cream_json_integer(json, "cin", (uint64_t)row->cin);
    cream_json_integer(json, "cout", (uint64_t)row->cout);
    write_range(json, "flops", &flops);
    cream_json_array(json, "choices", false);
    for (int i = 0; i < r->costs.n_options[l]; i++) cream_json_string(json, NULL, option_name(r, l, i));
    cream_json_end(json);
    cream_json_end(json);
  }
  cream_json_end(json);
}

static void write_paths(cream_json *json, const dry_report *r) {
  cream_json_number(json, "paths", cream_costs_paths(&r->costs));
  cream_json_array(json, "inside", true);
  for (int b = 0; b < r->n_budgets && limited(r); b++) {
    cream_json_object(json, NULL, false);
    if (*r->budgets[b].label) cream_json_string(json, "budget", r->budgets[b].label);
    cream_json_number(json, "paths", r->counts[b].paths);
    cream_json_string(json, "by", r->counts[b].exact ? "enumeration" : "sampling");
    cream_json_end(json);
  }
  cream_json_end(json);
}

static void write_json(const dry_report *r) {
  const dry_run *run = r->run;
  const cream_skeleton *skeleton = run->skeleton;
  cream_json json = cream_json_to(stdout);
  cream_json_object(&json, NULL, true);
  cream_json_string(&json, "command", run->command);
  cream_json_bool(&json, "dry_run", true);
  cream_json_string(&json, "space", skeleton->space.name);
  cream_json_integer(&json, "resolution", (uint64_t)skeleton->resolution);
  cream_json_integer(&json, "classes", (uint64_t)skeleton->classes);
  write_layers(&json, r);
  if (!skeleton->fixed) write_paths(&json, r);
  write_range(&json, "flops", &r->flops);
  write_range(&json, "params", &r->params);
  if (!skeleton->fixed) cream_json_number(&json, "supernet_params", r->supernet_params);
  cream_json_integer(&json, "memory_bytes", r->host);
  cream_json_integer(&json, "device_bytes", r->device);
  cream_json_string(&json, "device", r->device_name);
  cream_json_integer(&json, "batch", (uint64_t)run->batch);
  cream_json_integer(&json, "accumulate", (uint64_t)run->accumulate);
  cream_json_integer(&json, "ranks", (uint64_t)cream_cluster_size(cluster_ranks()));
  cream_json_integer(&json, "measured_steps", (uint64_t)dry_clock_measured(&run->clock));
  cream_json_number(&json, "seconds_per_step", dry_clock_step(&run->clock));
  cream_json_number(&json, "steps_per_epoch", r->steps);
  cream_json_number(&json, "seconds_per_epoch", r->epoch);
  cream_json_integer(&json, "epochs", run->clock.epochs);
  cream_json_integer(&json, "early_steps", run->early.steps);
  if (run->early.steps) cream_json_number(&json, "seconds_per_early_step", run->early.step);
  cream_json_number(&json, "seconds", r->training);
  cream_json_end(&json);
  putchar('\n');
}

cream_status dry_run_print(const dry_run *run, bool json, cream_error *err) {
  static dry_report report;
  report = (dry_report){.run = run};
  cream_status status = gather(&report, err);
  if (status == CREAM_OK) json ? write_json(&report) : print_text(&report);
  return status;
}
