/* Whether a device trains as the CPU does. */
#ifndef CREAM_TOOLS_TRAIN_CHECK_H
#define CREAM_TOOLS_TRAIN_CHECK_H

#include "core/backend.h"

typedef struct train_check {
  int runs, steps;
  double loss, expected; /* of the last step, on the device and on the CPU, of the run that differs most */
  double loss_error;     /* largest relative difference of a loss */
  double
      weight_error; /* largest distance of the final weights from the CPU's, relative to how far the CPU's moved */
  bool repeats; /* all runs gave the same weights, bit for bit */
} train_check;

/* Trains a small network for a few steps with different batches on the CPU, and `runs` times on the device. CREAM_FAILED,
 * with `out` filled, where losses or weights differ by more than rounding explains, or runs from each other.
 * half: as the device was opened. */
cream_status train_check_run(cream_backend *device, int runs, bool half, train_check *out, cream_error *);

#endif
