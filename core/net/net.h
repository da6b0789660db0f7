/* A network on a backend: a supernet of all choices, or one network (a fixed skeleton). It owns its parameter
 * blocks and activation memory. One path runs at a time; switching paths allocates nothing.
 *
 * Parameters lie in two blocks: trainable weights and running statistics. Gradients exist for one path only,
 * in a block of the largest path's size. Names and shapes are timm's (docs/formats.md). The batch norms of a
 * network for inference can be folded (fold.h).
 */
#ifndef CREAM_CORE_NET_H
#define CREAM_CORE_NET_H

#include "core/backend.h"
#include "core/space/complexity.h"
#include "core/space/space.h"

/* What a parameter is, and its initial values. Weight decay applies to the first five. */
typedef enum cream_param_role {
  CREAM_PARAM_CONV,      /* weight [cout,cin,k,k]: normal with variance 2 / (k*k*cout) */
  CREAM_PARAM_DEPTHWISE, /* weight [c,1,k,k]: normal with variance 2 / (k*k) */
  CREAM_PARAM_LINEAR,    /* weight [cout,cin]: uniform in +-1/sqrt(cout) */
  CREAM_PARAM_PYRAMID,   /* weight of a convolution in a neck: uniform in +-sqrt(3 / (k*k*cin)) */
  CREAM_PARAM_HEAD,      /* weight of a convolution in a detector's head: normal, deviation 0.01 */
  CREAM_PARAM_BIAS,      /* of a convolution or linear layer: 0 */
  CREAM_PARAM_PRIOR,     /* bias of a detector's class logits: -log(99), a probability of 1/100 */
  CREAM_PARAM_FUSION,    /* weights of cream_fuse: 1 */
  CREAM_PARAM_BN_GAMMA,  /* 1 */
  CREAM_PARAM_BN_BETA,   /* 0 */
  CREAM_PARAM_BN_MEAN,   /* running mean, a statistic: 0 */
  CREAM_PARAM_BN_VAR,    /* running variance, a statistic: 1 */
} cream_param_role;

typedef struct cream_param {
  char name[96]; /* "blocks.1.0.3.conv_dw.weight" */
  cream_param_role role;
  int n_dims, dims[4];
  size_t offset, count; /* elements, in the weight block or in the statistics block */
  bool statistic;       /* it is in the statistics block */
} cream_param;

typedef struct cream_net cream_net;

/* Momentum of the running statistics in training; PyTorch's default. */
#define CREAM_BN_MOMENTUM 0.1f

typedef struct cream_net_options {
  int batch;     /* largest batch that runs */
  bool train;    /* allocate gradients, and the activations that backward reads */
  uint64_t seed; /* of the initial weights */
  /* Stochastic depth as in timm: in CREAM_BN_TRAIN mode, the branch of residual block l of n (from 0) is
   * dropped for an image with probability p = drop_path * l/n, and otherwise divided by 1 - p. */
  double drop_path;
  /* Parts that are not trained, from the input on: stem, layers, head convolution, the linear layer before the
   * classifier (if there is one); of a detector, stem and layers. They run as in inference, with running statistics and without drop path, and
   * have no gradients; the backward pass ends above them. Not 0 only with a fixed skeleton. */
  int frozen;
  bool input_gradient; /* with train, nothing frozen: backward also computes cream_net_input_gradient */
} cream_net_options;

/* Creates a network with initial weights; the skeleton is copied, the backend must outlive it. Fails with
 * CREAM_BAD_CONFIG where batch < 1 or a detector's backbone lacks features at strides 8, 16 and 32 (the last), with
 * CREAM_FAILED where there is no memory. */
cream_status cream_net_create(cream_backend *, const cream_skeleton *, const cream_net_options *,
                              cream_net **, cream_error *);
void cream_net_destroy(cream_net *);

const cream_skeleton *cream_net_skeleton(const cream_net *);
cream_backend *cream_net_backend(const cream_net *);
int cream_net_batch(const cream_net *); /* largest batch that runs */
/* Bytes of all buffers: weights, statistics, gradients, activations. */
size_t cream_net_memory(const cream_net *);

/* A hash of the names and shapes of all parameters and of the resolution: networks whose checkpoints can be
 * exchanged have the same. */
uint64_t cream_net_fingerprint(const cream_net *);

/* The table of parameters in the order of their offsets, statistics after weights; owned by the net. */
const cream_param *cream_net_params(const cream_net *, int *count);
size_t cream_net_weight_count(const cream_net *);
size_t cream_net_statistic_count(const cream_net *);
cream_buf cream_net_weights(const cream_net *);
cream_buf cream_net_statistics(const cream_net *);
cream_buf cream_net_gradients(const cream_net *);
size_t cream_net_gradient_count(const cream_net *); /* of the largest path */

