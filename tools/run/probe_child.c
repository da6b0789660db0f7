/* The process that lists and tests. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/base/file.h"
#include "isolated.h"
#include "probe.h"
#include "probe_record.h"
#include "train_check.h"

enum { TEST_RUNS = 2 };
static const uint64_t TRAIN_MEMORY = 100000000; /* devices with less do not have to train */

void probe_test_here(const cream_driver *driver, cream_device *device, bool half) {
  const cream_device_options options = {.device = device->id, .half = half};
  cream_backend *backend;
  cream_error problem;
  cream_status status = driver->open(&options, &backend, &problem);
  if (status == CREAM_OK) {
    train_check check;
    if (device->memory >= TRAIN_MEMORY) status = train_check_run(backend, TEST_RUNS, half, &check, &problem);
    cream_device_stats stats;
    driver->stats(backend, &stats);
    device->compiled = stats.compiled;
    device->cached = stats.cached;
    device->driver_caches = stats.driver_caches;
    backend->destroy(backend);
  }
  device->works = status == CREAM_OK;
  if (!device->works) snprintf(device->problem, sizeof device->problem, "%.399s", problem.text);
}

static bool send_record(const probe_record *record) {
  return cream_write_all(ISOLATED_FD, record, sizeof *record);
}

static void end(const probe_record *last) {
  send_record(last);
  _exit(0); /* what drivers do at the end of a process is no part of the test */
}

/* what: "list"; "test" all devices; "test" the device `id`; "from" the device `id` on. */
cream_status probe_serve(const cream_driver *driver, const char *what, const char *id, bool half,
                         cream_error *err) {
  static probe_record record;
  cream_device *devices;
  int count;
  isolated_begin();
  record.kind = PROBE_NONE;
  if (driver->list(&devices, &count, &record.error) != CREAM_OK) end(&record);
  record = (probe_record){.kind = PROBE_LISTED, .count = count};
  bool sent = send_record(&record);
  for (int i = 0; i < count && sent; i++) {
    record = (probe_record){.kind = PROBE_DEVICE, .index = i, .device = devices[i]};
    sent = send_record(&record);
  }
  bool testing = strcmp(what, "test") == 0 && strcmp(id, "-") == 0;
  for (int i = 0; i < count && sent && strcmp(what, "list") != 0; i++) {
    const bool meant = strcmp(devices[i].id, id) == 0;
    if (strcmp(what, "from") == 0 && meant) testing = true;
    if (!testing && !meant) continue;
    record = (probe_record){.kind = PROBE_TESTED, .index = i, .device = devices[i]};
    probe_test_here(driver, &record.device, half);
    sent = send_record(&record);
  }
  if (!sent) return cream_fail(err, CREAM_FAILED, "the results cannot be written: %s", strerror(errno));
  record = (probe_record){.kind = PROBE_DONE};
  end(&record);
  return CREAM_OK;
}
