/* cream bench ops: every op of a distilled step by shape, as it runs in its place. */
#include <stdlib.h>

#include "bench.h"

/* The path whose layers all take their choice-th option. */
static cream_path uniform_path(const cream_skeleton *skeleton, int choice) {
  cream_path path = cream_skeleton_first_path(skeleton);
  for (int l = 0; l < skeleton->n_layers; l++)
    path.choice[l] = (uint8_t)(choice % skeleton->layers[l].n_options);
  return path;
}

/* Distilled steps over paths that together have every op of the supernet. */
static cream_status run(bench_work *work, const bench_options *options, cream_error *err) {
  int choices = 1;
  for (int l = 0; l < work->skeleton->n_layers; l++)
    if (work->skeleton->layers[l].n_options > choices) choices = work->skeleton->layers[l].n_options;
  for (int i = -options->warmup; i < options->rounds; i++) {
    if (i == 0) profiled_reset(work->backend);
    for (int c = 0; c < choices; c++) {
      cream_path path = uniform_path(work->skeleton, c), teacher = uniform_path(work->skeleton, c + 1);
      double seconds;
      cream_status status = bench_work_step(work, &path, &teacher, work->batch, &seconds, err);
      if (status != CREAM_OK) return status;
    }
  }
  return CREAM_OK;
}

static void print(const profiled_op *ops, int count, const bench_peaks *peaks) {
  printf("%-20s %5s %5s %6s %6s %3s %3s %8s %10s %10s %8s %8s %8s\n", "op", "n", "side", "in", "out", "k",
         "s", "calls", "ms", "GFLOP/s", "GB/s", "% peak", "% act.");
  for (int i = 0; i < count; i++) {
    const profiled_op *op = &ops[i];
    printf("%-20s %5d %5d %6d %6d %3d %3d %8llu ", profiled_name(op->kind), op->n, op->h, op->cin, op->cout,
           op->kernel, op->stride, (unsigned long long)op->calls);
    bench_print_rates(peaks, op, (double)op->calls);
    putchar('\n');
  }
}

static void write_ops(cream_json *json, const profiled_op *ops, int count, const bench_peaks *peaks) {
  cream_json_array(json, "ops", true);
  for (int i = 0; i < count; i++) {
    const profiled_op *op = &ops[i];
    cream_json_object(json, NULL, false);
    cream_json_string(json, "op", profiled_name(op->kind));
    cream_json_integer(json, "n", (uint64_t)op->n);
    cream_json_integer(json, "side", (uint64_t)op->h);
    cream_json_integer(json, "cin", (uint64_t)op->cin);
    cream_json_integer(json, "cout", (uint64_t)op->cout);
    cream_json_integer(json, "kernel", (uint64_t)op->kernel);
    cream_json_integer(json, "stride", (uint64_t)op->stride);
    cream_json_integer(json, "calls", op->calls);
    bench_write_rates(json, peaks, op, (double)op->calls);
    cream_json_end(json);
  }
  cream_json_end(json);
}

static void report(const profiled_op *ops, int count, const bench_peaks *peaks,
                   const cream_skeleton *skeleton, const bench_options *options) {
  if (!options->json) {
    bench_print_machine(options->threads);
    bench_print_peaks(peaks);
    print(ops, count, peaks);
    return;
  }
  cream_json json = cream_json_to(stdout);
  cream_json_object(&json, NULL, true);
  cream_json_string(&json, "bench", "ops");
  bench_write_machine(&json, options->threads);
  bench_write_peaks(&json, peaks);
  bench_write_setting(&json, skeleton, options->batch, options->threads, options->rounds);
  write_ops(&json, ops, count, peaks);
  cream_json_end(&json);
  putchar('\n');
}

cream_status bench_ops(const void *values, cream_error *err) {
  const bench_options *options = values;
  static cream_skeleton skeleton;
  static bench_work work;
  static profiled_op ops[PROFILED_SHAPES];
  cream_status status = bench_skeleton(options, &skeleton, err);
  if (status != CREAM_OK) return status;
  status = bench_work_open(&work, BENCH_DISTILL, &skeleton, options->batch, options->threads, options, err);
  if (status == CREAM_OK) status = run(&work, options, err);
  int count = status == CREAM_OK ? profiled_by_shape(work.backend, ops) : 0;
  bench_work_close(&work);
  bench_peaks peaks;
  if (status == CREAM_OK) status = bench_peaks_measure(options, &peaks, err);
  if (status == CREAM_OK) report(ops, count, &peaks, &skeleton, options);
  return status;
}
