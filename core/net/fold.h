/* Networks for inference: folding batch norms into the convolutions before them, and a description of a
 * network's ops for exporters.
 */
#ifndef CREAM_CORE_FOLD_H
#define CREAM_CORE_FOLD_H

#include "net.h"

/* Folds all batch norms of a network that was created without `train`. With s = gamma / sqrt(running_var +
 * eps), computed in double, the convolution's weights of each output channel are multiplied by s, and beta
 * becomes beta - s * running_mean and serves as the convolution's bias. gamma becomes 1, running_mean 0 and
 * running_var 1 - eps, so that saved parameters are those of a network with the same outputs up to rounding.
 *
 * The batch norms of a detector's neck and heads stay: levels share the convolutions, but not the batch norms.
 *
 * Afterwards the network runs in CREAM_BN_RUNNING mode only. Folding it again changes nothing. Weights that
 * are loaded later are not folded. On failure the network is unchanged. */
cream_status cream_net_fold(cream_net *, cream_error *);

/* A convolution or linear layer of a path, with what follows it: its activation (shape.act), then its
 * squeeze-excite (shape.se > 0). */
typedef struct cream_net_layer {
  cream_unit_shape shape;
  const cream_param *weight, *bias; /* in the net's table; bias NULL: a batch norm that is not folded */
  cream_act se_act, se_gate;
  const cream_param *se_w1, *se_b1, *se_w2, *se_b2; /* as in cream_se; NULL without squeeze-excite */
} cream_net_layer;

/* Layers one after another. */
typedef struct cream_net_block {
  int n_layers;
  bool residual; /* the block's input is added to its output */
  cream_net_layer layers[CREAM_MAX_UNITS];
} cream_net_block;

enum { CREAM_MAX_BLOCKS = CREAM_MAX_LAYERS + 3 };

/* Describes a path in blocks[] and returns their number. They are in the order of execution: stem, choices,
 * head convolution and, after global average pooling, the linear layers as the last block; of a detector, the backbone. */
int cream_net_describe(const cream_net *, const cream_path *, cream_net_block blocks[CREAM_MAX_BLOCKS]);

/* An op of a detector's neck and heads: a convolution with what follows it, or, without `weight`, a fusion (cream_fuse).
 * Values are numbered: 0, 1 and 2 are the features, 3 + i is what op i writes. */
typedef struct cream_net_tail_op {
  int n, in[CREAM_FUSE_MAX];
  int level, side;                              /* of the output, at the net's resolution; level 0: P3 */
  cream_unit_shape shape;                       /* of a convolution */
  const cream_param *weight, *bias;             /* bias NULL: none */
  const cream_param *gamma, *beta, *mean, *var; /* of the batch norm; NULL: none */
  const cream_param *fusion;                    /* weights of a fusion; NULL: 1 */
  bool relu;           /* the input goes through a ReLU that its other readers do not see */
  cream_act act;       /* of the output */
  bool classes, boxes; /* the output is that of a head: [classes or 4 of each anchor of a cell] */
} cream_net_tail_op;

/* The number of ops of neck and heads. ops[] has room for all of them. features: the blocks of cream_net_describe
 * whose outputs they are. */
int cream_net_tail_count(const cream_net *);
void cream_net_describe_tail(const cream_net *, cream_net_tail_op *ops, int features[3]);

#endif
