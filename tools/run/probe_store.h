/* What is known to work: results of probes (probe.h) in $XDG_CACHE_HOME/cream or ~/.cache/cream, a text file for each
 * driver:
 *
 *     cream-probe 1 FINGERPRINT TIME
 *     good DIGEST             a device that was tested
 *     left out FILE: PROBLEM  a vendor's driver that was not loaded
 */
#ifndef CREAM_TOOLS_PROBE_STORE_H
#define CREAM_TOOLS_PROBE_STORE_H

#include "probe.h"

enum { PROBE_MAX_GOOD = 64, PROBE_MAX_LEFT_OUT = 32 };

typedef struct probe_store {
  uint64_t fingerprint; /* cream_driver.fingerprint; 0: nothing is stored */
  bool listed;          /* devices were listed without harm, without those left out */
  uint64_t good[PROBE_MAX_GOOD];
  int n_good;
  probe_left_out left_out[PROBE_MAX_LEFT_OUT];
  int n_left_out;
} probe_store;

/* Empty unless a file has this fingerprint and is at most a day old. */
void probe_store_read(probe_store *, const char *driver, uint64_t fingerprint);
/* A failure is ignored. */
void probe_store_write(const probe_store *, const char *driver);

uint64_t probe_digest(const cream_device *, bool half);
bool probe_store_has(const probe_store *, uint64_t digest);
void probe_store_add(probe_store *, uint64_t digest);

#endif
