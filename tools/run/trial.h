/* Training steps of a small network on random images, to measure and to test a device. */
#ifndef CREAM_TOOLS_TRIAL_H
#define CREAM_TOOLS_TRIAL_H

#include "core/train/train.h"

typedef struct trial {
  cream_skeleton skeleton; /* of the built-in space "micro", at its own resolution */
  cream_path path;
  cream_train train;
  cream_source source; /* the images' mean and deviation */
  int batch, batches;
  uint8_t *pixels; /* [batches, batch, side, side, 3] */
  int32_t *labels; /* [batches, batch] */
} trial;

/* `batches`: different ones, which steps use in turn. trial_close takes a zeroed one too, and one that failed to open. */
cream_status trial_open(trial *, cream_backend *, int batch, int batches, cream_error *);
void trial_close(trial *);
/* Step number `at` (from 0) with SGD: forward, loss, backward, update. Queues it. */
void trial_step(trial *, int at, float lr);
/* Waits for the steps; the loss of the last one. */
cream_status trial_loss(trial *, double *loss, cream_error *);

#endif
