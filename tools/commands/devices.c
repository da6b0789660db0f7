/* cream devices: lists the devices and tests them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "commands.h"
#include "core/cream.h"
#include "cpu/cpu.h"
#include "cpu/driver.h"
#include "io/base/file.h"
#include "io/base/json.h"
#include "io/base/memory.h"
#include "tools/bench/device_report.h"
#include "tools/run/device.h"
#include "tools/run/isolated.h"

extern char **environ;

/* The CPU: its buffers are in the host's memory. */
static bool is_host(const cream_device *d) {
  return d->memory == 0;
}

static void print_device(FILE *out, const cream_device *d) {
  if (is_host(d)) {
    fprintf(out, "%-12s %s, %d threads, %.1f GB free; always available\n", d->id, d->name, d->units,
            (double)cream_memory_available() / 1e9);
    return;
  }
  fprintf(out, "%-12s %s (%s)\n", d->id, d->name, d->type);
  fprintf(out, "             platform %s, %s\n", d->platform, d->platform_version);
  fprintf(out, "             driver %s, %s\n", d->driver, d->version);
  fprintf(out, "             %.1f GB of memory, %.1f GB in one buffer, %d compute units, %d MHz\n",
          (double)d->memory / 1e9, (double)d->largest / 1e9, d->units, d->clock);
  if (d->bus[0] || d->uuid[0])
    fprintf(out, "             PCI address %s, UUID %s\n", d->bus[0] ? d->bus : "unknown",
            d->uuid[0] ? d->uuid : "unknown");
  if (d->known[0]) fprintf(out, "             known: %s\n", d->known);
  char kernels[80];
  if (d->works)
    fprintf(out, "             self-test passed; %s\n",
            device_kernels(d->compiled, d->cached, d->driver_caches, kernels, sizeof kernels));
  else
    fprintf(out, "             self-test failed: %s\n", d->problem);
}

static void write_host(cream_json *json, const cream_device *d) {
  cream_json_object(json, NULL, false);
  cream_json_string(json, "id", d->id);
  cream_json_string(json, "name", d->name);
  cream_json_integer(json, "compute_units", (uint64_t)d->units);
  cream_json_integer(json, "memory", cream_memory_available());
  cream_json_string(json, "self_test", "passed");
  cream_json_end(json);
}

static void write_device(cream_json *json, const cream_device *d) {
  if (is_host(d)) {
    write_host(json, d);
    return;
  }
  cream_json_object(json, NULL, true);
  cream_json_string(json, "id", d->id);
  cream_json_string(json, "name", d->name);
  cream_json_string(json, "type", d->type);
  cream_json_string(json, "vendor", d->vendor);
  cream_json_string(json, "version", d->version);
  cream_json_string(json, "driver", d->driver);
  cream_json_string(json, "platform", d->platform);
  cream_json_string(json, "platform_version", d->platform_version);
  cream_json_integer(json, "memory", d->memory);
  cream_json_integer(json, "largest_buffer", d->largest);
  cream_json_integer(json, "compute_units", (uint64_t)d->units);
  cream_json_integer(json, "clock_mhz", (uint64_t)d->clock);
  cream_json_string(json, "pci_address", d->bus);
  cream_json_string(json, "uuid", d->uuid);
  cream_json_string(json, "known_problem", d->known);
  cream_json_string(json, "self_test", d->works ? "passed" : d->problem);
  cream_json_integer(json, "programs_compiled", (uint64_t)d->compiled);
  cream_json_integer(json, "programs_cached", (uint64_t)d->cached);
  cream_json_bool(json, "driver_caches", d->driver_caches);
  cream_json_end(json);
}

typedef struct devices_options {
  cli_line line;
  bool json, quick;
  const char *report; /* the file; NULL: none is written */
} devices_options;

/* The devices of one driver; without any, `absent` says why. */
typedef struct driver_devices {
  cream_device *devices;
  int count;
  cream_error absent;
} driver_devices;

static void print_all(FILE *out, const driver_devices *drivers) {
  for (int d = 0; d < device_drivers(); d++) {
    for (int i = 0; i < drivers[d].count; i++) print_device(out, &drivers[d].devices[i]);
    if (drivers[d].absent.status)
      fprintf(out, "%-12s none: %s\n", device_driver_name(d), drivers[d].absent.text);
    int n;
    const probe_left_out *left_out = device_left_out(d, &n);
    for (int i = 0; i < n; i++)
      fprintf(out, "%-12s left out: the driver %s did not list its devices, it %s; update or remove it\n",
              device_driver_name(d), left_out[i].file, left_out[i].problem);
  }
}

static void write_left_out(cream_json *json) {
  cream_json_array(json, "left_out", true);
  for (int d = 0; d < device_drivers(); d++) {
    int n;
    const probe_left_out *left_out = device_left_out(d, &n);
    for (int i = 0; i < n; i++) {
      cream_json_object(json, NULL, false);
      cream_json_string(json, "file", left_out[i].file);
      cream_json_string(json, "problem", left_out[i].problem);
      cream_json_end(json);
    }
  }
  cream_json_end(json);
}

