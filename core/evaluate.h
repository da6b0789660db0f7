/* Accuracy of a path on a set of images, and batch-norm recalibration. */
#ifndef CREAM_CORE_EVALUATE_H
#define CREAM_CORE_EVALUATE_H

#include "data.h"
#include "net.h"

typedef struct cream_score {
  double top1, top5, loss; /* shares 0..1; mean cross-entropy */
  size_t count;
} cream_score;

/* Runs the whole set (no dropout, no augmentation) in `mode`: CREAM_BN_RUNNING, or CREAM_BN_BATCH. `limit`: at
 * most so many images; 0: all. The net must take batches of source->batch. */
cream_status cream_evaluate(cream_net *, const cream_path *, cream_source *, cream_bn_mode mode, size_t limit,
                            cream_score *, cream_error *);

/* Replaces the running statistics of the path's batch norms by their means over `batches` training batches
 * (steps 0.. of the epoch given). */
cream_status cream_recalibrate(cream_net *, const cream_path *, cream_source *train, uint64_t epoch,
                               int batches, cream_error *);

/* Adds up scores from logits [n, k]: exposed for tests and predict. Equal logits: the lower class first. */
void cream_score_add(cream_score *, const float *logits, const int32_t *labels, int n, int k);

#endif
