/* cream devices: lists the devices and tests them. */
#include <stdio.h>
#include <stdlib.h>

#include "commands.h"
#include "io/base/json.h"
#include "io/base/memory.h"
#include "tools/run/device.h"

/* The CPU: its buffers are in the host's memory. */
static bool is_host(const cream_device *d) {
  return d->memory == 0;
}

static void print_device(const cream_device *d) {
  if (is_host(d)) {
    printf("%-12s %s, %d threads, %.1f GB free; always available\n", d->id, d->name, d->units,
           (double)cream_memory_available() / 1e9);
    return;
  }
  printf("%-12s %s (%s)\n", d->id, d->name, d->type);
  printf("             platform %s, %s\n", d->platform, d->platform_version);
  printf("             driver %s, %s\n", d->driver, d->version);
  printf("             %.1f GB of memory, %.1f GB in one buffer, %d compute units, %d MHz\n",
         (double)d->memory / 1e9, (double)d->largest / 1e9, d->units, d->clock);
  if (d->bus[0] || d->uuid[0])
    printf("             PCI address %s, UUID %s\n", d->bus[0] ? d->bus : "unknown",
           d->uuid[0] ? d->uuid : "unknown");
  if (d->known[0]) printf("             known: %s\n", d->known);
  char kernels[80];
  if (d->works)
    printf("             self-test passed; %s\n",
           device_kernels(d->compiled, d->cached, d->driver_caches, kernels, sizeof kernels));
  else
    printf("             self-test failed: %s\n", d->problem);
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
  bool json;
} devices_options;

/* The devices of one driver; without any, `absent` says why. */
typedef struct driver_devices {
  cream_device *devices;
  int count;
  cream_error absent;
} driver_devices;

static void print_all(const driver_devices *drivers) {
  for (int d = 0; d < device_drivers(); d++) {
    for (int i = 0; i < drivers[d].count; i++) print_device(&drivers[d].devices[i]);
    if (drivers[d].absent.status) printf("%-12s none: %s\n", device_driver_name(d), drivers[d].absent.text);
    int n;
    const probe_left_out *left_out = device_left_out(d, &n);
    for (int i = 0; i < n; i++)
      printf("%-12s left out: the driver %s %s when it listed its devices; update or remove it\n",
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

static cream_status run(const void *values, cream_error *err) {
  const devices_options *options = values;
  driver_devices *drivers = calloc((size_t)device_drivers(), sizeof *drivers);
  if (!drivers) return cream_fail_memory(err, (size_t)device_drivers() * sizeof *drivers, "the devices");
  for (int d = 0; d < device_drivers(); d++)
    if (device_list(d, &drivers[d].devices, &drivers[d].count, &drivers[d].absent) != CREAM_OK)
      drivers[d].count = 0;
  (options->json ? write_all : print_all)(drivers);
  for (int d = 0; d < device_drivers(); d++) free(drivers[d].devices);
  free(drivers);
  return CREAM_OK;
}

static const cli_option options[] = {
    CLI_VALUE(devices_options, json, OUTPUT, "json", NULL, "print the list on stdout as one JSON document"),
};

COMMAND(
    devices, "list the devices and test whether they work", CLI_OPTIONS(options),
    CLI_VALUES(devices_options, line), .run = run,
    .text =
        "Each OpenCL device is tested: its kernels are compiled and run, and their results are compared.\n"
        "--device takes an id of the first column or a part of a name. docs/opencl.md says which drivers to\n"
        "install.\n");
