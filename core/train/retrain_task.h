/* What a training learns from: the only part in which the training of a classifier and that of a detector differ. Used by
 * retrain*.c in one direction:
 *
 *     retrain.c          the loop: steps, parts, averages, evaluations, checkpoints, rollbacks
 *     retrain_images.c   images with labels
 *     retrain_boxes.c    images with boxes
 */
#ifndef CREAM_CORE_RETRAIN_TASK_H
#define CREAM_CORE_RETRAIN_TASK_H

#include "retrain.h"
#include "train.h"

/* What a task gets; it outlives the task. */
typedef struct retrain_scope {
  const cream_config *config;
  const cream_path *path;
  cream_train *train;
  cream_external *const *teacher; /* *teacher NULL: none */
} retrain_scope;

/* A batch in the present part of a step. */
typedef struct retrain_batch {
  uint64_t epoch, at; /* of its images: the epoch, and the number in it */
  uint64_t images;    /* its number since the start among batches of different images */
  uint64_t draw;      /* its number since the start: of random choices other than images */
} retrain_batch;

typedef struct retrain_task {
  void *self;
  bool detector;
  bool heldout;     /* there are held-out images */
  uint64_t batches; /* of an epoch */
  /* Loss and gradients of a batch. */
  cream_status (*part)(void *self, const retrain_batch *, cream_error *);
  /* The score on the held-out images. */
  cream_status (*evaluate)(void *self, cream_score *, cream_error *);
  /* Seconds that were spent waiting for images. */
  double (*waited)(const void *self);
  /* Which batches of the training images will be read: cream_train_announced. */
  void (*announce)(void *self);
  void (*destroy)(void *self);
} retrain_task;

/* Before the network is made: CREAM_BAD_CONFIG where settings, network and data do not belong together. */
cream_status retrain_images_check(const cream_retrain_inputs *, cream_error *);
cream_status retrain_boxes_check(const cream_retrain_inputs *, cream_error *);
/* The largest batch of an evaluation; 0: there is none. */
int retrain_images_evaluated(const cream_retrain_inputs *);
int retrain_boxes_evaluated(const cream_retrain_inputs *);
/* On failure nothing stays allocated. */
cream_status retrain_images_create(const cream_retrain_inputs *, const retrain_scope *, retrain_task *,
                                   cream_error *);
cream_status retrain_boxes_create(const cream_retrain_inputs *, const retrain_scope *, retrain_task *,
                                  cream_error *);

#endif
