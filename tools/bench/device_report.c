#include "device_report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "cpu/driver.h"
#include "parity_check.h"
#include "tools/cli/progress.h"
#include "tools/run/device.h"
#include "tools/run/train_check.h"

enum { MAX_KERNELS = 600, TOP_KERNELS = 12 };

typedef struct report {
  const cream_driver *driver;
  const char *id;
  bool quick;
  FILE *out;
  cream_device about;
  cream_backend *backend;
  double opened; /* seconds that opening it took */
  int failed_ops;
  bool trains, trains_half;
  double rates[BENCH_KINDS], cpu_rates[BENCH_KINDS]; /* images a second; NaN: unknown */
} report;

static void put_line(void *context, const char *line) {
  fprintf(context, "%s\n", line);
  fflush(context);
}

#define PUT(r, ...)                                                                                          \
  do {                                                                                                       \
    fprintf((r)->out, __VA_ARGS__);                                                                          \
    fflush((r)->out);                                                                                        \
  } while (0)

static bool find(report *r) {
  cream_device *devices;
  cream_error problem;
  int count;
  if (r->driver->list(&devices, &count, &problem) != CREAM_OK) {
    PUT(r, "the devices cannot be listed: %s\n", problem.text);
    return false;
  }
  bool found = false;
  for (int i = 0; i < count; i++) {
    if (strcmp(devices[i].id, r->id) != 0) continue;
    r->about = devices[i];
    found = true;
  }
  free(devices);
  return found;
}

/* Opens the device; `what` begins the line about it. */
static bool open_as(report *r, const char *what, bool half, bool profile) {
  const cream_device_options options = {.device = r->id, .half = half, .profile = profile};
  cream_error problem;
  double started = progress_now();
  if (r->driver->open(&options, &r->backend, &problem) != CREAM_OK) {
    PUT(r, "%s: cannot be opened: %s\n", what, problem.text);
    r->backend = NULL;
    return false;
  }
  r->opened = progress_now() - started;
  char kernels[80];
  cream_device_stats stats;
  r->driver->stats(r->backend, &stats);
  PUT(r, "%s: opened in %.2f s; %s\n", what, r->opened,
      device_kernels(stats.compiled, stats.cached, stats.driver_caches, kernels, sizeof kernels));
  return true;
}

static void close_backend(report *r) {
  if (r->backend) r->backend->destroy(r->backend);
  r->backend = NULL;
}

/* ---- results ------------------------------------------------------------------------------------------- */

static void check_ops(report *r, const char *what) {
  cream_error problem;
  double started = progress_now();
  int failed = parity_check(r->backend, r->quick ? 100 : 1, put_line, r->out, &problem);
  if (failed < 0)
    PUT(r, "the CPU's kernels cannot be used: %s\n", problem.text);
  else
    PUT(r, "%s: %d failed; %.1f s\n", what, failed, progress_now() - started);
  r->failed_ops += failed != 0;
}

/* The same with products that the device does not use by default. */
static void check_clblast(report *r) {
  const char *given = getenv("CREAM_OPENCL_PRODUCTS");
  if (given) return;
  setenv("CREAM_OPENCL_PRODUCTS", "clblast", 1);
  if (open_as(r, "ops with CLBlast", false, false)) check_ops(r, "ops with CLBlast");
  close_backend(r);
  unsetenv("CREAM_OPENCL_PRODUCTS");
}

static bool check_training(report *r, bool half) {
  train_check check = {0};
  cream_error problem = {0};
  const char *what = half ? "training, activations in half precision" : "training";
  double started = progress_now();
  cream_status status = train_check_run(r->backend, r->quick ? 2 : 5, half, &check, &problem);
  PUT(r,
      "%s: %d times %d steps, largest difference of a loss %.2g, of the weights %.2g of their way, %s: %s; "
      "%.1f s\n",
      what, check.runs, check.steps, check.loss_error, check.weight_error,
      check.repeats ? "all the same" : "not all the same",
      status == CREAM_OK ? "as on the CPU" : problem.text, progress_now() - started);
  return status == CREAM_OK;
}

/* ---- speed --------------------------------------------------------------------------------------------- */

static void put_times(report *r, double seconds) {
  static cream_device_time times[MAX_KERNELS];
  int n = r->driver->times(r->backend, times, MAX_KERNELS);
  double busy = 0;
  int longest = 0;
  for (int i = 0; i < n; i++) {
    busy += times[i].seconds;
    if (times[i].longest > times[longest].longest) longest = i;
  }
  if (busy == 0) {
    PUT(r, "  times of kernels: not available from this driver\n");
    return;
  }
  PUT(r,
      "  the device was busy %.1f %% of the time; the longest kernel, %s, ran %.3f ms of the %.0f s that "
      "displays allow\n",
      100 * busy / seconds, times[longest].kernel, 1e3 * times[longest].longest, CREAM_DEVICE_WATCHDOG);
  for (int i = 0; i < n && i < TOP_KERNELS; i++)
    PUT(r, "  %-36s %5.1f %%\n", times[i].kernel, 100 * times[i].seconds / busy);
}

static void forget_times(void *context) {
  static cream_device_time times[MAX_KERNELS];
  report *r = context;
  r->driver->times(r->backend, times, MAX_KERNELS);
}

static void nothing(void *context) {
  (void)context;
}

