#include <cblas.h>
#include <math.h>
#include <string.h>

#include "bench.h"
#include "cpu/driver.h"

/* "model name" of /proc/cpuinfo. */
void bench_print_machine(int threads) {
  char model[128];
  printf("%s, %d threads; cream %s, OpenBLAS for %s\n", cream_cpu_model(model, sizeof model), threads,
         CREAM_VERSION, openblas_get_corename());
}

void bench_write_machine(cream_json *json, int threads) {
  char model[128];
  cream_json_object(json, "machine", true);
  cream_json_string(json, "cpu", cream_cpu_model(model, sizeof model));
  cream_json_integer(json, "threads", (uint64_t)threads);
  cream_json_string(json, "cream", CREAM_VERSION);
  cream_json_string(json, "compiler", __VERSION__);
  cream_json_string(json, "openblas", openblas_get_config());
  cream_json_string(json, "openblas_core", openblas_get_corename());
  cream_json_end(json);
}

void bench_print_peaks(const bench_peaks *peaks) {
  printf("peaks: sgemm %.1f GFLOP/s, multiply-add %.1f GFLOP/s, memory %.1f GB/s, swish %.2f G/s",
         peaks->gemm / 1e9, peaks->fma / 1e9, peaks->triad / 1e9, peaks->swish / 1e9);
  if (peaks->handover > 0) printf("; between threads %.0f ns", peaks->handover * 1e9);
  putchar('\n');
}

void bench_write_peaks(cream_json *json, const bench_peaks *peaks) {
  cream_json_object(json, "peaks", true);
  cream_json_number(json, "sgemm_gflops", peaks->gemm / 1e9);
  cream_json_number(json, "fma_gflops", peaks->fma / 1e9);
  cream_json_number(json, "memory_gbs", peaks->triad / 1e9);
  cream_json_number(json, "swish_gs", peaks->swish / 1e9);
  if (peaks->handover > 0) cream_json_number(json, "handover_ns", peaks->handover * 1e9);
  cream_json_end(json);
}

void bench_print_rates(const bench_peaks *peaks, const profiled_op *op, double parts) {
  printf("%10.3f %10.1f %8.1f %8.1f %8.1f", 1e3 * op->seconds / parts, op->flops / op->seconds / 1e9,
         op->bytes / op->seconds / 1e9, 100 * bench_roofline(peaks, op),
         100 * bench_roofline_activated(peaks, op));
}

void bench_write_rates(cream_json *json, const bench_peaks *peaks, const profiled_op *op, double parts) {
  cream_json_number(json, "ms", 1e3 * op->seconds / parts);
  cream_json_number(json, "gflops", op->flops / op->seconds / 1e9);
  cream_json_number(json, "gbs", op->bytes / op->seconds / 1e9);
  cream_json_number(json, "exponentials", op->exponentials / parts);
  cream_json_number(json, "share_of_peak", bench_roofline(peaks, op));
  cream_json_number(json, "share_with_activations", bench_roofline_activated(peaks, op));
}

void bench_write_setting(cream_json *json, const cream_skeleton *skeleton, int batch, int threads,
                         int rounds) {
  cream_json_string(json, "space", skeleton->space.name);
  cream_json_integer(json, "resolution", (uint64_t)skeleton->resolution);
  cream_json_integer(json, "classes", (uint64_t)skeleton->classes);
  cream_json_array(json, "depths", false);
  for (int s = 0; s < skeleton->space.n_stages; s++)
    cream_json_integer(json, NULL, (uint64_t)skeleton->depth[s]);
  cream_json_end(json);
  cream_json_integer(json, "batch", (uint64_t)batch);
  cream_json_integer(json, "threads", (uint64_t)threads);
  cream_json_integer(json, "rounds", (uint64_t)rounds);
}
