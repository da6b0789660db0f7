/* What training a supernet and training one network have in common: a net with its moments, batches on the
 * device, one optimiser step over a path, and the bookkeeping of a run. */
#ifndef CREAM_CORE_TRAIN_H
#define CREAM_CORE_TRAIN_H

#include "core/base/config.h"
#include "core/base/data.h"
#include "core/base/event.h"
#include "core/net/net.h"
#include "core/net/state.h"

enum { CREAM_MAX_ROLLBACKS = 5 };

typedef struct cream_train {
  cream_backend *backend;
  cream_net *net;
  cream_blocks blocks; /* w is the net's, and g, or it is `sum`; m, v, ema are owned here */
  cream_slice *slices; /* of the path being updated */
  cream_buf labels;    /* int32 [batch] */
  cream_buf result;    /* of backend->loss, [4] */
  int accumulate;      /* batches of an update */
  cream_buf sum;       /* of their gradients, divided by their number, where there are several ... */
  cream_buf total;     /* ... and of their results */
  cream_buf norms;     /* squared, of the slices */
  float *host_norms;
  cream_listener listener;
  double started,
      epoch_started;  /* seconds of a monotonic clock; `started` that of a run that never stopped */
  double seconds;     /* since then, when the state was last asked for */
  double time_budget; /* minutes; 0: none */
  uint64_t epoch_first_step;
  int batch;
  cream_checkpointer checkpointer;
  cream_on_nan on_nan;
  bool diverged;        /* the last failure was that of the loss */
  double lr_scale;      /* factor of the scheduled rate: halved by every rollback */
  uint64_t rollbacks;   /* so far */
  uint64_t fingerprint; /* of the net: a state of another one does not fit */
} cream_train;

typedef struct cream_train_options {
  const cream_skeleton *skeleton;
  cream_net_options net;
  cream_optim_kind optim; /* decides on the moments */
  bool ema;               /* averaged weights are wanted */
  int batch;              /* of a forward pass in training; net.batch may be larger */
  int accumulate;         /* batches of an update; 0: 1 */
  double time_budget;
  cream_listener listener;
  cream_checkpointer checkpointer;
  cream_on_nan on_nan;
} cream_train_options;

/* On failure nothing is kept. cream_train_destroy takes a zeroed one too. */
cream_status cream_train_init(cream_train *, cream_backend *, const cream_train_options *, cream_error *);
void cream_train_destroy(cream_train *);

/* Pictures and labels to the device. */
cream_tensor cream_train_upload(cream_train *, const cream_source *, const cream_batch *);

/* Loss of logits [n, classes]: dlogits to the net's own, numbers to `result`. */
void cream_train_loss(cream_train *, const cream_loss *, cream_buf logits, int n);

/* After the backward pass of batch `part` (from 0) of an update: adds its gradients and results up, so that
 * update and result see those of all images together. Batch norm sees each batch alone, as in PyTorch. */
void cream_train_gather(cream_train *, int part);

/* Gradients in slices of the block `g`. norms, host_norms: room for one number a slice, on the device and here. */
typedef struct cream_gradient {
  cream_buf g, norms;
  const cream_slice *slices;
  int n;
  float *host_norms;
} cream_gradient;

/* Scales them down to the norm `clip`, over all slices together, as PyTorch's clip_grad_norm_; 0: leaves them. */
cream_status cream_gradient_clip(cream_backend *, const cream_gradient *, double clip, cream_error *);
/* Multiplies slice i. */
void cream_gradient_scale(cream_backend *, const cream_gradient *, int i, double factor);

/* Scales the gradient of the path down to the norm `clip`, over all of its slices together; 0: leaves it. */
cream_status cream_train_clip(cream_train *, const cream_path *, double clip, cream_error *);

/* The optimiser over the weights of the path alone. */
void cream_train_update(cream_train *, const cream_path *, const cream_optim *);

/* Downloads the loss of the last step into the event (loss, hard, soft, accuracy). Fails if it is not a
 * finite number, or a thousand times that of guessing, naming the step, the path, the first layer whose
 * statistics are not finite, and the setting to change. */
cream_status cream_train_result(cream_train *, cream_event *, const char *lr_key, cream_error *);

/* Fills in images/s and emits. */
cream_status cream_train_emit(cream_train *, cream_event *, cream_error *);
void cream_train_begin_epoch(cream_train *, uint64_t step);

/* Adds what is kept of it to a state: weights, statistics, moments, averaged weights and what else lives on
 * from step to step. Whatever a step leaves for the next has to be here. */
void cream_train_state(cream_train *, cream_state *);
/* Goes on with the clock from state->seconds. CREAM_BAD_DATA if the state that was restored is of another
 * network. */
cream_status cream_train_restored(cream_train *, cream_error *);
/* Whether the state after this step is to be kept. */
bool cream_train_due(const cream_train *, uint64_t step, bool epoch_end);
/* Keeps the state, if anyone does. */
cream_status cream_train_save(cream_train *, const cream_state *, cream_error *);
/* Whether the failure that a step ended with is to be answered by cream_train_roll_back. */
bool cream_train_may_roll_back(const cream_train *);
/* Restores the last state kept, halves the rate, and emits a note that says so and why (`err`: the failure, not NULL).
 * *step: the run's counter, a part of the state. */
cream_status cream_train_roll_back(cream_train *, const cream_state *, const uint64_t *step, cream_error *);

/* True once the time budget is used up, all starts of the run together. */
bool cream_train_out_of_time(const cream_train *);
/* True once the listener's stop is set. */
bool cream_train_stopped(const cream_train *);

/* CREAM_BAD_CONFIG unless 1 <= batch <= images and the source has the skeleton's classes. */
cream_status cream_train_check(const cream_skeleton *, const cream_source *, int epochs, int batch,
                               const char *section, cream_error *);

#endif
