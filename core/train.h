/* What training a supernet and training one network have in common: a net with its moments, batches on the
 * device, one optimiser step over a path, and the bookkeeping of a run. */
#ifndef CREAM_CORE_TRAIN_H
#define CREAM_CORE_TRAIN_H

#include "config.h"
#include "data.h"
#include "event.h"
#include "net.h"

typedef struct cream_train {
  cream_backend *backend;
  cream_net *net;
  cream_blocks blocks; /* w and g are the net's; m, v, ema are owned here */
  cream_slice *slices; /* of the path being updated */
  cream_buf labels;    /* int32 [batch] */
  cream_buf result;    /* of backend->loss, [4] */
  cream_listener listener;
  double started, epoch_started; /* seconds of a monotonic clock */
  double time_budget;            /* minutes; 0: none */
  uint64_t epoch_first_step;
  int batch;
} cream_train;

typedef struct cream_train_options {
  const cream_skeleton *skeleton;
  cream_net_options net;
  bool second_moment, ema; /* wanted beside the first moment */
  int batch;               /* of a training step; net.batch may be larger */
  double time_budget;
  cream_listener listener;
} cream_train_options;

/* On failure nothing is kept. cream_train_destroy takes a zeroed one too. */
cream_status cream_train_init(cream_train *, cream_backend *, const cream_train_options *, cream_error *);
void cream_train_destroy(cream_train *);

/* Pictures and labels to the device. */
cream_tensor cream_train_upload(cream_train *, const cream_source *, const cream_batch *);

/* Loss of logits [n, classes]: dlogits to the net's own, numbers to `result`. */
void cream_train_loss(cream_train *, const cream_loss *, cream_buf logits, int n);

/* The optimiser over the weights of the path alone. */
void cream_train_update(cream_train *, const cream_path *, const cream_optim *);

/* Downloads the loss of the last step into the event (loss, hard, soft, accuracy). Fails if it is not a
 * finite number, naming the step, the path and the setting to change. */
cream_status cream_train_result(cream_train *, cream_event *, const char *lr_key, cream_error *);

/* Fills in images/s and emits. */
cream_status cream_train_emit(cream_train *, cream_event *, cream_error *);
void cream_train_begin_epoch(cream_train *, uint64_t step);

/* True once the time budget is used up. */
bool cream_train_out_of_time(const cream_train *);
/* True once the listener's stop is set. */
bool cream_train_stopped(const cream_train *);

/* CREAM_BAD_CONFIG unless 1 <= batch <= images and the source has the skeleton's classes. */
cream_status cream_train_check(const cream_skeleton *, const cream_source *, int epochs, int batch,
                               const char *section, cream_error *);

#endif
