#include "device.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/bench/bench.h"
#include "cpu/cpu.h"
#include "io/base/file.h"
#include "io/dataset/loader.h"

/* Of the step that "auto" measures. */
enum { MEASURED_BATCH = 32, MEASURED_STEPS = 3 };

static bool on_opencl; /* the training that began last */

device_options device_options_of(const cream_config *config) {
  return (device_options){.device = config->device,
                          .threads = config->threads,
                          .parameters = config->opencl.parameters,
                          .half = config->opencl.half};
}

static cream_status open_cpu(const device_options *options, cream_backend **backend, cream_error *err) {
  cream_cpu_options cpu = {.threads = options->threads, .plain = options->plain};
  return cream_cpu_create(&cpu, backend, err);
}

static cream_status open_opencl(const device_options *options, const char *device, cream_backend **backend,
                                cream_error *err) {
  char *parameters = NULL;
  size_t size;
  cream_status status = CREAM_OK;
  if (options->parameters && *options->parameters)
    status = cream_file_read(options->parameters, 1 << 16, &parameters, &size, err);
  if (status) return status;
  cream_opencl_options opencl = {.device = device,
                                 .parameters = parameters,
                                 .parameters_name = options->parameters,
                                 .half = options->half,
                                 .profile = options->profile};
  status = cream_opencl_create(&opencl, backend, err);
  free(parameters);
  return status;
}

/* Seconds of the quickest of a few training steps of a small network, the first not counted. */
static cream_status measure(cream_backend *backend, double *fastest, cream_error *err) {
  static cream_skeleton skeleton;
  static bench_work work;
  const bench_options options = {.space = "micro", .batch = MEASURED_BATCH};
  cream_status status = bench_skeleton(&options, &skeleton, err);
  if (status == CREAM_OK)
    status = bench_work_open_on(&work, BENCH_PLAIN, &skeleton, MEASURED_BATCH, backend, &options, err);
  cream_path path = bench_path(&skeleton, 0, 0);
  for (int i = 0; i <= MEASURED_STEPS && status == CREAM_OK; i++) {
    double seconds;
    status = bench_work_step(&work, &path, &path, MEASURED_BATCH, &seconds, err);
    if (i == 1 || (i > 1 && seconds < *fastest)) *fastest = seconds;
  }
  bench_work_end(&work);
  return status;
}

static cream_status open_quicker(const device_options *options, cream_backend **backend, cream_error *err) {
  cream_backend *cpu, *other = NULL;
  double cpu_seconds = 0, other_seconds = 0;
  cream_error reason;
  cream_status status = open_cpu(options, &cpu, err);
  if (status) return status;
  bool usable = open_opencl(options, "opencl", &other, &reason) == CREAM_OK;
  if (usable && getenv("CREAM_DEVICE_UNMEASURED")) {
    fprintf(stderr, "device auto: the OpenCL device is used, unmeasured\n");
    cpu->destroy(cpu);
    *backend = other;
    return CREAM_OK;
  }
  usable = usable && measure(other, &other_seconds, &reason) == CREAM_OK;
  if (usable) usable = measure(cpu, &cpu_seconds, &reason) == CREAM_OK;
  bool quicker = usable && other_seconds < cpu_seconds;
  if (usable) {
    char name[400];
    fprintf(stderr, "device auto: a step takes %.1f ms on the CPU and %.1f ms on %s; %s is used\n",
            1e3 * cpu_seconds, 1e3 * other_seconds, device_describe(other, 0, name, sizeof name),
            quicker ? "the latter" : "the CPU");
  } else {
    fprintf(stderr, "device auto: the CPU is used: %s\n", reason.text);
  }
  cream_backend *unused = quicker ? cpu : other;
  if (unused) unused->destroy(unused);
  *backend = quicker ? other : cpu;
  return CREAM_OK;
}

cream_status device_open(const device_options *options, cream_backend **backend, cream_error *err) {
  if (strcmp(options->device, "cpu") == 0) return open_cpu(options, backend, err);
  if (strcmp(options->device, "auto") == 0) return open_quicker(options, backend, err);
  return open_opencl(options, options->device, backend, err);
}

cream_status device_fall_back(const device_options *options, cream_backend **backend,
                              const cream_error *reason, cream_error *err) {
  if (strcmp(options->device, "auto") != 0 || !cream_opencl_is(*backend)) {
    *err = *reason;
    return reason->status;
  }
  fprintf(stderr, "device auto: the CPU is used: %s\n", reason->text);
  (*backend)->destroy(*backend);
  *backend = NULL;
  return open_cpu(options, backend, err);
}

void device_go_on(const char *command, const cream_config *config, const char *const *words, int n_words) {
  if (strcmp(config->device, "auto") != 0 || !on_opencl || !cream_opencl_failed()) return;
  const char **line = calloc((size_t)n_words + 6, sizeof *line);
  if (!line) return;
  int n = 0;
  line[n++] = "cream";
  line[n++] = command;
  for (int i = 0; i < n_words; i++)
    if (strcmp(words[i], "--force") != 0 && strcmp(words[i], "--resume") != 0) line[n++] = words[i];
  line[n++] = "--resume";
  line[n++] = "--device";
  line[n++] = "cpu";
  fprintf(stderr, "device auto: the run goes on, on the CPU\n");
  execv("/proc/self/exe", (char **)line);
  free(line);
}

char *device_describe(cream_backend *backend, int threads, char *text, size_t size) {
  if (cream_opencl_is(backend)) {
    cream_opencl_stats stats;
    cream_opencl_stats_get(backend, &stats);
    snprintf(text, size, "%s", stats.device);
  } else {
    snprintf(text, size, "%s, %d threads", backend->name, threads ? threads : omp_get_num_procs());
  }
  return text;
}

void device_tell(cream_backend *backend) {
  char text[400];
  if (cream_opencl_is(backend))
    fprintf(stderr, "device      %s\n", device_describe(backend, 0, text, sizeof text));
}

void device_begin(cream_backend *backend, cream_source *train) {
  on_opencl = cream_opencl_is(backend);
  if (on_opencl) cream_opencl_ahead(backend, cream_loader_prefetch, train);
  device_tell(backend);
}

char *device_kernels(int compiled, int cached, bool driver_caches, char *text, size_t size) {
  if (driver_caches)
    snprintf(text, size, "%d programs of kernels, in the driver's own cache", compiled);
  else
    snprintf(text, size, "%d programs of kernels compiled, %d from the cache", compiled, cached);
  return text;
}

void device_report(cream_backend *backend, uint64_t steps, FILE *file) {
  if (!cream_opencl_is(backend) || steps == 0) return;
  char kernels[80];
  cream_opencl_stats stats;
  cream_opencl_stats_get(backend, &stats);
  fprintf(file,
          "device      %.2f MB up and %.2f MB down in %llu steps with all that belongs to them, %llu "
          "kernels; the "
          "host waited %.1f s for the device, and %.1f of %.1f s for CLBlast's compilation; %s\n",
          1e-6 * (double)stats.up_bytes, 1e-6 * (double)stats.down_bytes, (unsigned long long)steps,
          (unsigned long long)stats.launches, stats.waited, stats.warm_waited, stats.warm_seconds,
          device_kernels(stats.compiled, stats.cached, stats.driver_caches, kernels, sizeof kernels));
}
