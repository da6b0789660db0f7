/* cream bench detect: networks as backbones of detectors, side by side. */
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "core/net/memory.h"
#include "cpu/cpu.h"

enum { MAX_BACKBONES = 16, MAX_NETWORK = 512 };

static const char backbones[] = "cream-287,cream-481,cream-604,efficientnet-b0,mobilenet-v2";

typedef struct row {
  char backbone[MAX_NETWORK];
  cream_detect_kind head;
  cream_cost own, all;          /* of the backbone, and with neck and heads; for one image */
  double step, inference, peak; /* median seconds of a training step and of inference; bytes of training */
} row;

/* ---- measuring ----------------------------------------------------------------------------------------- */

/* Neck and heads are only known once there is a network with them. */
static cream_status count(const cream_skeleton *skeleton, row *r, cream_error *err) {
  const cream_cpu_options cpu = {.threads = 1};
  const cream_net_options options = {.batch = 1};
  const cream_path path = cream_skeleton_first_path(skeleton);
  cream_costs costs;
  cream_backend *backend;
  cream_counter counter;
  cream_net *net;
  cream_costs_init(&costs, skeleton, skeleton->resolution);
  r->own = cream_costs_path(&costs, &path);
  cream_status status = cream_cpu_create(&cpu, &backend, err);
  if (status != CREAM_OK) return status;
  cream_counter_init(&counter, backend);
  status = cream_net_create(&counter.base, skeleton, &options, &net, err);
  if (status == CREAM_OK) {
    r->all = cream_cost_add(r->own, cream_net_tail_cost(net, skeleton->resolution));
    cream_net_destroy(net);
  }
  backend->destroy(backend);
  return status;
}

static void begin(void *self) {
  (void)self;
}

static cream_status time_work(const cream_skeleton *skeleton, bench_kind kind, const bench_options *options,
                              double *median, double *peak, cream_error *err) {
  static bench_work work;
  bench_timing timing;
  cream_status status =
      bench_work_open(&work, kind, skeleton, options->batch, options->threads, options, err);
  if (status == CREAM_OK) status = bench_time_steps(&work, options, begin, NULL, &timing, err);
  if (status == CREAM_OK) {
    *median = timing.median;
    *peak = bench_memory_peak() - work.baseline;
  }
  bench_work_close(&work);
  return status;
}

static cream_status measure(const bench_options *options, row *r, cream_error *err) {
  static cream_skeleton skeleton;
  double peak;
  bench_options one = *options;
  one.arch = r->backbone;
  one.head = r->head;
  cream_status status = bench_skeleton(&one, &skeleton, err);
  if (status == CREAM_OK) status = count(&skeleton, r, err);
  if (status != CREAM_OK || !options->rounds) return status;
  status = time_work(&skeleton, BENCH_PLAIN, &one, &r->step, &r->peak, err);
  return status == CREAM_OK ? time_work(&skeleton, BENCH_EVAL, &one, &r->inference, &peak, err) : status;
}

/* ---- results ------------------------------------------------------------------------------------------- */

static void print_head(const bench_options *o) {
  bench_print_machine(o->threads);
  printf("detectors of %d classes, %d pixels", o->classes, o->resolution);
  if (o->rounds) printf(", batch %d; medians of %d rounds", o->batch, o->rounds);
  printf("\n%-20s %-7s %11s %11s %10s %10s", "backbone", "head", "params (M)", "(backbone)", "macs (G)",
         "(backbone)");
  if (o->rounds) printf(" %13s %16s %12s", "training (ms)", "inference (ms)", "training MB");
  putchar('\n');
}

static void print_row(const bench_options *o, const row *r) {
  printf("%-20.60s %-7s %11.3f %11.3f %10.3f %10.3f", r->backbone, cream_detect_words[r->head],
         r->all.params / 1e6, r->own.params / 1e6, r->all.macs / 1e9, r->own.macs / 1e9);
  if (o->rounds) printf(" %13.1f %16.1f %12.1f", 1e3 * r->step, 1e3 * r->inference, r->peak / 1e6);
  putchar('\n');
  fflush(stdout);
}

static void write_row(cream_json *json, const bench_options *o, const row *r) {
  cream_json_object(json, NULL, false);
  cream_json_string(json, "backbone", r->backbone);
  cream_json_string(json, "head", cream_detect_words[r->head]);
  cream_json_number(json, "params", r->all.params);
  cream_json_number(json, "backbone_params", r->own.params);
  cream_json_number(json, "macs", r->all.macs);
  cream_json_number(json, "backbone_macs", r->own.macs);
  if (o->rounds) {
    cream_json_number(json, "training_ms", 1e3 * r->step);
    cream_json_number(json, "inference_ms", 1e3 * r->inference);
    cream_json_number(json, "training_memory_mb", r->peak / 1e6);
  }
  cream_json_end(json);
}

static void write_rows(const bench_options *o, const row *rows, int n) {
  cream_json json = cream_json_to(stdout);
  cream_json_object(&json, NULL, true);
  cream_json_string(&json, "bench", "detect");
  bench_write_machine(&json, o->threads);
  cream_json_integer(&json, "resolution", (uint64_t)o->resolution);
  cream_json_integer(&json, "classes", (uint64_t)o->classes);
  cream_json_integer(&json, "batch", (uint64_t)o->batch);
  cream_json_integer(&json, "rounds", (uint64_t)o->rounds);
  cream_json_array(&json, "rows", true);
  for (int i = 0; i < n; i++) write_row(&json, o, &rows[i]);
  cream_json_end(&json);
  cream_json_end(&json);
  putchar('\n');
}

/* ---- the command --------------------------------------------------------------------------------------- */

/* "NAME,NAME,...". Returns how many there are; 0: a name is empty or too long, or there are too many. */
static int split(const char *text, char names[MAX_BACKBONES][MAX_NETWORK]) {
  for (int n = 0; n < MAX_BACKBONES; n++) {
    const size_t length = strcspn(text, ",");
    if (length == 0 || length >= MAX_NETWORK) return 0;
    memcpy(names[n], text, length);
    names[n][length] = '\0';
    if (!text[length]) return n + 1;
    text += length + 1;
  }
  return 0;
}

cream_status bench_detect(const void *values, cream_error *err) {
  const bench_options *options = values;
  static char names[MAX_BACKBONES][MAX_NETWORK];
  static row rows[MAX_BACKBONES * CREAM_DETECT_KIND_COUNT];
  const int n = split(options->arch ? options->arch : backbones, names);
  int n_rows = 0;
  cream_status status = CREAM_OK;
  if (!n)
    return cream_fail(err, CREAM_BAD_CONFIG,
                      "--arch: got \"%.60s\", expected 1 to %d networks, as mobilenet-v2,cream-287",
                      options->arch, MAX_BACKBONES);
  if (!options->json) print_head(options);
  for (int i = 0; i < n; i++)
    for (int head = CREAM_DETECT_NONE + 1; head < CREAM_DETECT_KIND_COUNT && status == CREAM_OK; head++) {
      row *r = &rows[n_rows];
      if (options->head != CREAM_DETECT_NONE && options->head != head) continue;
      *r = (row){.head = (cream_detect_kind)head};
      strcpy(r->backbone, names[i]);
      status = measure(options, r, err);
      if (status == CREAM_OK && !options->json) print_row(options, r);
      n_rows++;
    }
  if (options->json && status == CREAM_OK) write_rows(options, rows, n_rows);
  return status;
}
