/* Accuracy of a path on a set of images, and batch-norm recalibration. */
#ifndef CREAM_CORE_EVALUATE_H
#define CREAM_CORE_EVALUATE_H

#include "core/base/config.h"
#include "core/base/data.h"
#include "core/net/net.h"

typedef struct cream_score {
  double top1, top5, loss; /* shares 0..1; mean cross-entropy */
  size_t count;
} cream_score;

/* Negative where a path with the score and FLOPs of `a` ranks before one with those of `b`: higher top-1, then
 * lower loss (one that is no number is worst), then fewer FLOPs; 0: they rank the same. */
int cream_score_order(const cream_score *a, double flops_a, const cream_score *b, double flops_b);

/* Runs the whole set (no dropout, no augmentation) in `mode`: CREAM_BN_RUNNING, or CREAM_BN_BATCH. The net
 * must take batches of source->batch. */
cream_status cream_evaluate(cream_net *, const cream_path *, cream_source *, cream_bn_mode mode,
                            cream_score *, cream_error *);

/* The same, counting answers: confusion [classes of the net][classes of the net], by label and then by answer
 * (the first of equal logits), zeroed first; or NULL. */
cream_status cream_evaluate_confusion(cream_net *, const cream_path *, cream_source *, cream_bn_mode mode,
                                      cream_score *, uint32_t *confusion, cream_error *);

/* Shows the path `batches` training batches (steps 0.. of the epoch given) for the running statistics of its
 * batch norms. RESET: they become the means over these batches; INHERIT: they move on from what they are, by
 * CREAM_BN_MOMENTUM. */
cream_status cream_recalibrate(cream_net *, const cream_path *, cream_source *train, uint64_t epoch,
                               cream_recalibration, int batches, cream_error *);

/* Adds up scores from logits [n, k]: exposed for tests and predict. Equal logits: the lower class first. */
void cream_score_add(cream_score *, const float *logits, const int32_t *labels, int n, int k);

#endif
