/* What a process that lists and tests devices (probe_child.c) reports to the one that started it (probe.c). Both are this
 * program, so records are its own structures. */
#ifndef CREAM_TOOLS_PROBE_RECORD_H
#define CREAM_TOOLS_PROBE_RECORD_H

#include "core/device.h"

typedef enum probe_kind {
  PROBE_NONE,   /* there is no device: error. The last record */
  PROBE_LISTED, /* there are `count` devices */
  PROBE_DEVICE, /* one of them */
  PROBE_TESTED, /* the same after its test, with the result */
  PROBE_DONE    /* the last record */
} probe_kind;

typedef struct probe_record {
  probe_kind kind;
  int index, count;
  cream_device device;
  cream_error error;
} probe_record;

#endif
