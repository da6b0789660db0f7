/* cream bench step: whole steps, by kind of op. */
#include <stdlib.h>
#include <string.h>

#include "bench.h"

typedef struct step_result {
  bench_timing timing;
  double flops;                   /* of a step, mean */
  double memory_peak, memory_net; /* bytes: of the process, and without what it held before */
  profiled_op ops[PROFILED_KINDS];
} step_result;

static void begin(void *work) {
  profiled_reset(((bench_work *)work)->backend);
}

static cream_status measure(bench_work *work, const bench_options *options, step_result *result,
                            cream_error *err) {
  *result = (step_result){0};
  cream_status status = bench_time_steps(work, options, begin, work, &result->timing, err);
  if (status != CREAM_OK) return status;
  memcpy(result->ops, profiled_by_kind(work->backend), sizeof result->ops);
  for (int k = 0; k < PROFILED_KINDS; k++) result->flops += result->ops[k].flops / options->rounds;
  result->memory_peak = bench_memory_peak();
  result->memory_net = result->memory_peak - work->baseline;
  return CREAM_OK;
}

/* Seconds of all steps that no op accounts for. */
static double outside(const step_result *result) {
  double inside = 0;
  for (int k = 0; k < PROFILED_KINDS; k++) inside += result->ops[k].seconds;
  return result->timing.total - inside;
}

/* Shares of the roofline of all steps: what their ops take at the peaks. */
static double roofline(const step_result *result, const bench_peaks *peaks, bench_share *share) {
  double least = 0;
  for (int k = 0; k < PROFILED_KINDS; k++)
    if (result->ops[k].calls) least += share(peaks, &result->ops[k]) * result->ops[k].seconds;
  return least / result->timing.total;
}

static void print(const step_result *result, const bench_peaks *peaks, int rounds) {
  printf("\n%s: median %.2f ms (fastest %.2f), %.1f images/s, %.1f GFLOP/s, forward %.1f M MACs an image\n",
         bench_kind_names[result->timing.kind], 1e3 * result->timing.median, 1e3 * result->timing.fastest,
         result->timing.images / result->timing.median, result->flops / result->timing.median / 1e9,
         result->timing.macs / 1e6);
  printf("peak memory %.1f MB, without what the process held before %.1f MB\n", result->memory_peak / 1e6,
         result->memory_net / 1e6);
  printf("%.1f %% of the roofline, %.1f %% with activations\n", 100 * roofline(result, peaks, bench_roofline),
         100 * roofline(result, peaks, bench_roofline_activated));
  printf("%-20s %8s %10s %10s %8s %8s %8s %8s\n", "op", "calls", "ms", "GFLOP/s", "GB/s", "% peak", "% act.",
         "% step");
  for (int k = 0; k < PROFILED_KINDS; k++) {
    const profiled_op *op = &result->ops[k];
    if (op->calls == 0) continue;
    printf("%-20s %8.1f ", profiled_name(op->kind), (double)op->calls / rounds);
    bench_print_rates(peaks, op, rounds);
    printf(" %8.2f\n", 100 * op->seconds / result->timing.total);
  }
  printf("%-20s %8s %10.3f %10s %8s %8s %8s %8.2f\n", "outside ops", "", 1e3 * outside(result) / rounds, "",
         "", "", "", 100 * outside(result) / result->timing.total);
}

static void write_result(cream_json *json, const step_result *result, const bench_peaks *peaks, int rounds) {
  cream_json_object(json, NULL, true);
  cream_json_string(json, "work", bench_kind_names[result->timing.kind]);
  cream_json_integer(json, "images", (uint64_t)result->timing.images);
  cream_json_number(json, "median_ms", 1e3 * result->timing.median);
  cream_json_number(json, "fastest_ms", 1e3 * result->timing.fastest);
  cream_json_number(json, "images_per_second", result->timing.images / result->timing.median);
  cream_json_number(json, "gflops", result->flops / result->timing.median / 1e9);
  cream_json_number(json, "forward_macs", result->timing.macs);
  cream_json_number(json, "memory_peak_mb", result->memory_peak / 1e6);
  cream_json_number(json, "memory_net_mb", result->memory_net / 1e6);
  cream_json_number(json, "share_of_peak", roofline(result, peaks, bench_roofline));
  cream_json_number(json, "share_with_activations", roofline(result, peaks, bench_roofline_activated));
  cream_json_number(json, "share_outside_ops", outside(result) / result->timing.total);
  cream_json_array(json, "ops", true);
  for (int k = 0; k < PROFILED_KINDS; k++) {
    const profiled_op *op = &result->ops[k];
    if (op->calls == 0) continue;
    cream_json_object(json, NULL, false);
    cream_json_string(json, "op", profiled_name(op->kind));
    cream_json_number(json, "calls", (double)op->calls / rounds);
    bench_write_rates(json, peaks, op, rounds);
    cream_json_number(json, "share_of_step", op->seconds / result->timing.total);
    cream_json_end(json);
  }
  cream_json_end(json);
  cream_json_end(json);
}

static void report(const step_result *results, int count, const bench_peaks *peaks,
                   const cream_skeleton *skeleton, const bench_options *options) {
  if (!options->json) {
    bench_print_machine(options->threads);
    bench_print_peaks(peaks);
    printf("%s, %d pixels, %d classes, batch %d; medians of %d rounds\n", skeleton->space.name,
           skeleton->resolution, skeleton->classes, options->batch, options->rounds);
    for (int i = 0; i < count; i++) print(&results[i], peaks, options->rounds);
    return;
  }
  cream_json json = cream_json_to(stdout);
  cream_json_object(&json, NULL, true);
  cream_json_string(&json, "bench", "step");
  bench_write_machine(&json, options->threads);
  bench_write_peaks(&json, peaks);
  bench_write_setting(&json, skeleton, options->batch, options->threads, options->rounds);
  cream_json_array(&json, "works", true);
  for (int i = 0; i < count; i++) write_result(&json, &results[i], peaks, options->rounds);
  cream_json_end(&json);
  cream_json_end(&json);
  putchar('\n');
}

cream_status bench_step(const void *values, cream_error *err) {
  const bench_options *options = values;
  static cream_skeleton skeleton;
  step_result results[BENCH_KINDS];
  int count = 0;
  cream_status status = bench_skeleton(options, &skeleton, err);
  for (int k = 0; k < BENCH_KINDS && status == CREAM_OK; k++) {
    if (options->kind != BENCH_KINDS && options->kind != k) continue;
    if (!bench_has_work(&skeleton, (bench_kind)k)) continue;
    static bench_work work;
    status = bench_work_open(&work, (bench_kind)k, &skeleton, options->batch, options->threads, options, err);
    if (status == CREAM_OK) status = measure(&work, options, &results[count++], err);
    bench_work_close(&work);
  }
  bench_peaks peaks; /* last: its arrays are no part of a step's memory */
  if (status == CREAM_OK) status = bench_peaks_measure(options, &peaks, err);
  if (status == CREAM_OK) report(results, count, &peaks, &skeleton, options);
  return status;
}
