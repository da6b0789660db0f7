/* Every op of a device against the CPU's plain kernels, in the program: the cases of the tests (parity_cases.h). */
#ifndef CREAM_TOOLS_PARITY_CHECK_H
#define CREAM_TOOLS_PARITY_CHECK_H

#include "core/device.h"

/* Runs one in `every` cases of each op, twice; `log` gets a line for each op. Returns how many ops failed; -1 with *err
 * where the CPU's kernels cannot be used. */
int parity_check(cream_backend *device, int every, cream_device_log *log, void *context, cream_error *err);

#endif
