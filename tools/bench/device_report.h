/* What a report of `cream devices --report` says about one device. */
#ifndef CREAM_TOOLS_DEVICE_REPORT_H
#define CREAM_TOOLS_DEVICE_REPORT_H

#include "core/device.h"

/* Writes lines to `out`, each as soon as it is known, because the driver may hang or crash: limits, every op against the
 * CPU, trainings against the CPU, and speeds beside the CPU's. quick: few cases, small batches. The last line begins with
 * "row: ", and is one of docs/devices.md's table. */
void device_report_write(const cream_driver *, const char *id, bool quick, FILE *out);

#endif
