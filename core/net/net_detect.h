/* A detector's neck and heads: a list of convolutions and fusions on values, in the order of the forward pass; the
 * backward pass takes it from the end. Used by net*.c in one direction:
 *
 *     net_detect_build.c   the list and its parameters
 *     net_detect_plan.c    where values and their gradients lie, sizes of outputs, cost
 *     net_detect_run.c     forward and backward
 *
 * A value may have several readers. Their backward passes add up its gradient; the last of them (the first reader in the
 * list) applies the value's own map and completes its batch norm, see `sink_of` in net_detect_run.c. */
#ifndef CREAM_CORE_NET_DETECT_H
#define CREAM_CORE_NET_DETECT_H

#include "core/detect/anchors.h"
#include "net_internal.h"

enum { NET_TAIL_OPS = 512, NET_TAIL_NAME = 64 };

/* Where a value lies: among the others, or in the outputs of the network. */
typedef enum net_tail_place { NET_TAIL_INNER, NET_TAIL_CLASSES, NET_TAIL_BOXES } net_tail_place;

typedef struct net_tail_value {
  int level, channels; /* level 0: stride 8 */
  int op;              /* that writes it; -1: the backbone's feature of this level */
  int first, last;     /* ops that read it; -1: none, outputs */
  net_tail_place place;
  size_t at, size; /* elements, of the largest batch: in inference, and of its gradient in training */
} net_tail_value;

typedef struct net_tail_bn {
  net_norm norm;
  int channels;
  char name[NET_TAIL_NAME];
} net_tail_bn;

typedef struct net_tail_op {
  bool fuse;
  int n, in[CREAM_FUSE_MAX], out;
  int unit, bn;   /* of a convolution; bn -1: none */
  bool relu;      /* a convolution that reads relu(in), where other readers do not */
  bool adds;      /* the gradients of its unit are added to those of an op that follows in the list */
  cream_act act;  /* pending on out */
  bool weighted;  /* a fusion with weights, */
  size_t weights; /* in the weight block */
  char name[NET_TAIL_NAME];
} net_tail_op;

/* Neck and heads laid out for a run. */
typedef struct net_tail_tape {
  int n;
  cream_detect_grid grid;
  cream_tensor *values;
  net_record *records; /* by op; of convolutions */
  const net_tape *backbone;
  cream_buf outputs;
} net_tail_tape;

struct net_tail {
  int n_ops, n_values, n_units, n_bns;
  net_tail_op *ops;
  net_tail_value *values;
  net_unit *units; /* weights are owned by units; has_bn is false */
  cream_param_role *roles, *bias_roles;
  char (*names)[NET_TAIL_NAME]; /* of units */
  net_tail_bn *bns;
  cream_span statistics;
  int taps[CREAM_DETECT_FEATURES]; /* steps whose outputs the features are */
  net_tail_tape train, infer;
  size_t train_size, infer_size; /* activations in training, and in inference */
  size_t values_size;            /* where values lie in inference, and gradients of values */
  size_t vectors_size;           /* of batch norms */
  cream_buf features;            /* in inference, and of frozen steps: outputs of taps */
  size_t feature_at[CREAM_DETECT_FEATURES], features_size;
  cream_buf gradients; /* of values, then of the first two features */
  size_t feature_gradient_at[CREAM_DETECT_FEATURES], gradients_size;
  cream_buf spare; /* gradients of a unit that are to be added */
  size_t spare_size;
};

/* ---- net_detect_build.c ------------------------------------------------------------------------------ */

/* Checks the backbone, and adds neck and heads with their parameters; net->linear becomes their run of the weight block. */
cream_status net_detect_build(cream_net *, cream_error *);
void net_detect_free(cream_net *);

/* ---- net_detect_plan.c ------------------------------------------------------------------------------- */

/* Reserves workspace, and sets all sizes. */
cream_status net_detect_plan(cream_net *, cream_error *);
/* Lays neck and heads out in backbone->tail, behind a backbone that is laid out. Returns the outputs. */
cream_buf net_detect_layout(const cream_net *, const net_tape *backbone, net_layout_kind);

/* ---- net_detect_run.c -------------------------------------------------------------------------------- */

void net_detect_forward(cream_net *, net_layout_kind, cream_bn_mode, float momentum);
/* Gradients of neck and heads. `g`: where the gradient of the last feature goes, as cream_sink describes it for the
 * feature's producer; absent: the backbone is frozen. */
void net_detect_backward(cream_net *, cream_buf doutputs, cream_buf g);
/* The gradient of the value of feature 0 or 1 by its readers in the neck. */
cream_buf net_feature_gradient(const cream_net *, int feature);

#endif
