/* Learning rates as functions of the step. */
#ifndef CREAM_CORE_SCHEDULE_H
#define CREAM_CORE_SCHEDULE_H

#include "core/base/config.h"

/* The rate of step `step` (from 0) of `steps`, `per_epoch` steps an epoch, for a batch of `batch` images (of
 * all accumulated batches): lr * batch/1024, after a linear warm-up, scheduled over the steps. A function of
 * the step alone, so that a run goes on from any step. LINEAR and COSINE fall from the peak to min_lr over
 * the whole run or over each cycle; STEP counts whole epochs, as timm does. */
double cream_lr_at(const cream_lr *, uint64_t step, uint64_t steps, uint64_t per_epoch, int batch);

#endif
