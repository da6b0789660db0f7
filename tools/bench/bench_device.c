/* cream bench step on a device other than the CPU: the times of kernels, how long the host waited, and how much
 * was copied. And the tuning of kernels. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "io/base/file.h"
#include "tools/run/device.h"

enum { MAX_KERNELS = 600, MAX_CONVS = 96 };

typedef struct device_result {
  bench_timing timing;
  cream_device_stats stats; /* of the measured steps */
  cream_device_time times[MAX_KERNELS];
  int n_times;
} device_result;

static cream_status open_device(const bench_options *options, bool profile, cream_backend **backend,
                                cream_error *err) {
  const device_options device = {.device = options->device,
                                 .threads = options->threads,
                                 .parameters = options->parameters,
                                 .half = options->half,
                                 .profile = profile};
  cream_status status = device_open(&device, backend, err);
  if (status != CREAM_OK || !device_is_cpu(*backend)) return status;
  (*backend)->destroy(*backend);
  *backend = NULL;
  return cream_fail(err, CREAM_BAD_CONFIG,
                    "--device %.60s is the CPU; expected an OpenCL device, or no --device", options->device);
}

static void subtract(cream_device_stats *stats, const cream_device_stats *before) {
  stats->up_bytes -= before->up_bytes;
  stats->down_bytes -= before->down_bytes;
  stats->launches -= before->launches;
  stats->waited -= before->waited;
}

/* A work and its counters before the measured steps. */
typedef struct device_work {
  bench_work *work;
  device_result *result;
  cream_device_stats before;
} device_work;

static void begin(void *self) {
  device_work *at = self;
  device_times(at->work->backend, at->result->times, MAX_KERNELS);
  device_stats(at->work->backend, &at->before);
}

static cream_status measure(bench_work *work, const bench_options *options, device_result *result,
                            cream_error *err) {
  device_work at = {.work = work, .result = result};
  *result = (device_result){0};
  cream_status status = bench_time_steps(work, options, begin, &at, &result->timing, err);
  if (status != CREAM_OK) return status;
  device_stats(work->backend, &result->stats);
  subtract(&result->stats, &at.before);
  result->n_times = device_times(work->backend, result->times, MAX_KERNELS);
  return CREAM_OK;
}

static double busy(const device_result *result) {
  double seconds = 0;
  for (int i = 0; i < result->n_times; i++) seconds += result->times[i].seconds;
  return seconds;
}

static const cream_device_time *longest(const device_result *result) {
  const cream_device_time *most = NULL;
  for (int i = 0; i < result->n_times; i++)
    if (!most || result->times[i].longest > most->longest) most = &result->times[i];
  return most;
}

static void print_longest(const device_result *result) {
  const cream_device_time *most = longest(result);
  if (!most) return;
  printf("the longest kernel, %s, ran %.3f ms; displays end kernels after %.0f s%s\n", most->kernel,
         1e3 * most->longest, CREAM_DEVICE_WATCHDOG,
         most->longest > CREAM_DEVICE_WATCHDOG / 4 ? ": lower CREAM_OPENCL_GROUPS (docs/opencl.md)" : "");
}

static void print(const device_result *result, int rounds) {
  const cream_device_stats *stats = &result->stats;
  const double all = busy(result); /* 0: not available */
  printf("\n%s: median %.2f ms (fastest %.2f), %.1f images/s, forward %.1f M MACs an image\n",
         bench_kind_names[result->timing.kind], 1e3 * result->timing.median, 1e3 * result->timing.fastest,
         result->timing.images / result->timing.median, result->timing.macs / 1e6);
  char share[64] = "the time that the device was busy is not available";
  if (all > 0)
    snprintf(share, sizeof share, "the device was busy %.1f %% of the time",
             100 * all / result->timing.total);
  printf("%s, the host waited for it %.1f %%; a step has %.1f kernels\n", share,
         100 * stats->waited / result->timing.total, (double)stats->launches / rounds);
  printf("a step moves %.0f bytes to the device and %.0f back\n", (double)stats->up_bytes / rounds,
         (double)stats->down_bytes / rounds);
  if (all > 0) print_longest(result);
  printf("%-36s %8s %10s %8s\n", "kernel", "calls", "ms", "% step");
  for (int i = 0; i < result->n_times; i++)
    if (all == 0)
      printf("%-36s %8.1f %10s %8s\n", result->times[i].kernel, (double)result->times[i].calls / rounds,
             "n/a", "n/a");
    else
      printf("%-36s %8.1f %10.3f %8.2f\n", result->times[i].kernel, (double)result->times[i].calls / rounds,
             1e3 * result->times[i].seconds / rounds, 100 * result->times[i].seconds / result->timing.total);
}

static void write_result(cream_json *json, const device_result *result, int rounds) {
  const cream_device_stats *stats = &result->stats;
  const double all = busy(result); /* 0: not available */
  cream_json_object(json, NULL, true);
  cream_json_string(json, "work", bench_kind_names[result->timing.kind]);
  cream_json_integer(json, "images", (uint64_t)result->timing.images);
  cream_json_number(json, "median_ms", 1e3 * result->timing.median);
  cream_json_number(json, "fastest_ms", 1e3 * result->timing.fastest);
  cream_json_number(json, "images_per_second", result->timing.images / result->timing.median);
  cream_json_number(json, "forward_macs", result->timing.macs);
  cream_json_number(json, "share_device_busy", all > 0 ? all / result->timing.total : NAN);
  cream_json_number(json, "share_host_waited", stats->waited / result->timing.total);
  cream_json_number(json, "kernels_a_step", (double)stats->launches / rounds);
  cream_json_number(json, "bytes_to_device", (double)stats->up_bytes / rounds);
  cream_json_number(json, "bytes_from_device", (double)stats->down_bytes / rounds);
  cream_json_array(json, "kernels", true);
  for (int i = 0; i < result->n_times; i++) {
    cream_json_object(json, NULL, false);
    cream_json_string(json, "kernel", result->times[i].kernel);
    cream_json_number(json, "calls", (double)result->times[i].calls / rounds);
    const double seconds = all > 0 ? result->times[i].seconds : NAN;
    cream_json_number(json, "ms", 1e3 * seconds / rounds);
    cream_json_number(json, "longest_ms", all > 0 ? 1e3 * result->times[i].longest : NAN);
    cream_json_number(json, "share_of_step", seconds / result->timing.total);
    cream_json_end(json);
  }
  cream_json_end(json);
  cream_json_end(json);
}

