/* cream devices: the devices, and a test of each. */
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "io/base/memory.h"
#include "tools/bench/bench.h"
#include "tools/run/device.h"

static void print_cpu(const char *model, int threads) {
  printf("cpu          %s, %d threads, %.1f GB free; always there\n", model, threads,
         (double)cream_memory_available() / 1e9);
}

static void print_device(const cream_opencl_device *d) {
  char id[40];
  snprintf(id, sizeof id, "opencl:%d:%d", d->platform, d->device);
  printf("%-12s %s (%s)\n", id, d->name, d->type);
  printf("             platform %s, %s\n", d->platform_name, d->platform_version);
  printf("             driver %s, %s\n", d->driver, d->version);
  printf("             %.1f GB of memory, %.1f GB in one buffer, %d compute units, %d MHz\n",
         (double)d->memory / 1e9, (double)d->largest / 1e9, d->units, d->clock);
  char kernels[80];
  if (d->works)
    printf("             self-test passed; %s\n",
           device_kernels(d->compiled, d->cached, d->driver_caches, kernels, sizeof kernels));
  else
    printf("             self-test failed: %s\n", d->problem);
}

static void write_cpu(cream_json *json, const char *model, int threads) {
  cream_json_object(json, NULL, false);
  cream_json_string(json, "id", "cpu");
  cream_json_string(json, "name", model);
  cream_json_integer(json, "compute_units", (uint64_t)threads);
  cream_json_integer(json, "memory", cream_memory_available());
  cream_json_string(json, "self_test", "passed");
  cream_json_end(json);
}

static void write_device(cream_json *json, const cream_opencl_device *d) {
  char id[40];
  snprintf(id, sizeof id, "opencl:%d:%d", d->platform, d->device);
  cream_json_object(json, NULL, true);
  cream_json_string(json, "id", id);
  cream_json_string(json, "name", d->name);
  cream_json_string(json, "type", d->type);
  cream_json_string(json, "vendor", d->vendor);
  cream_json_string(json, "version", d->version);
  cream_json_string(json, "driver", d->driver);
  cream_json_string(json, "platform", d->platform_name);
  cream_json_string(json, "platform_version", d->platform_version);
  cream_json_integer(json, "memory", d->memory);
  cream_json_integer(json, "largest_buffer", d->largest);
  cream_json_integer(json, "compute_units", (uint64_t)d->units);
  cream_json_integer(json, "clock_mhz", (uint64_t)d->clock);
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

static cream_status run(const void *values, cream_error *err) {
  const devices_options *options = values;
  cream_opencl_device *devices = NULL;
  int count = 0, threads = omp_get_num_procs();
  char model[128];
  (void)err;
  bench_cpu_model(model, sizeof model);
  cream_error absent = {0};
  if (cream_opencl_devices(true, &devices, &count, &absent) != CREAM_OK) count = 0;
  if (options->json) {
    cream_json json = cream_json_to(stdout);
    cream_json_object(&json, NULL, true);
    cream_json_array(&json, "devices", true);
    write_cpu(&json, model, threads);
    for (int i = 0; i < count; i++) write_device(&json, &devices[i]);
    cream_json_end(&json);
    cream_json_string(&json, "opencl", absent.text);
    cream_json_end(&json);
    putchar('\n');
  } else {
    print_cpu(model, threads);
    for (int i = 0; i < count; i++) print_device(&devices[i]);
    if (absent.status) printf("opencl       none: %s\n", absent.text);
  }
  free(devices);
  return CREAM_OK;
}

static const cli_option options[] = {
    CLI_VALUE(devices_options, json, OUTPUT, "json", NULL, "print the list on stdout as one JSON document"),
};

COMMAND(
    devices, "list the devices, and test each", CLI_OPTIONS(options), CLI_VALUES(devices_options, line),
    .run = run,
    .text =
        "Each OpenCL device is tested: its kernels are compiled and run, and their results compared. The "
        "first\n"
        "column is what --device accepts, as is a part of a name. docs/opencl.md describes how to install\n"
        "drivers.\n");
