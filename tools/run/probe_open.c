/* Opening a device that was tested. */
#include <stdlib.h>
#include <string.h>

#include "probe.h"

/* The name of the driver means any of its devices. */
static bool is_any(const cream_driver *driver, const char *word) {
  return strcmp(word, driver->name) == 0;
}

/* Moves the devices that `word` means to the front, GPUs before others; returns their
 * number. */
static int choose(const cream_driver *driver, const char *word, cream_device *devices, int count) {
  int n = 0;
  for (int i = 0; i < count; i++) {
    if (!is_any(driver, word) && !cream_device_is_meant(&devices[i], word)) continue;
    cream_device device = devices[i];
    int at = n++;
    for (; at > 0 && cream_device_rank(&devices[at - 1]) > cream_device_rank(&device); at--)
      devices[at] = devices[at - 1];
    devices[at] = device;
  }
  return n;
}

static void print_left_out(const cream_driver *driver) {
  static bool printed;
  int count;
  const probe_left_out *left_out = probe_left_out_of(driver, &count);
  for (int i = 0; i < count && !printed; i++)
    fprintf(stderr, "device      left out: the driver %s did not list its devices, it %s\n", left_out[i].file,
            left_out[i].problem);
  printed = true;
}

/* One device: its known problems, its test, and then it is opened. */
static cream_status open_one(const cream_driver *driver, cream_device *device, bool any,
                             const cream_device_options *wanted, cream_backend **backend, cream_error *err) {
  if (device->avoid && any)
    return cream_fail(err, CREAM_FAILED,
                      "the device %.80s has a known problem: %.319s; --device %s uses it nevertheless",
                      device->name, device->known, device->id);
  if (device->warn) fprintf(stderr, "device      %s: %s\n", device->name, device->known);
  probe_device(driver, device, wanted->half);
  if (!device->works && cream_text_has(device->problem, device->name))
    return cream_fail(err, CREAM_FAILED, "%.399s", device->problem);
  if (!device->works)
    return cream_fail(err, CREAM_FAILED, "the device %.80s: %.399s", device->name, device->problem);
  cream_device_options options = *wanted;
  options.device = device->id;
  return driver->open(&options, backend, err);
}

/* ---- processes that share a host ----------------------------------------------------------------------- */

/* "opencl:local" */
static bool is_local(const cream_driver *driver, const char *word) {
  size_t length = strlen(driver->name);
  return strncmp(word, driver->name, length) == 0 && strcmp(word + length, ":local") == 0;
}

/* The number of this process on its host, as the first of these says that is set; 0 without any. */
static cream_status local_rank(int *rank, cream_error *err) {
  static const char *const variables[] = {"CREAM_LOCAL_RANK", "OMPI_COMM_WORLD_LOCAL_RANK", "MPI_LOCALRANKID",
                                          "SLURM_LOCALID", "LOCAL_RANK"};
  *rank = 0;
  for (size_t i = 0; i < sizeof variables / sizeof *variables; i++) {
    const char *text = getenv(variables[i]);
    if (!text || !*text) continue;
    char *end;
    long number = strtol(text, &end, 10);
    if (*end || number < 0 || number > 1 << 20)
      return cream_fail(err, CREAM_BAD_CONFIG,
                        "%s=%.40s: expected the number of this process on its host, from 0", variables[i],
                        text);
    *rank = (int)number;
    return CREAM_OK;
  }
  return CREAM_OK;
}

/* Opens the device of this process. */
static cream_status open_local(const cream_driver *driver, cream_device *devices, int count,
                               const cream_device_options *wanted, cream_backend **backend,
                               cream_error *err) {
  int rank;
  cream_status status = local_rank(&rank, err);
  if (status != CREAM_OK) return status;
  int at = cream_device_for_local_rank(devices, count, rank);
  if (at < 0)
    return cream_fail(err, CREAM_FAILED, "device: no %s device is left for process %d of this host",
                      driver->name, rank);
  return open_one(driver, &devices[at], false, wanted, backend, err);
}

/* ---- all ----------------------------------------------------------------------------------------------- */

static cream_status open_first(const cream_driver *driver, cream_device *devices, int count,
                               const cream_device_options *wanted, cream_backend **backend,
                               cream_error *err) {
  const bool any = is_any(driver, wanted->device);
  const int n = choose(driver, wanted->device, devices, count);
  if (n == 0) return driver->open(wanted, backend, err); /* reports that there is no such device */
  for (int i = 0; i < n; i++) {
    cream_error problem;
    cream_status status = open_one(driver, &devices[i], any, wanted, backend, &problem);
    if (status == CREAM_OK) return status;
    if (i == 0 || status == CREAM_BAD_CONFIG) *err = problem;
    if (status == CREAM_BAD_CONFIG || n == 1) return status;
    fprintf(stderr, "device      skipped: %s\n", problem.text);
    if (i + 1 == n) return status;
  }
  return CREAM_OK;
}

cream_status probe_open(const cream_driver *driver, const cream_device_options *wanted,
                        cream_backend **backend, cream_error *err) {
  const bool local = is_local(driver, wanted->device);
  if (!local && !probe_isolates(driver)) return driver->open(wanted, backend, err);
  cream_device *devices;
  int count;
  cream_status status = probe_prepare(driver, err);
  print_left_out(driver);
  if (status == CREAM_OK) status = driver->list(&devices, &count, err);
  if (status != CREAM_OK) return status;
  status = (local ? open_local : open_first)(driver, devices, count, wanted, backend, err);
  free(devices);
  return status;
}
