/* cream bench step --freeze: a training step of one network with frozen parts beside one of the whole network. */
#include <stdlib.h>

#include "bench.h"
#include "core/train/freeze.h"

enum { WHOLE, FROZEN, SIDES };

typedef struct freeze_result {
  double median[SIDES]; /* seconds */
  size_t memory[SIDES]; /* bytes of the network */
} freeze_result;

/* One step of each side in turn; the first one changes from round to round. */
static cream_status run_rounds(bench_work *works, const bench_options *options, double *seconds,
                               cream_error *err) {
  cream_path path = cream_skeleton_first_path(works[WHOLE].skeleton);
  for (int i = -options->warmup; i < options->rounds; i++)
    for (int turn = 0; turn < SIDES; turn++) {
      int side = (i + options->warmup + turn) % SIDES;
      double elapsed;
      cream_status status = bench_work_step(&works[side], &path, NULL, options->batch, &elapsed, err);
      if (status != CREAM_OK) return status;
      if (i >= 0) seconds[side * options->rounds + i] = elapsed;
    }
  return CREAM_OK;
}

static cream_status measure(const cream_skeleton *skeleton, const bench_options *options, int frozen,
                            freeze_result *result, cream_error *err) {
  static bench_work works[SIDES];
  const size_t bytes = SIDES * (size_t)options->rounds * sizeof(double);
  double *seconds = malloc(bytes);
  cream_status status = seconds ? CREAM_OK : cream_fail_memory(err, bytes, "timings");
  for (int side = 0; side < SIDES && status == CREAM_OK; side++) {
    bench_options one = *options;
    one.frozen = side == FROZEN ? frozen : 0;
    status =
        bench_work_open(&works[side], BENCH_PLAIN, skeleton, options->batch, options->threads, &one, err);
    if (status == CREAM_OK) result->memory[side] = cream_net_memory(works[side].train.net);
  }
  if (status == CREAM_OK) status = run_rounds(works, options, seconds, err);
  for (int side = 0; side < SIDES; side++) {
    if (status == CREAM_OK)
      result->median[side] = bench_median(seconds + side * options->rounds, options->rounds);
    bench_work_close(&works[side]);
  }
  free(seconds);
  return status;
}

static void report(const freeze_result *result, const cream_skeleton *skeleton,
                   const bench_options *options) {
  const double ratio = result->median[WHOLE] / result->median[FROZEN];
  if (!options->json) {
    bench_print_machine(options->threads);
    printf("%s, %d pixels, %d classes, batch %d; medians of %d rounds in turn\n", skeleton->space.name,
           skeleton->resolution, skeleton->classes, options->batch, options->rounds);
    printf("all layers trained: %.2f ms a step, %.1f MB\n", 1e3 * result->median[WHOLE],
           (double)result->memory[WHOLE] / 1e6);
    printf("frozen, %s: %.2f ms a step, %.1f MB\n", options->freeze, 1e3 * result->median[FROZEN],
           (double)result->memory[FROZEN] / 1e6);
    printf("ratio of the steps: %.2f\n", ratio);
    return;
  }
  cream_json json = cream_json_to(stdout);
  cream_json_object(&json, NULL, true);
  cream_json_string(&json, "bench", "freeze");
  bench_write_machine(&json, options->threads);
  bench_write_setting(&json, skeleton, options->batch, options->threads, options->rounds);
  cream_json_string(&json, "freeze", options->freeze);
  cream_json_number(&json, "whole_ms", 1e3 * result->median[WHOLE]);
  cream_json_number(&json, "frozen_ms", 1e3 * result->median[FROZEN]);
  cream_json_number(&json, "ratio", ratio);
  cream_json_number(&json, "whole_memory_mb", (double)result->memory[WHOLE] / 1e6);
  cream_json_number(&json, "frozen_memory_mb", (double)result->memory[FROZEN] / 1e6);
  cream_json_end(&json);
  putchar('\n');
}

cream_status bench_freeze(const bench_options *options, cream_error *err) {
  static cream_skeleton skeleton;
  int frozen;
  freeze_result result = {0};
  cream_status status = bench_skeleton(options, &skeleton, err);
  if (status == CREAM_OK && !skeleton.fixed)
    return cream_fail(err, CREAM_BAD_CONFIG, "--freeze needs --arch, one network; got the space %s",
                      options->space);
  if (status == CREAM_OK) status = cream_freeze_parse(&skeleton, options->freeze, &frozen, err);
  if (status == CREAM_OK) status = measure(&skeleton, options, frozen, &result, err);
  if (status == CREAM_OK) report(&result, &skeleton, options);
  return status;
}