/* Of each driver but the CPU's, a key with the reason why it has no device, "" where it has. */
static void write_all(const driver_devices *drivers) {
  cream_json json = cream_json_to(stdout);
  cream_json_object(&json, NULL, true);
  cream_json_array(&json, "devices", true);
  for (int d = 0; d < device_drivers(); d++)
    for (int i = 0; i < drivers[d].count; i++) write_device(&json, &drivers[d].devices[i]);
  cream_json_end(&json);
  write_left_out(&json);
  for (int d = 1; d < device_drivers(); d++)
    cream_json_string(&json, device_driver_name(d), drivers[d].absent.text);
  cream_json_end(&json);
  putchar('\n');
}

/* ---- the report ---------------------------------------------------------------------------------------- */

enum { REPORT_LIMIT = 5 }; /* times that of a test, from one line to the next */

static void put_machine(FILE *out) {
  struct utsname system;
  char model[128];
  uname(&system);
  fprintf(out, "cream %s, a report of devices\n%s %s %s, %s, %d threads, %.1f GB free\n\n", CREAM_VERSION,
          system.sysname, system.release, system.machine, cream_cpu_model(model, sizeof model),
          cream_cpu_threads(), (double)cream_memory_available() / 1e9);
}

/* What drivers and this program read. */
static void put_environment(FILE *out) {
  static const char *const beginnings[] = {"CREAM_", "OCL_", "POCL_", "RUSTICL_", "LD_LIBRARY_PATH", "OMP_"};
  for (char **at = environ; *at; at++)
    for (size_t i = 0; i < sizeof beginnings / sizeof *beginnings; i++)
      if (strncmp(*at, beginnings[i], strlen(beginnings[i])) == 0) fprintf(out, "%s\n", *at);
}

/* Copies what the process reports, also to stderr, where a user sees that it continues. */
static void put_device(FILE *out, const cream_driver *driver, const char *id, bool quick) {
  const char *words[] = {"probe", driver->name, "report", id, quick ? "quick" : "full", NULL};
  const double limit = REPORT_LIMIT * probe_test_limit();
  isolated process;
  cream_error absent;
  char text[4096], problem[256];
  size_t size;
  fprintf(out, "\n==== %s ====\n", id);
  if (!probe_isolates(driver) || isolated_start(&process, words, &absent) != CREAM_OK) {
    device_report_write(driver, id, quick, out);
    return;
  }
  while ((size = isolated_read_some(&process, text, sizeof text, limit)) > 0) {
    fwrite(text, 1, size, out);
    fwrite(text, 1, size, stderr);
  }
  isolated_stop(&process, limit, problem, sizeof problem);
  if (process.succeeded) return;
  fprintf(out, "the report of this device ends here: its driver %s\n", problem);
  fprintf(stderr, "the report of %s ends here: its driver %s\n", id, problem);
}

static cream_status write_report(const devices_options *options, const driver_devices *drivers,
                                 cream_error *err) {
  cream_file file;
  cream_status status = cream_file_create(&file, options->report, err);
  if (status != CREAM_OK) return status;
  put_machine(file.stream);
  print_all(file.stream, drivers);
  put_environment(file.stream);
  for (int d = 0; d < device_drivers(); d++)
    for (int i = 0; i < drivers[d].count; i++)
      if (!is_host(&drivers[d].devices[i]))
        put_device(file.stream, device_driver(d), drivers[d].devices[i].id, options->quick);
  return cream_file_commit(&file, err);
}

static cream_status run(const void *values, cream_error *err) {
  const devices_options *options = values;
  driver_devices *drivers = calloc((size_t)device_drivers(), sizeof *drivers);
  if (!drivers) return cream_fail_memory(err, (size_t)device_drivers() * sizeof *drivers, "the devices");
  for (int d = 0; d < device_drivers(); d++)
    if (device_list(d, &drivers[d].devices, &drivers[d].count, &drivers[d].absent) != CREAM_OK)
      drivers[d].count = 0;
  if (options->json)
    write_all(drivers);
  else
    print_all(stdout, drivers);
  fflush(stdout);
  cream_status status = options->report ? write_report(options, drivers, err) : CREAM_OK;
  if (options->report && status == CREAM_OK && !options->json)
    printf("wrote %s; attach it to an issue about this device\n", options->report);
  for (int d = 0; d < device_drivers(); d++) free(drivers[d].devices);
  free(drivers);
  return status;
}

static cream_status check(void *values, cream_error *err) {
  const devices_options *options = values;
  if (!options->quick || options->report) return CREAM_OK;
  return cream_fail(err, CREAM_BAD_CONFIG, "--quick needs --report FILE");
}

static const cli_option options[] = {
    CLI_VALUE(devices_options, json, OUTPUT, "json", NULL, "print the list on stdout as one JSON document"),
    CLI_VALUE(devices_options, report, OUTPUT, "report", "FILE",
              "write all that an issue about a device needs: limits, every op and trainings against the CPU, "
              "speed"),
    CLI_VALUE(devices_options, quick, OUTPUT, "quick", NULL, "a short report: few cases, small batches"),
};

COMMAND(
    devices, "list the devices and test whether they work", CLI_OPTIONS(options),
    CLI_VALUES(devices_options, line), .run = run, .check = check,
    .text =
        "Each OpenCL device is tested in a process of its own: its kernels are compiled and run, and a few\n"
        "training steps are compared with the CPU's. A driver that hangs or crashes is named and left out.\n"
        "--device of other commands takes an id of the first column, a PCI address, or a part of a name.\n"
        "docs/opencl.md says which drivers to install, docs/devices.md which were tested.\n");
