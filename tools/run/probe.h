/* Lists and tests devices whose drivers may hang or crash (cream_driver.vendors), in a process of its own with a time
 * limit:
 *
 *   1. One process lists the devices. If it hangs or crashes, each vendor's driver is listed alone, and those that fail are
 *      left out of this process and all that it starts.
 *   2. That process, or another one, opens and tests a device: kernels are compiled, run, and a few training steps are
 *      compared with the CPU's. If it hangs or crashes, the device does not work, and others are tested by a new process.
 *
 * Good results are stored in $XDG_CACHE_HOME/cream, so that a run starts no process while drivers, environment and machine
 * stay as they were, at most a day. Where no process can be started, or with CREAM_DEVICE_PROBE=0, all of this happens
 * in the calling process, without protection.
 *
 * Limits in seconds: CREAM_DEVICE_LIST_SECONDS for a list, CREAM_DEVICE_TEST_SECONDS for the test of a device. */
#ifndef CREAM_TOOLS_PROBE_H
#define CREAM_TOOLS_PROBE_H

#include "core/device.h"

/* A vendor's driver that was left out. */
typedef struct probe_left_out {
  char file[256];
  char problem[256]; /* what it did: "hung for 20 s" */
} probe_left_out;

/* All devices of the driver, tested, whatever is stored; *devices is freed by the caller. Fails as cream_driver.list
 * does. */
cream_status probe_all(const cream_driver *, cream_device **devices, int *count, cream_error *);
/* Makes sure that `list` does no harm in this process. CREAM_FAILED where no vendor's driver is left. */
cream_status probe_prepare(const cream_driver *, cream_error *);
/* Tests one device; sets `works` and `problem`. half: as in cream_device_options. */
void probe_device(const cream_driver *, cream_device *, bool half);
/* The vendors' drivers that were left out; the list is the callee's. */
const probe_left_out *probe_left_out_of(const cream_driver *, int *count);
/* Whether a process of its own is used. */
bool probe_isolates(const cream_driver *);
/* Seconds that the test of a device may take. */
double probe_test_limit(void);

/* cream_driver.open with a device that was tested: the first of those that options->device means that works. Prints on
 * stderr why others are skipped, and which vendors' drivers are left out. */
cream_status probe_open(const cream_driver *, const cream_device_options *, cream_backend **, cream_error *);

/* What the process does that is started for this, with the arguments of the hidden command `probe`. */
cream_status probe_serve(const cream_driver *, const char *what, const char *id, bool half, cream_error *);

/* Opens and tests a device in this process. */
void probe_test_here(const cream_driver *, cream_device *, bool half);

#endif
