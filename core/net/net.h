/* A network on a backend: a supernet of all choices, or (a fixed skeleton) one network. It owns its
 * parameter blocks and activation memory; one path runs at a time, and switching paths allocates nothing.
 *
 * Parameters: one block of trainable weights, one of running statistics; gradients exist for one path
 * only, in a block of the largest path's size. Names and shapes are timm's (docs/formats.md). A network for
 * inference alone can have its batch norms folded (fold.h).
 */
#ifndef CREAM_CORE_NET_H
#define CREAM_CORE_NET_H

#include "core/backend.h"
#include "core/space/complexity.h"
#include "core/space/space.h"

typedef struct cream_param {
  char name[96]; /* "blocks.1.0.3.conv_dw.weight" */
  int n_dims, dims[4];
  size_t offset, count; /* in the weight block, or in the statistics block */
  bool statistic;       /* running_mean, running_var */
  bool decay;           /* weight decay applies: not to biases and batch norm (section 2) */
} cream_param;

typedef struct cream_net cream_net;

/* By which training moves running statistics, as PyTorch does. */
#define CREAM_BN_MOMENTUM 0.1f

typedef struct cream_net_options {
  int batch;     /* largest batch that runs */
  bool train;    /* gradients and activations for backward are wanted */
  uint64_t seed; /* of the initial weights (section 1) */
  /* Stochastic depth, as timm has it: in CREAM_BN_TRAIN, what block l of n (from 0) adds to its input is left
   * out for an image with probability drop_path * l/n, else divided by one minus that. */
  double drop_path;
} cream_net_options;

cream_status cream_net_create(cream_backend *, const cream_skeleton *, const cream_net_options *,
                              cream_net **, cream_error *);
void cream_net_destroy(cream_net *);

const cream_skeleton *cream_net_skeleton(const cream_net *);
cream_backend *cream_net_backend(const cream_net *);
int cream_net_batch(const cream_net *); /* the largest batch that runs */
/* Bytes that cream_net_create asks for: weights, statistics, gradients, activations and workspace. */
size_t cream_net_memory(const cream_net *);

/* The table of named parameters, in order of offset; statistics after weights. */
const cream_param *cream_net_params(const cream_net *, int *count);
size_t cream_net_weight_count(const cream_net *);
size_t cream_net_statistic_count(const cream_net *);
cream_buf cream_net_weights(const cream_net *);
cream_buf cream_net_statistics(const cream_net *);
cream_buf cream_net_gradients(const cream_net *);
size_t cream_net_gradient_count(const cream_net *); /* of the largest path */

/* Runs of the weight block that a path uses. slices[] has room for cream_net_max_slices(). */
int cream_net_max_slices(const cream_net *);
int cream_net_slices(const cream_net *, const cream_path *, cream_slice *slices);

/* Input pictures: a tensor of [batch, side, side, 3] that upload_pixels fills. */
cream_tensor cream_net_input(const cream_net *, int n, int side);

/* Logits of `x` [n, classes], in memory of the net, valid until its next run. */
cream_buf cream_net_forward(cream_net *, const cream_path *, const cream_tensor *x, cream_bn_mode mode,
                            float momentum);

/* The same with what backward needs kept. dropout: probability before the classifier, 0 in a search; its seed
 * and step also decide which blocks are left out. */
cream_buf cream_net_forward_train(cream_net *, const cream_path *, const cream_tensor *x, cream_bn_mode mode,
                                  float momentum, float dropout, uint64_t drop_seed, uint64_t drop_step);

/* Logits of another path on the input of the last forward_train, in CREAM_BN_BATCH mode. The layers that
 * both paths begin with are not computed again; what backward needs stays. Read them before the backward. */
cream_buf cream_net_forward_teacher(cream_net *, const cream_path *);

/* Calls mark(self) before every part of a forward pass from then on - stem, layers, head - and after the
 * last, for those who measure them. NULL: no calls. */
void cream_net_set_mark(cream_net *, void (*mark)(void *self), void *self);

/* Gradients of the path of the last forward_train from dlogits, into the gradient block (=). May be called
 * again with other dlogits. */
void cream_net_backward(cream_net *, cream_buf dlogits);

/* Scratch for [batch, classes] values: dlogits, soft targets. */
cream_buf cream_net_dlogits(cream_net *);

#endif
