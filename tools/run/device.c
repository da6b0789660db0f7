#include "device.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cpu/cpu.h"
#include "drivers.h" /* made by CMake */
#include "io/base/file.h"
#include "io/dataset/loader.h"
#include "io/detect/box_loader.h"
#include "measure.h"
#include "probe.h"

#define DRIVER(driver) &driver,
static const cream_driver *const drivers[] = {CREAM_DRIVERS(DRIVER)};
enum { CPU, N_DRIVERS = sizeof drivers / sizeof *drivers };

static const cream_driver *in_use; /* by the training that began last */

/* ---- which driver -------------------------------------------------------------------------------------- */

/* Whether the text is the driver's name, alone or before ':' (ids) or '-' (names of backends). */
static bool begins_with_name(const char *text, const cream_driver *driver) {
  size_t length = strlen(driver->name);
  return strncmp(text, driver->name, length) == 0 && (!text[length] || strchr(":-", text[length]));
}

static const cream_driver *driver_of(const cream_backend *backend) {
  for (int d = 0; d < N_DRIVERS; d++)
    if (begins_with_name(backend->name, drivers[d])) return drivers[d];
  return drivers[CPU];
}

/* Whether one of the driver's devices is meant by `word`, a part of a name. */
static bool has_device(const cream_driver *driver, const char *word) {
  cream_device *devices;
  cream_error absent;
  int count;
  if (probe_prepare(driver, &absent) != CREAM_OK || driver->list(&devices, &count, &absent) != CREAM_OK)
    return false;
  bool found = false;
  for (int i = 0; i < count; i++) found = found || cream_device_is_meant(&devices[i], word);
  free(devices);
  return found;
}

/* The driver for options->device. Where no driver has such a device it is the last one, which reports that. */
static const cream_driver *driver_for(const char *word) {
  for (int d = 0; d < N_DRIVERS; d++)
    if (begins_with_name(word, drivers[d])) return drivers[d];
  for (int d = CPU + 1; d < N_DRIVERS - 1; d++)
    if (has_device(drivers[d], word)) return drivers[d];
  return drivers[N_DRIVERS - 1];
}

int device_drivers(void) {
  return N_DRIVERS;
}

const char *device_driver_name(int driver) {
  return drivers[driver]->name;
}

cream_status device_list(int driver, cream_device **devices, int *count, cream_error *err) {
  return probe_all(drivers[driver], devices, count, err);
}

const probe_left_out *device_left_out(int driver, int *count) {
  return probe_left_out_of(drivers[driver], count);
}

const cream_driver *device_driver(int driver) {
  return drivers[driver];
}

const cream_driver *device_driver_of(const char *name, cream_error *err) {
  for (int d = 0; d < N_DRIVERS; d++)
    if (strcmp(drivers[d]->name, name) == 0) return drivers[d];
  cream_fail(err, CREAM_BAD_CONFIG, "there is no driver \"%.60s\"", name);
  return NULL;
}

/* ---- opening ------------------------------------------------------------------------------------------- */

device_options device_options_of(const cream_config *config) {
  return (device_options){.device = config->device,
                          .threads = config->threads,
                          .exact = config->exact,
                          .precision = config->precision,
                          .parameters = config->opencl.parameters,
                          .half = config->opencl.half};
}

static cream_status open_on(const cream_driver *driver, const device_options *options, const char *device,
                            cream_backend **backend, cream_error *err) {
  char *parameters = NULL;
  size_t size;
  cream_status status = CREAM_OK;
  if (options->parameters && *options->parameters && driver != drivers[CPU])
    status = cream_file_read_text(options->parameters, 1 << 16, &parameters, &size, err);
  if (status != CREAM_OK) return status;
  const cream_device_options wanted = {.device = device,
                                       .threads = options->threads,
                                       .plain = options->plain,
                                       .exact = options->exact,
                                       .precision = options->precision,
                                       .parameters = parameters,
                                       .parameters_name = options->parameters,
                                       .half = options->half,
                                       .profile = options->profile};
  status = probe_open(driver, &wanted, backend, err);
  free(parameters);
  return status;
}

