/* Shared by the training of a supernet and of one network: a net with its moments, batches on the device, the parts of a
 * step, one optimiser step over a path, and the clock, events and checkpoints of a run.
 *
 *     train_parts.c     the parts of a step: gradients, results and batch-norm statistics, summed over all ranks
 *     train_gradient.c  clipping
 *     train_ranks.c     what all ranks of a run decide together
 *     train.c           the rest
 */
#ifndef CREAM_CORE_TRAIN_H
#define CREAM_CORE_TRAIN_H

#include "core/base/config.h"
#include "core/base/data.h"
#include "core/base/event.h"
#include "core/cluster/parts.h"
#include "core/net/net.h"
#include "core/net/state.h"

enum { CREAM_MAX_ROLLBACKS = 5 };

/* How the running statistics move in a step of several parts: each part's forward pass leaves its own statistics in their
 * place, and `running` moves towards these in the order of parts. */
typedef struct cream_train_statistics {
  cream_buf running;     /* the whole block */
  cream_buf own;         /* with several ranks: of the own parts, one after the other */
  float *own_host, *all; /* `own` on the host; of all parts */
  cream_path *paths;     /* of a part, in the order of its forward passes */
  int n, n_paths;        /* forward passes of the present part; room in `paths` */
  size_t used;           /* elements of `own` */
  bool sent;             /* with several ranks: `own_host` is on its way */
  cream_span *spans;     /* of a path */
} cream_train_statistics;

typedef struct cream_train {
  cream_backend *backend;
  cream_net *net;
  cream_blocks blocks;               /* w is the net's; g is the net's or parts.mean; m, v, ema are owned */
  cream_slice *slices;               /* of the path being updated */
  cream_buf labels;                  /* int32 [batch] */
  cream_buf result;                  /* [4], of backend->loss */
  cream_parts parts;                 /* of a step; their sums are gradients, then results */
  int part;                          /* the present one, of the own parts */
  cream_train_statistics statistics; /* with several parts */
  cream_cluster *cluster;            /* NULL: alone */
  int check_every;                   /* steps between comparisons of the ranks' weights */
  cream_buf norms;                   /* squared norms of the slices */
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
  int accumulate;         /* parts of a step; 0: 1 */
  int paths; /* of a part, whose gradients are summed by search_gather; 0: one, and nothing is gathered */
  cream_cluster *cluster; /* not owned; NULL: alone */
  bool half;              /* gradients travel in half precision */
  int check_every;        /* steps between comparisons of the ranks' weights; 0: only at checkpoints */
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

/* Bytes of the host that hold messages to and from other ranks; without those of whatever carries them. */
size_t cream_train_messages(const cream_train *);

/* Elements of the gradients of a part that runs so many paths. */
size_t cream_train_gradient_room(const cream_net *, int paths);

/* Computes the loss of logits [n, classes]: its gradient to the net's dlogits, its numbers to `result`. */
void cream_train_loss(cream_train *, const cream_loss *, cream_buf logits, int n);

/* A step of one or more parts (cream_parts):
 *
 *     cream_train_begin_step
 *     for each own part:  cream_train_begin_part, cream_train_upload, cream_train_forward, cream_train_loss,
 *                         cream_train_backward
 *     cream_train_end_step: blocks.g and `result` are the means over all parts, the running statistics have moved
 *     cream_train_clip, cream_train_update, cream_train_result
 *
 * Batch norm uses each part alone, as in PyTorch. A part of several paths has several forward passes. */
void cream_train_begin_step(cream_train *);
/* part: from 0 to parts.own - 1, in this order. */
void cream_train_begin_part(cream_train *, int part);
/* cream_net_forward_train in training mode. */
cream_buf cream_train_forward(cream_train *, const cream_path *, const cream_tensor *x, float dropout,
                              uint64_t drop_seed, uint64_t drop_step);
/* cream_net_backward of the part's only path; adds its gradients and `result` to the sums. */
void cream_train_backward(cream_train *);
/* Adds `result` [4], the last values of a part. */
void cream_train_add_result(cream_train *, cream_buf result);
cream_status cream_train_end_step(cream_train *, cream_error *);
/* A number of the batch of the present part, counted from the start of the training or of an epoch, of which `step` is the
 * step: step * parts + part. */
uint64_t cream_train_batch_number(const cream_train *, uint64_t step);

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

/* Sets the event's images per second and the time waited for ranks; rank 0 passes it to the listener. */
cream_status cream_train_emit(cream_train *, cream_event *, cream_error *);
/* Emits the note that the time budget ended the training after `step` of event->steps. */
cream_status cream_train_emit_budget(cream_train *, const cream_event *, uint64_t step, cream_error *);
/* Starts the clock of images per second. */
void cream_train_begin_epoch(cream_train *, uint64_t step);

/* Adds weights, statistics, moments, averaged weights and everything else that one step leaves for the next to a state. */
void cream_train_state(cream_train *, cream_state *);
/* Sets the clock to state->seconds. CREAM_BAD_DATA: the restored state belongs to a different network. */
cream_status cream_train_restored(cream_train *, cream_error *);
/* Saves a checkpoint, if there is a checkpointer. Of several ranks, all call it, and all checkpointers. */
cream_status cream_train_save(cream_train *, const cream_state *, cream_error *);
/* Whether to answer the failure of a step by cream_train_roll_back. */
bool cream_train_may_roll_back(const cream_train *);
/* Restores the last checkpoint, halves the rate, and emits a note with the reason (`err`: the failure, not NULL). *step:
 * the run's counter, a part of the state. */
cream_status cream_train_roll_back(cream_train *, const cream_state *, const uint64_t *step, cream_error *);

/* The listener's stop is set; on this rank alone. */
bool cream_train_stopped(const cream_train *);

/* train_ranks.c: decisions of a run. All ranks call these functions at the same step and get the same answer. */

/* Why a training ends before its last step. */
typedef struct cream_train_ending {
  bool stopped; /* the listener's stop is set, on any rank */
  bool late;    /* the time budget is used up, all starts of the run together, by rank 0's clock */
} cream_train_ending;
/* Before every step, `step` of them done. Compares the ranks' weights where that is due. */
cream_status cream_train_ends(cream_train *, uint64_t step, cream_train_ending *, cream_error *);
/* Whether a checkpoint is due after this step, by rank 0's checkpointer. */
cream_status cream_train_due(cream_train *, uint64_t step, bool epoch_end, bool *due, cream_error *);
/* CREAM_FAILED where weights or statistics of a rank are not those of rank 0, with a line that names the rank. */
cream_status cream_train_compare(cream_train *, uint64_t step, cream_error *);

/* Which batches of a source of training images will be read: those of the own parts. */
cream_source_parts cream_train_announced(const cream_train *);

/* The settings of a training, of the map `section`. */
typedef struct cream_train_settings {
  const char *section;
  int epochs, batch, accumulate;
  const cream_cluster *cluster;
} cream_train_settings;
/* CREAM_BAD_CONFIG unless 1 <= batch * accumulate <= images, the source has the skeleton's classes, and the parts can be
 * divided among the ranks. */
cream_status cream_train_check(const cream_skeleton *, const cream_source *, const cream_train_settings *,
                               cream_error *);

#endif
