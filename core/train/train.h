/* Shared by the training of a supernet and of one network: a net with its moments, batches on the device, one optimiser
 * step over a path, and the clock, events and checkpoints of a run. */
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
  cream_blocks blocks; /* w is the net's; g is the net's or `sum`; m, v, ema are owned */
  cream_slice *slices; /* of the path being updated */
  cream_buf labels;    /* int32 [batch] */
  cream_buf result;    /* [4], of backend->loss */
  int accumulate;      /* batches of an update */
  cream_buf sum;       /* mean of their gradients, if there are several */
  cream_buf total;     /* [4], mean of their results */
  cream_buf norms;     /* squared norms of the slices */
  float *host_norms;
  cream_listener listener;
  double started;       /* seconds of a monotonic clock, as if the run had never been interrupted */
  double epoch_started; /* seconds of the same clock */
  double seconds;       /* since `started`, when the state was last read */
  double time_budget;   /* minutes; 0: none */
  uint64_t epoch_first_step;
  int batch;
  cream_checkpointer checkpointer;
  cream_on_nan on_nan;
  bool diverged;        /* the last failure was a loss that exploded */
  double lr_scale;      /* factor of the scheduled rate; halved by every rollback */
  uint64_t rollbacks;   /* so far */
  uint64_t fingerprint; /* of the net; a part of the state: detects a different network */
} cream_train;

typedef struct cream_train_options {
  const cream_skeleton *skeleton;
  cream_net_options net;
  cream_optim_kind optim; /* decides which moments are allocated */
  bool ema;               /* allocate averaged weights */
  int batch;              /* of a forward pass in training; net.batch may be larger */
  int accumulate;         /* batches of an update; 0: 1 */
  double time_budget;
  cream_listener listener;
  cream_checkpointer checkpointer;
  cream_on_nan on_nan;
} cream_train_options;

/* On failure nothing stays allocated. cream_train_destroy takes a zeroed one too. */
cream_status cream_train_init(cream_train *, cream_backend *, const cream_train_options *, cream_error *);
void cream_train_destroy(cream_train *);

/* Uploads images and labels of a batch. Returns the images [n,H,W,3], normalised, in the net's own memory. */
cream_tensor cream_train_upload(cream_train *, const cream_source *, const cream_batch *);

/* Computes the loss of logits [n, classes]: its gradient to the net's dlogits, its numbers to `result`. */
void cream_train_loss(cream_train *, const cream_loss *, cream_buf logits, int n);

/* After the backward pass of batch `part` (from 0) of an update: accumulates its gradients and results, so that update and
 * result use the means over all batches. Batch norm uses each batch alone, as in PyTorch. */
void cream_train_gather(cream_train *, int part);

/* Gradients in slices of the block `g`. norms, host_norms: scratch, one number a slice, on device and host. */
typedef struct cream_gradient {
  cream_buf g, norms;
  const cream_slice *slices;
  int n;
  float *host_norms;
} cream_gradient;

/* Scales gradients down to the norm `clip` over all slices together, as PyTorch's clip_grad_norm_; 0: does nothing. */
cream_status cream_gradient_clip(cream_backend *, const cream_gradient *, double clip, cream_error *);
/* Multiplies slice i by a factor. */
void cream_gradient_scale(cream_backend *, const cream_gradient *, int i, double factor);

/* cream_gradient_clip of the gradients of a path. */
cream_status cream_train_clip(cream_train *, const cream_path *, double clip, cream_error *);

/* Updates the weights of the path that are not frozen, and no others. */
void cream_train_update(cream_train *, const cream_path *, const cream_optim *);
/* The same; everything but the classifier has the learning rate optim->lr * backbone. */
void cream_train_update_groups(cream_train *, const cream_path *, const cream_optim *, double backbone);

/* Downloads the loss of the last step into the event (loss, hard, soft, accuracy). CREAM_FAILED if the loss is not finite
 * or 1,000 times that of guessing; the message names the step, the path, the first layer whose statistics are not
 * finite, and the setting to change (`lr_key`). */
cream_status cream_train_result(cream_train *, cream_event *, const char *lr_key, cream_error *);

/* Sets the event's images per second and passes it to the listener. */
cream_status cream_train_emit(cream_train *, cream_event *, cream_error *);
/* Emits the note that the time budget ended the training after `step` of event->steps. */
cream_status cream_train_emit_budget(cream_train *, const cream_event *, uint64_t step, cream_error *);
/* Starts the clock of images per second. */
void cream_train_begin_epoch(cream_train *, uint64_t step);

/* Adds weights, statistics, moments, averaged weights and everything else that one step leaves for the next to a state. */
void cream_train_state(cream_train *, cream_state *);
/* Sets the clock to state->seconds. CREAM_BAD_DATA: the restored state belongs to a different network. */
cream_status cream_train_restored(cream_train *, cream_error *);
/* Whether a checkpoint is due after this step. */
bool cream_train_due(const cream_train *, uint64_t step, bool epoch_end);
/* Saves a checkpoint, if there is a checkpointer. */
cream_status cream_train_save(cream_train *, const cream_state *, cream_error *);
/* Whether to answer the failure of a step by cream_train_roll_back. */
bool cream_train_may_roll_back(const cream_train *);
/* Restores the last checkpoint, halves the rate, and emits a note with the reason (`err`: the failure, not NULL). *step:
 * the run's counter, a part of the state. */
cream_status cream_train_roll_back(cream_train *, const cream_state *, const uint64_t *step, cream_error *);

/* True once the time budget is used up, all starts of the run together. */
bool cream_train_out_of_time(const cream_train *);
/* True once the listener's stop is set. */
bool cream_train_stopped(const cream_train *);

/* CREAM_BAD_CONFIG unless 1 <= batch <= images and the source has the skeleton's classes. */
cream_status cream_train_check(const cream_skeleton *, const cream_source *, int epochs, int batch,
                               const char *section, cream_error *);

#endif
