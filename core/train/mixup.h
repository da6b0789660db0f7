/* Mixup in timm's batch mode: image i is mixed with image n-1-i of the batch, their targets likewise. */
#ifndef CREAM_CORE_MIXUP_H
#define CREAM_CORE_MIXUP_H

#include "core/net/net.h"

typedef struct cream_mixup {
  cream_backend *backend;
  double alpha;
  uint64_t seed;
  int classes;
  cream_buf mirrored; /* images of the batch in reverse order */
  cream_buf target;   /* [batch, classes] */
  float *host;        /* `target` on the host */
} cream_mixup;

/* alpha > 0: parameter of the Beta distribution. Batches have up to `batch` images of the net's resolution. On failure
 * nothing stays allocated; cream_mixup_destroy takes a zeroed one too. */
cream_status cream_mixup_init(cream_mixup *, cream_net *, int batch, double alpha, uint64_t seed,
                              cream_error *);
void cream_mixup_destroy(cream_mixup *);

/* lambda ~ Beta(alpha, alpha), a function of alpha, seed and draw. */
double cream_mixup_share(double alpha, uint64_t seed, uint64_t draw);
/* target [n, classes] = lambda * y + (1 - lambda) * reversed y, y one-hot with 1 - smoothing on the label and
 * smoothing / classes on every class. */
void cream_mixup_target(const int32_t *labels, int n, int classes, double smoothing, double lambda,
                        float *target);
/* x = lambda * x + (1 - lambda) * reversed x, on the device. mirrored: room for as many images. */
void cream_mixup_images(cream_backend *, cream_buf mirrored, double lambda, const cream_tensor *x);
/* cream_mixup_images with the lambda of a draw. The loss becomes the cross-entropy with the mixed targets,
 * smoothed by loss->smoothing. labels [n]: of x, on the host. */
void cream_mixup_apply(cream_mixup *, uint64_t draw, const cream_tensor *x, const int32_t *labels,
                       cream_loss *);

#endif