static cream_status open_cpu(const device_options *options, cream_backend **backend, cream_error *err) {
  return open_on(drivers[CPU], options, drivers[CPU]->name, backend, err);
}

/* A device that "auto" chooses from. */
typedef struct candidate {
  cream_backend *backend;
  double seconds; /* of a training step */
} candidate;

static void print_choice(const candidate *cpu, const candidate *other, bool faster) {
  char name[400];
  fprintf(stderr, "device auto: a step takes %.1f ms on the CPU and %.1f ms on %s; %s is used\n",
          1e3 * cpu->seconds, 1e3 * other->seconds, device_describe(other->backend, 0, name, sizeof name),
          faster ? "the latter" : "the CPU");
}

/* Replaces *best by the driver's first device that works, if that is faster. *err says why the device cannot be
 * used. */
static cream_status try_driver(const cream_driver *driver, const device_options *options, candidate *best,
                               cream_error *err) {
  candidate other = {NULL, 0};
  cream_status status = open_on(driver, options, driver->name, &other.backend, err);
  if (status != CREAM_OK) return status;
  status = measure_step(other.backend, &other.seconds, err);
  if (status == CREAM_OK && best->seconds == 0) status = measure_step(best->backend, &best->seconds, err);
  bool faster = status == CREAM_OK && other.seconds < best->seconds;
  if (status == CREAM_OK) print_choice(best, &other, faster);
  cream_backend *unused = faster ? best->backend : other.backend;
  unused->destroy(unused);
  if (faster) *best = other;
  return status;
}

/* CREAM_DEVICE_UNMEASURED: the first device other than the CPU that works, whatever its speed. */
static cream_status open_unmeasured(const device_options *options, cream_backend **backend,
                                    cream_error *err) {
  cream_error reason;
  for (int d = CPU + 1; d < N_DRIVERS; d++)
    if (open_on(drivers[d], options, drivers[d]->name, backend, &reason) == CREAM_OK) {
      fprintf(stderr, "device auto: the %s device is used, unmeasured\n", drivers[d]->name);
      return CREAM_OK;
    }
  fprintf(stderr, "device auto: the CPU is used: %s\n", reason.text);
  return open_cpu(options, backend, err);
}

static cream_status open_fastest(const device_options *options, cream_backend **backend, cream_error *err) {
  if (getenv("CREAM_DEVICE_UNMEASURED")) return open_unmeasured(options, backend, err);
  candidate best = {NULL, 0};
  cream_error reason;
  int usable = 0;
  cream_status status = open_cpu(options, &best.backend, err);
  if (status != CREAM_OK) return status;
  for (int d = CPU + 1; d < N_DRIVERS; d++)
    usable += try_driver(drivers[d], options, &best, &reason) == CREAM_OK;
  if (usable == 0) fprintf(stderr, "device auto: the CPU is used: %s\n", reason.text);
  *backend = best.backend;
  return CREAM_OK;
}

cream_status device_open(const device_options *options, cream_backend **backend, cream_error *err) {
  if (options->precision != CREAM_PRECISION_FLOAT && strcmp(options->device, drivers[CPU]->name) != 0)
    return cream_fail(
        err, CREAM_BAD_CONFIG,
        "precision: bf16 is of the CPU alone, and device is %s; expected float, with opencl.half "
        "for half precision there",
        options->device);
  if (strcmp(options->device, "auto") == 0) return open_fastest(options, backend, err);
  return open_on(driver_for(options->device), options, options->device, backend, err);
}

/* ---- failures ------------------------------------------------------------------------------------------ */

bool device_failed(void) {
  for (int d = 0; d < N_DRIVERS; d++)
    if (drivers[d]->failed && drivers[d]->failed()) return true;
  return false;
}

