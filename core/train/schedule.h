/* Learning rates as functions of the step. */
#ifndef CREAM_CORE_SCHEDULE_H
#define CREAM_CORE_SCHEDULE_H

#include "core/base/config.h"

/* The learning rate at step `step` (from 0) of `steps`, with `per_epoch` steps an epoch and `batch` images an update: the
 * peak lr * batch/1024 after a linear warm-up, then scheduled. It depends on nothing that happened before the step, so that
 * a run can be resumed at any step. LINEAR and COSINE fall from the peak to min_lr over the whole run or over each cycle;
 * STEP counts whole epochs, as timm does. */
double cream_lr_at(const cream_lr *, uint64_t step, uint64_t steps, uint64_t per_epoch, int batch);

#endif