/* The runs of the weight block that a path uses and that are not frozen; returns their number. slices[] has room
 * for cream_net_max_slices(). */
int cream_net_max_slices(const cream_net *);
int cream_net_slices(const cream_net *, const cream_path *, cream_slice *slices);
/* The same of everything but the classifier, and of the classifier. */
int cream_net_backbone_slices(const cream_net *, const cream_path *, cream_slice *slices);
int cream_net_classifier_slices(const cream_net *, cream_slice *slices);
/* A run of elements of a block. */
typedef struct cream_span {
  size_t at, count;
} cream_span;
int cream_net_max_spans(const cream_net *);
/* The running statistics that a training step of a path moves, as spans of the statistics block; returns
 * their number. spans[] has room for cream_net_max_spans(). Frozen parts have none. */
int cream_net_statistic_spans(const cream_net *, const cream_path *, cream_span *spans);
/* Elements of these spans, of the path that has most. */
size_t cream_net_path_statistics(const cream_net *);
/* Elements at the start of the statistics block that belong to frozen parts. */
size_t cream_net_frozen_statistics(const cream_net *);

/* The input images: a tensor [n, side, side, 3] that upload_pixels fills; n and side are at most the
 * net's. */
cream_tensor cream_net_input(const cream_net *, int n, int side);

/* Logits of `x` [n, classes], in memory of the net, valid until its next run. */
cream_buf cream_net_forward(cream_net *, const cream_path *, const cream_tensor *x, cream_bn_mode mode,
                            float momentum);

/* The same, but keeps what backward needs. dropout: probability before the classifier, 0 in a search;
 * drop_seed and drop_step also decide which blocks stochastic depth drops. */
cream_buf cream_net_forward_train(cream_net *, const cream_path *, const cream_tensor *x, cream_bn_mode mode,
                                  float momentum, float dropout, uint64_t drop_seed, uint64_t drop_step);

/* Logits of another path (the teacher) on the input of the last forward_train, in CREAM_BN_BATCH mode; no part
 * of the net is frozen. The first layers that both paths share are not computed again. What backward needs
 * stays; read the logits before it runs. */
cream_buf cream_net_forward_teacher(cream_net *, const cream_path *);

/* Makes every later forward pass call mark(self) before each of its parts (stem, layers, head, pooling) and
 * at its end, for measurements. NULL: no calls. */
void cream_net_set_mark(cream_net *, void (*mark)(void *self), void *self);

/* Writes (=) the gradients of the path of the last forward_train into the gradient block, from dlogits; those of
 * frozen parts are 0. May be called again with other dlogits. */
void cream_net_backward(cream_net *, cream_buf dlogits);

/* The gradient of the images of the last forward_train, which the last backward computed: [n, side, side, 3]. */
cream_tensor cream_net_input_gradient(const cream_net *);

/* Makes every later pass take batch norms as the identity, whatever their parameters and statistics, which stay as they
 * are; false: as usual again. The net is a classifier, and not folded. */
void cream_net_set_identity_norms(cream_net *, bool);

/* Makes every later cream_net_backward call done(self, span) as soon as a span of the gradient block is complete: that of
 * the linear layers first, then those of the path's blocks up to the input, without frozen ones. NULL: no calls. */
void cream_net_set_done(cream_net *, void (*done)(void *self, cream_span), void *self);

/* Scratch of [batch, classes] elements for dlogits or soft targets; of a detector, for the gradient of its outputs. */
cream_buf cream_net_dlogits(cream_net *);

/* ---- detectors (skeleton.detect) ----
 *
 * In the functions above, "logits" are then the outputs for n images of side x side pixels: logits [entries][classes] and,
 * right after them, deltas [entries][4]; entries are ordered as in core/detect/anchors.h. Their gradients are laid out in
 * the same way. "The classifier" of slices is everything after the backbone, which dropout does not touch; there is no
 * teacher. */

/* The cost of neck and heads on an image of side x side pixels; cream_costs (complexity.h) has that of the backbone. */
cream_cost cream_net_tail_cost(const cream_net *, int side);
/* Whether a parameter belongs to the backbone, and not to a detector's neck or heads. */
bool cream_net_in_backbone(const cream_net *, const cream_param *);
/* Entries of n images. */
size_t cream_net_entries(const cream_net *, int n, int side);
/* Elements of the outputs of n images; of a classifier n * classes. */
size_t cream_net_output_count(const cream_net *, int n, int side);
/* The deltas in outputs (or their gradients in the gradients of outputs). */
cream_buf cream_net_deltas(const cream_net *, cream_buf outputs, int n, int side);

#endif
