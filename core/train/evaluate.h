/* Accuracy of a path on a set of images, and batch-norm recalibration. */
#ifndef CREAM_CORE_EVALUATE_H
#define CREAM_CORE_EVALUATE_H

#include "core/base/config.h"
#include "core/base/data.h"
#include "core/cluster/cluster.h"
#include "core/net/net.h"

typedef struct cream_score {
  double top1, top5, loss; /* shares 0..1; mean cross-entropy */
  size_t count;
  bool detector; /* top1 is COCO's AP, top5 its AP50, and there is no loss (detect_evaluate.h) */
} cream_score;

/* What `by` compares scores by, lower for a better one; a loss that is not finite is infinite. */
double cream_score_demerit(cream_order by, const cream_score *);
/* Negative if a path with the score and FLOPs of `a` ranks before one with those of `b`, 0 if they rank the same.
 * ACCURACY: higher top-1, then lower loss, then fewer FLOPs; LOSS: lower loss, then higher top-1, then fewer FLOPs. A loss
 * that is not finite is worst. */
int cream_score_order(cream_order, const cream_score *a, double flops_a, const cream_score *b,
                      double flops_b);

/* Scores a path on all images of a source, without dropout or augmentation; `mode`: CREAM_BN_RUNNING or CREAM_BN_BATCH.
 * The net must take batches of source->batch. */
cream_status cream_evaluate(cream_net *, const cream_path *, cream_source *, cream_bn_mode mode,
                            cream_score *, cream_error *);

/* cream_evaluate by all ranks, with the same result: each evaluates a run of batches. NULL: alone. It also counts
 * predictions: confusion[label][prediction], [classes of the net] each, is overwritten. Of equal logits the lower class is
 * predicted. NULL, on this rank or on another: nothing is counted here. */
cream_status cream_evaluate_shared(cream_cluster *, cream_net *, const cream_path *, cream_source *,
                                   cream_bn_mode mode, cream_score *, uint32_t *confusion, cream_error *);

/* The batches of a rank in an evaluation that several share, and the images in them. */
typedef struct cream_shard {
  uint64_t first, end;
  size_t images;
} cream_shard;
/* Of `count` images in batches of `batch`. */
cream_shard cream_shard_of(size_t count, int batch, int rank, int ranks);

/* Recalibrates the running batch-norm statistics of a path with `batches` training batches, from step 0 of `epoch` on.
 * RESET: they become the means over these batches; INHERIT: the batches update the present ones by CREAM_BN_MOMENTUM. */
cream_status cream_recalibrate(cream_net *, const cream_path *, cream_source *train, uint64_t epoch,
                               cream_recalibration, int batches, cream_error *);

/* Adds n images with logits [n, k] and labels [n] to a score. Of equal logits the lower class ranks first. */
void cream_score_add(cream_score *, const float *logits, const int32_t *labels, int n, int k);

#endif
