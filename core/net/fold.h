/* A network for inference alone: batch norms folded into the convolutions before them, and what it is then
 * made of, op by op, for those that write it in another form. */
#ifndef CREAM_CORE_FOLD_H
#define CREAM_CORE_FOLD_H

#include "net.h"

/* Folds every batch norm of a network that was created without `train`. With s = gamma / sqrt(running_var +
 * eps), computed in double: the convolution's weights of each output channel become s times what they were,
 * beta becomes beta - s * running_mean and is from then on the convolution's bias, and no op reads a batch
 * norm any more. gamma becomes 1, running_mean 0, running_var 1 - eps: the parameters, saved, are those of a
 * network with the same outputs up to rounding.
 *
 * From then on the network runs in CREAM_BN_RUNNING mode only. Folding it again changes nothing; weights that
 * are loaded afterwards would not be folded. On failure the network is as it was. */
cream_status cream_net_fold(cream_net *, cream_error *);

/* A convolution or linear layer of a path, with what follows it: its activation (shape.act), then its
 * squeeze-excite (shape.se > 0). */
typedef struct cream_net_layer {
  cream_unit_shape shape;
  const cream_param *weight, *bias; /* in the net's table; bias NULL: has a batch norm that is not folded */
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

/* Fills blocks[0..return-1] with a path in the order of execution: stem, choices, head convolution, and after
 * global average pooling, the last of all, the linear layers. */
int cream_net_describe(const cream_net *, const cream_path *, cream_net_block blocks[CREAM_MAX_BLOCKS]);

#endif