static void report(const device_result *results, int count, const cream_skeleton *skeleton,
                   const bench_options *options) {
  const cream_device_stats *stats = &results[0].stats;
  if (!options->json) {
    printf("%s\n%s, %d pixels, %d classes, batch %d; medians of %d rounds\n", stats->device,
           skeleton->space.name, skeleton->resolution, skeleton->classes, options->batch, options->rounds);
    for (int i = 0; i < count; i++) print(&results[i], options->rounds);
    return;
  }
  cream_json json = cream_json_to(stdout);
  cream_json_object(&json, NULL, true);
  cream_json_string(&json, "bench", "step");
  cream_json_string(&json, "device", stats->device);
  bench_write_setting(&json, skeleton, options->batch, options->threads, options->rounds);
  cream_json_array(&json, "works", true);
  for (int i = 0; i < count; i++) write_result(&json, &results[i], options->rounds);
  cream_json_end(&json);
  cream_json_end(&json);
  putchar('\n');
}

cream_status bench_device_step(const bench_options *options, cream_error *err) {
  static cream_skeleton skeleton;
  static device_result results[BENCH_KINDS];
  static bench_work work;
  int count = 0;
  cream_status status = bench_skeleton(options, &skeleton, err);
  cream_backend *backend = NULL;
  if (status == CREAM_OK) status = open_device(options, true, &backend, err);
  for (int k = 0; k < BENCH_KINDS && status == CREAM_OK; k++) {
    if (options->kind != BENCH_KINDS && options->kind != k) continue;
    if (!bench_has_work(&skeleton, (bench_kind)k)) continue;
    status = bench_work_open_on(&work, (bench_kind)k, &skeleton, options->batch, backend, options, err);
    if (status == CREAM_OK) status = measure(&work, options, &results[count++], err);
    bench_work_end(&work);
  }
  if (status == CREAM_OK) report(results, count, &skeleton, options);
  if (backend) backend->destroy(backend);
  return status;
}

/* ---- tuning --------------------------------------------------------------------- */

static void add_conv(cream_device_conv *convs, int *count, cream_device_conv conv) {
  for (int i = 0; i < *count; i++)
    if (memcmp(&convs[i], &conv, sizeof conv) == 0) return;
  if (*count < MAX_CONVS) convs[(*count)++] = conv;
}

/* The 1x1 and the depthwise convolutions of the largest path. */
static int collect(const cream_skeleton *skeleton, int batch, cream_device_conv *convs) {
  int count = 0, side = cream_out_side(skeleton->resolution, skeleton->space.stem.stride);
  for (int l = 0; l < skeleton->n_layers; l++) {
    const cream_layer *layer = &skeleton->layers[l];
    double widest = 1;
    int kernel = 1;
    for (int o = 0; o < layer->n_options; o++) {
      const cream_op *op = &skeleton->space.ops[layer->options[o]];
      widest = fmax(widest, op->expand);
      kernel = op->kernel > kernel ? op->kernel : kernel;
    }
    int inside = cream_make_divisible(layer->cin * widest), out = cream_out_side(side, layer->stride);
    add_conv(convs, &count, (cream_device_conv){batch, side, layer->cin, inside, 1, 1});
    add_conv(convs, &count, (cream_device_conv){batch, side, inside, 0, kernel, layer->stride});
    side = out;
    add_conv(convs, &count, (cream_device_conv){batch, side, inside, layer->cout, 1, 1});
  }
  return count;
}

static void print_line(void *context, const char *line) {
  (void)context;
  fprintf(stderr, "%s\n", line);
}

cream_status bench_tune(const bench_options *options, cream_error *err) {
  static cream_skeleton skeleton;
  cream_device_conv convs[MAX_CONVS];
  char *best = NULL;
  const char *kept;
  cream_status status = bench_skeleton(options, &skeleton, err);
  cream_backend *backend = NULL;
  if (status == CREAM_OK) status = open_device(options, false, &backend, err);
  if (status == CREAM_OK) {
    int count = collect(&skeleton, options->batch, convs);
    fprintf(stderr, "%d convolutions of %s at %d pixels, batch %d, forward and backward\n", count,
            skeleton.space.name, skeleton.resolution, options->batch);
    status = device_tune(backend, convs, count, options->sets, &best, print_line, NULL, err);
  }
  if (status == CREAM_OK) status = cream_file_write(options->tune, best, strlen(best), err);
  if (status == CREAM_OK)
    printf("wrote %s; use it with --set opencl.parameters=%s\n", options->tune, options->tune);
  if (status == CREAM_OK && options->keep) status = device_keep(backend, best, &kept, err);
  if (status == CREAM_OK && options->keep)
    printf("kept in %s; every run on this device uses it from now on\n", kept);
  free(best);
  if (backend) backend->destroy(backend);
  return status;
}
