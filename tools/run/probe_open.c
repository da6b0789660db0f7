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

cream_status probe_open(const cream_driver *driver, const cream_device_options *wanted,
                        cream_backend **backend, cream_error *err) {
  if (!probe_isolates(driver)) return driver->open(wanted, backend, err);
  cream_device *devices;
  int count;
  cream_status status = probe_prepare(driver, err);
  print_left_out(driver);
  if (status == CREAM_OK) status = driver->list(&devices, &count, err);
  if (status != CREAM_OK) return status;
  const int n = choose(driver, wanted->device, devices, count);
  if (n == 0) status = driver->open(wanted, backend, err); /* reports that there is no such device */
  for (int i = 0; i < n; i++) {
    cream_error problem;
    status = open_one(driver, &devices[i], is_any(driver, wanted->device), wanted, backend, &problem);
    if (i == 0) *err = problem;
    if (status == CREAM_OK || status == CREAM_BAD_CONFIG) break;
    if (i + 1 == n) break;
    fprintf(stderr, "device      skipped: %s\n", problem.text);
  }
  free(devices);
  return status;
}