cream_status device_fall_back(const device_options *options, cream_backend **backend,
                              const cream_error *reason, cream_error *err) {
  if (strcmp(options->device, "auto") != 0 || device_is_cpu(*backend)) {
    *err = *reason;
    return reason->status;
  }
  fprintf(stderr, "device auto: the CPU is used: %s\n", reason->text);
  (*backend)->destroy(*backend);
  *backend = NULL;
  return open_cpu(options, backend, err);
}

void device_resume_on_cpu(const char *command, const cream_config *config, const char *const *words,
                          int n_words) {
  if (strcmp(config->device, "auto") != 0 || !in_use || in_use == drivers[CPU] || !device_failed()) return;
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
  fprintf(stderr, "device auto: the run resumes on the CPU\n");
  execv("/proc/self/exe", (char **)line);
  free(line);
}

/* ---- the device of a run ------------------------------------------------------------------------------- */

bool device_is_cpu(const cream_backend *backend) {
  return driver_of(backend) == drivers[CPU];
}

void device_stats(cream_backend *backend, cream_device_stats *stats) {
  driver_of(backend)->stats(backend, stats);
}

int device_times(cream_backend *backend, cream_device_time *times, int room) {
  return driver_of(backend)->times(backend, times, room);
}

cream_status device_tune(cream_backend *backend, const cream_device_conv *convs, int count, int sets,
                         char **best, cream_device_log *log, void *context, cream_error *err) {
  return driver_of(backend)->tune(backend, convs, count, sets, best, log, context, err);
}

cream_status device_keep(cream_backend *backend, const char *parameters, const char **where,
                         cream_error *err) {
  return driver_of(backend)->keep(backend, parameters, where, err);
}

char *device_describe(cream_backend *backend, int threads, char *text, size_t size) {
  if (device_is_cpu(backend)) {
    snprintf(text, size, "%s, %d threads", backend->name, threads ? threads : cream_cpu_threads());
  } else {
    cream_device_stats stats;
    device_stats(backend, &stats);
    snprintf(text, size, "%s", stats.device);
  }
  return text;
}

void device_print(cream_backend *backend) {
  char text[400];
  if (!device_is_cpu(backend))
    fprintf(stderr, "device      %s\n", device_describe(backend, 0, text, sizeof text));
}

static void begin(cream_backend *backend, cream_device_next *next, void *train) {
  in_use = driver_of(backend);
  if (in_use->prefetch) in_use->prefetch(backend, next, train);
  device_print(backend);
}

void device_begin(cream_backend *backend, cream_source *train) {
  begin(backend, cream_loader_prefetch, train);
}

void device_begin_boxes(cream_backend *backend, cream_box_source *train) {
  begin(backend, cream_box_loader_prefetch, train);
}

char *device_kernels(int compiled, int cached, bool driver_caches, char *text, size_t size) {
  if (driver_caches)
    snprintf(text, size, "%d programs of kernels, in the driver's own cache", compiled);
  else
    snprintf(text, size, "%d programs of kernels compiled, %d from the cache", compiled, cached);
  return text;
}

void device_report(cream_backend *backend, uint64_t steps, FILE *file) {
  if (device_is_cpu(backend) || steps == 0) return;
  char kernels[80];
  cream_device_stats stats;
  device_stats(backend, &stats);
  fprintf(file,
          "device      %.2f MB up and %.2f MB down in %llu steps with all that belongs to them, %llu "
          "kernels; the "
          "host waited %.1f s for the device, and %.1f of %.1f s for CLBlast's compilation; %s\n",
          1e-6 * (double)stats.up_bytes, 1e-6 * (double)stats.down_bytes, (unsigned long long)steps,
          (unsigned long long)stats.launches, stats.waited, stats.warm_waited, stats.warm_seconds,
          device_kernels(stats.compiled, stats.cached, stats.driver_caches, kernels, sizeof kernels));
}