static double measure(report *r, bench_kind kind, const cream_skeleton *skeleton,
                      const bench_options *options, bool is_device) {
  static bench_work work;
  cream_error problem = {0};
  bench_timing timing;
  cream_status status =
      bench_work_open_on(&work, kind, skeleton, options->batch, r->backend, options, &problem);
  if (status == CREAM_OK)
    status = bench_time_steps(&work, options, is_device ? forget_times : nothing, r, &timing, &problem);
  double rate = NAN;
  if (status == CREAM_OK) {
    rate = timing.images / timing.median;
    PUT(r, "%s, %s: median %.2f ms, %.1f images/s\n", is_device ? r->id : "cpu", bench_kind_names[kind],
        1e3 * timing.median, rate);
    if (is_device) put_times(r, timing.total);
  } else {
    PUT(r, "%s, %s: %s\n", is_device ? r->id : "cpu", bench_kind_names[kind], problem.text);
  }
  bench_work_end(&work);
  return rate;
}

/* Fewer steps on a device that takes more than KIND_SECONDS for those of one kind. */
enum { KIND_SECONDS = 60 };
static bool limit_rounds(report *r, const cream_skeleton *skeleton, bench_options *options) {
  static bench_work work;
  cream_error problem = {0};
  bench_timing timing;
  bench_options one = *options;
  one.rounds = one.warmup = 1;
  cream_status status =
      bench_work_open_on(&work, BENCH_PLAIN, skeleton, options->batch, r->backend, &one, &problem);
  if (status == CREAM_OK) status = bench_time_steps(&work, &one, nothing, NULL, &timing, &problem);
  bench_work_end(&work);
  if (status != CREAM_OK) {
    PUT(r, "speed: %s\n", problem.text);
    return false;
  }
  const double rounds = KIND_SECONDS / timing.median;
  if (rounds >= options->rounds + options->warmup) return true;
  options->rounds = rounds > 2 ? (int)rounds - 1 : 1;
  options->warmup = rounds > 2 ? 1 : 0;
  PUT(r, "a step takes %.1f s: medians of %d steps\n", timing.median, options->rounds);
  return true;
}

static void measure_all(report *r) {
  static cream_skeleton skeleton;
  bench_options options = {
      .space = "micro", .batch = r->quick ? 4 : 64, .rounds = r->quick ? 2 : 10, .warmup = r->quick ? 1 : 3};
  const cream_device_options cpu = {.device = "cpu"};
  cream_error problem;
  if (bench_skeleton(&options, &skeleton, &problem) != CREAM_OK) return;
  const int kinds = r->quick ? 1 : BENCH_KINDS;
  PUT(r, "space micro, %d pixels, batch %d, medians of %d steps\n", skeleton.resolution, options.batch,
      options.rounds);
  if (open_as(r, "speed", false, true) && (r->quick || limit_rounds(r, &skeleton, &options)))
    for (int k = 0; k < kinds; k++) r->rates[k] = measure(r, (bench_kind)k, &skeleton, &options, true);
  close_backend(r);
  if (cream_cpu_driver.open(&cpu, &r->backend, &problem) == CREAM_OK)
    for (int k = 0; k < kinds; k++) r->cpu_rates[k] = measure(r, (bench_kind)k, &skeleton, &options, false);
  close_backend(r);
}

/* ---- all of it ----------------------------------------------------------------------------------------- */

static void put_about(report *r) {
  const cream_device *d = &r->about;
  PUT(r, "name: %s (%s), vendor %s\nplatform: %s, %s\ndriver: %s, %s\n", d->name, d->type, d->vendor,
      d->platform, d->platform_version, d->driver, d->version);
  PUT(r, "PCI address: %s, UUID: %s\n", d->bus[0] ? d->bus : "unknown", d->uuid[0] ? d->uuid : "unknown");
  PUT(r, "compute units: %d, %d MHz; %.2f GB of memory, %.2f GB in one buffer\n", d->units, d->clock,
      (double)d->memory / 1e9, (double)d->largest / 1e9);
  PUT(r, "known problems: %s\n", d->known[0] ? d->known : "none");
}

static void put_row(report *r) {
  PUT(r, "row: | %s | %s, %s | %s | %s | %s |", r->about.name, r->about.platform, r->about.driver,
      r->failed_ops ? "fail" : "pass", r->trains ? "pass" : "fail",
      r->quick         ? "unknown"
      : r->trains_half ? "pass"
                       : "fail");
  if (isnan(r->rates[BENCH_PLAIN]) || isnan(r->cpu_rates[BENCH_PLAIN]))
    PUT(r, " unknown |\n");
  else
    PUT(r, " %.2f |\n", r->rates[BENCH_PLAIN] / r->cpu_rates[BENCH_PLAIN]);
}

void device_report_write(const cream_driver *driver, const char *id, bool quick, FILE *out) {
  static report r;
  r = (report){.driver = driver, .id = id, .quick = quick, .out = out};
  for (int k = 0; k < BENCH_KINDS; k++) r.rates[k] = r.cpu_rates[k] = NAN;
  if (!find(&r)) return;
  put_about(&r);
  PUT(&r, "\nlimits and kernels\n");
  if (!open_as(&r, "device", false, false)) return;
  driver->details(r.backend, put_line, out);
  PUT(&r, "\nevery op against the CPU's plain kernels, at odd shapes, twice\n");
  check_ops(&r, "ops");
  PUT(&r, "\ntrainings of a small network against the CPU\n");
  r.trains = check_training(&r, false);
  close_backend(&r);
  if (!quick) check_clblast(&r);
  if (!quick && open_as(&r, "half precision", true, false)) r.trains_half = check_training(&r, true);
  close_backend(&r);
  PUT(&r, "\nspeed\n");
  measure_all(&r);
  put_row(&r);
}
