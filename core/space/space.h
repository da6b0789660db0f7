/* Search spaces, supernets and paths. A space is data (YAML, see docs/formats.md); all structs here are plain
 * values that can be copied with =.
 */
#ifndef CREAM_CORE_SPACE_H
#define CREAM_CORE_SPACE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/activation.h"
#include "core/base/bounds.h"
#include "core/base/padding.h"
#include "core/base/status.h"
#include "core/detect/spec.h"

typedef enum cream_block_kind {
  CREAM_BLOCK_MBCONV,     /* 1x1 expand, depthwise, squeeze-excite, 1x1 project */
  CREAM_BLOCK_SEPARABLE,  /* depthwise, squeeze-excite, 1x1 project */
  CREAM_BLOCK_BOTTLENECK, /* 1x1 reduce, dense k x k, 1x1 restore: a residual bottleneck */
  CREAM_BLOCK_SKIP,       /* identity; where the shape changes, a strided 1x1 convolution with batch norm */
  CREAM_BLOCK_COUNT
} cream_block_kind;

/* One choice of a layer. */
typedef struct cream_op {
  char name[CREAM_MAX_NAME]; /* "k3e4" */
  cream_block_kind kind;
  int kernel, dilation; /* odd kernel */
  double
      expand; /* inner channels: make_divisible(cin*expand, 8) of an mbconv, (cout*expand) of a bottleneck */
  cream_act act;
  double se;        /* squeeze-excite ratio; 0: none */
  bool se_of_input; /* ratio of the block's input channels, to the nearest whole number as in EfficientNet,
                     * rather than of the expanded ones, to a multiple of 8 */
  cream_act se_act, se_gate;
} cream_op;

typedef struct cream_stage {
  int channels; /* out, of every layer */
  int stride;   /* of the first layer */
  int depth_min, depth_max;
  int n_choices;
  uint8_t choices[CREAM_MAX_OPS]; /* indices into cream_space.ops, in the order of choice indices */
  int base; /* op of the stage's only layer when its depth is 1; -1: the choices stay open */
} cream_stage;

typedef struct cream_space {
  char name[CREAM_MAX_NAME];
  cream_padding padding; /* of every convolution; symmetric: dilation*(kernel-1)/2 on each side */
  double bn_eps;         /* epsilon of every batch norm, more than 0 */
  int n_ops;
  cream_op ops[CREAM_MAX_OPS];
  int n_stages;
  cream_stage stages[CREAM_MAX_STAGES];
  struct {
    int channels, kernel, stride;
    cream_act act;
  } stem;
  struct {
    int channels; /* 1x1 convolution with batch norm before pooling */
    int features; /* linear layer with bias after pooling; 0: none */
    cream_act act;
    int classes; /* default number of classes */
  } head;
  struct {
    int min, max, step; /* side of the square input in pixels */
    int scale_at;       /* the side for networks of ... */
    double scale_flops; /* ... this many M FLOPs; see range.h */
  } resolution;
} cream_space;

/* The epsilon of batch norms where a file gives none: PyTorch's. */
#define CREAM_BN_EPS 1e-5

/* Side of the output of a padded convolution, by either padding. */
static inline int cream_out_side(int side, int stride) {
  return (side + stride - 1) / stride;
}

/* v rounded to a multiple of 8, at least 90 % of v; as in MobileNet. */
int cream_make_divisible(double v);

/* Checks all that networks built from the space rely on. Fails with CREAM_BAD_CONFIG, which names the key. */
cream_status cream_space_validate(const cream_space *, cream_error *);

/* Index of an op by name, or -1. */
int cream_space_find_op(const cream_space *, const char *name);

/* One choice layer of a space at fixed depths. */
typedef struct cream_layer {
  int stage, index; /* stage from 0; layer of the stage from 0 */
  int cin, cout, stride;
  int n_options;
  uint8_t options[CREAM_MAX_OPS]; /* indices into space.ops */
} cream_layer;

/* A space at fixed depths: the layers of a supernet or, with one option each, of a network. */
typedef struct cream_skeleton {
  cream_space space;
  int depth[CREAM_MAX_STAGES];
  int resolution, classes;
  int n_layers;
  cream_layer layers[CREAM_MAX_LAYERS];
  bool fixed; /* a network: parameter names have no choice index */
  /* kind not 0: a detector. Neck and heads take the place of the head convolution, pooling and linear layers; `classes`
   * are those of boxes. Only of fixed skeletons. */
  cream_detect_spec detect;
} cream_skeleton;

/* A candidate network of a skeleton: for each layer an index into its options. */
typedef struct cream_path {
  int n_layers;
  uint8_t choice[CREAM_MAX_LAYERS];
} cream_path;

/* Fails with CREAM_BAD_CONFIG unless depths and resolution lie within the space's and classes > 0. */
cream_status cream_skeleton_init(cream_skeleton *, const cream_space *, const int *depth, int resolution,
                                 int classes, cream_error *);
/* The network of one path. */
cream_skeleton cream_skeleton_fix(const cream_skeleton *, const cream_path *);
/* The only path of a fixed skeleton (all zeros), or the first path of another. */
cream_path cream_skeleton_first_path(const cream_skeleton *);
/* Index of a layer's option by the name of its op, or -1. */
int cream_layer_find_option(const cream_space *, const cream_layer *, const char *name);
bool cream_path_equal(const cream_path *, const cream_path *);
/* Writes "k3e4-k3e6 k5e4 ...": layers separated by -, stages by blanks; truncated to `size`. Returns
 * `text`. */
char *cream_path_format(const cream_skeleton *, const cream_path *, char *text, size_t size);

/* The shape of one convolution of a block, for networks and for complexity. */
typedef struct cream_unit_shape {
  int cin, cout, kernel, stride, pad, dilation; /* as in cream_conv */
  cream_padding padding;
  bool depthwise;
  cream_act act;         /* after its batch norm */
  int se;                /* reduced channels of the squeeze-excite after the activation; 0: none */
  const char *conv, *bn; /* timm's names: "conv_pw", "bn1" */
} cream_unit_shape;

/* Fills units[] and returns their number, 0 for an identity. *residual: the block's input is added to its
 * output. */
int cream_block_units(const cream_space *, const cream_layer *, int op,
                      cream_unit_shape units[CREAM_MAX_UNITS], bool *residual);

#endif
