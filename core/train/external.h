/* An external teacher: a trained network, of any architecture, whose outputs another network learns (docs/method.md,
 * sections 2 and 3). It runs in inference mode on the very images of the student: augmented, mixed, and resampled where
 * its resolution is another one. Its outputs can be read from a store instead. */
#ifndef CREAM_CORE_EXTERNAL_H
#define CREAM_CORE_EXTERNAL_H

#include "core/base/config.h"
#include "core/base/data.h"
#include "core/net/net.h"

typedef struct cream_external cream_external;

/* The outputs of whole batches: of each image the `top` most probable classes, in descending order, and their
 * probabilities. Batches are numbered from the start of the training. */
typedef struct cream_external_store {
  void *self;
  /* classes and probabilities: [images, top]. *found: they are there, and were written. */
  cream_status (*get)(void *self, uint64_t number, uint32_t *classes, float *probabilities, bool *found,
                      cream_error *);
  cream_status (*put)(void *self, uint64_t number, const uint32_t *classes, const float *probabilities,
                      cream_error *);
} cream_external_store;

typedef struct cream_external_options {
  const cream_skeleton *skeleton;    /* fixed, copied; NULL: every batch is in the store */
  int batch, classes;                /* the classes in the order of the student's */
  int side;                          /* of the student's images */
  float mean[4], std[4];             /* of the teacher's own images */
  double weight, temperature;        /* as in distil.h */
  bool mixed;                        /* batches are mixed (mixup.h) */
  const cream_external_store *store; /* copied; NULL: none */
  int top;
  uint64_t fingerprint; /* of the teacher, stored in checkpoints */
  /* Resamples a batch to [n, side, side, 3]; used where the resolutions differ. */
  cream_status (*resample)(void *self, const cream_batch *, int side, uint8_t *out, cream_error *);
  void *self; /* of resample */
} cream_external_options;

/* Creates the teacher with initial weights. Load weights into its net and fold it before it runs. */
cream_status cream_external_create(cream_backend *, const cream_external_options *, cream_external **,
                                   cream_error *);
void cream_external_destroy(cream_external *);
/* NULL where there is no skeleton. */
cream_net *cream_external_net(cream_external *);
uint64_t cream_external_fingerprint(const cream_external *);
/* CREAM_BAD_DATA: the fingerprint of a checkpoint is that of another teacher. key: the setting. */
cream_status cream_external_check(const cream_external *, const char *key, uint64_t fingerprint,
                                  cream_error *);

/* Computes, or reads, the outputs for a batch. share: of each image, the rest being the image opposite in the batch
 * (cream_mixup_images); 1: not mixed. */
cream_status cream_external_run(cream_external *, const cream_batch *, uint64_t number, double share,
                                cream_error *);
/* cream_distil_loss with the outputs of the last run. */
void cream_external_loss(cream_external *, const cream_loss *labels, cream_buf logits, int n,
                         cream_buf dlogits, cream_buf result);

/* The `top` most probable of k classes by their logits, the first of equals first, and their probabilities. */
void cream_external_pick(const float *logits, int k, int top, uint32_t *classes, float *probabilities);
/* Logits with these probabilities; the other classes share the rest equally (Shen and Xing, ECCV 2022, marginal
 * smoothing). */
void cream_external_spread(const uint32_t *classes, const float *probabilities, int k, int top,
                           float *logits);

#endif
