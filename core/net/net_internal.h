/* Shared by the files of a network. They use each other in one direction:
 *
 *     net_params.c   the parameter table and initial weights
 *     net_layout.c   where a path's tensors lie in memory
 *     net.c          creating a network: uses both
 *     net_run.c      forward and backward: uses net_layout.c
 *     net_spans.c    statistics of a path as runs of their block
 *     net_detect.h   a detector's neck and heads, in the place of head convolution, pooling and linear layers
 *     fold.c         folding batch norms, description for exporters: uses net_layout.c
 */
#ifndef CREAM_CORE_NET_INTERNAL_H
#define CREAM_CORE_NET_INTERNAL_H

#include "net.h"

typedef struct net_tail net_tail; /* net_detect.h */

/* The place of a batch norm in the parameter blocks. */
typedef struct net_norm {
  size_t gamma, beta;               /* in the weight block */
  size_t running_mean, running_var; /* in the statistics block */
} net_norm;

/* A convolution or linear layer with its place in the parameter blocks. */
typedef struct net_unit {
  cream_unit_shape shape;
  bool has_bn; /* else it has a bias, */
  bool bare;   /* or neither */
  cream_act se_act, se_gate;
  size_t weight, bias, se_w1, se_b1, se_w2, se_b2; /* in the weight block */
  net_norm norm;
  size_t packed, packed_count; /* in `packed` of the net; count 0: not packed */
} net_unit;

typedef struct net_block {
  int n_units;
  net_unit units[CREAM_MAX_UNITS];
  bool residual;
  size_t w, decayed, plain; /* place in the weight block; elements with decay, then without */
  size_t g;                 /* place in the gradient block */
} net_block;

/* A unit of a path that is laid out: all that forward and backward need. */
typedef struct net_record {
  const net_unit *unit;
  cream_conv conv;
  cream_tensor x, y; /* y with its pending map, the gate included */
  cream_bn bn;
  cream_se se;
} net_record;

/* A value between blocks: the tensor, and the record whose raw output it comes from (the last convolution
 * before it; it may differ from the tensor by a residual sum). */
typedef struct net_value {
  cream_tensor tensor;
  int producer; /* index of a record; -1: the input images */
} net_value;

typedef struct net_step {
  const net_block *block;
  int first; /* record of the block's first unit */
  net_value in, out;
} net_step;

/* stem, choice layers, head convolution */
enum { NET_MAX_STEPS = CREAM_MAX_LAYERS + 2, NET_MAX_RECORDS = CREAM_MAX_LAYERS * CREAM_MAX_UNITS + 4 };

/* A path laid out: which op reads and writes which memory. */
typedef struct net_tape {
  cream_path path;
  int n, n_steps, n_records;
  net_step steps[NET_MAX_STEPS];
  net_record records[NET_MAX_RECORDS];
  cream_tensor pooled;      /* [n,1,1,c], gate: dropout where there are no features */
  int features, classifier; /* records; features -1: none */
  cream_buf tail;           /* of a detector: memory for neck and heads */
  cream_buf logits;
} net_tape;

/* A part of `passing` for tensors that overwrite each other. Each lies about the middle of the region: a
 * thread that takes the same share of every tensor then writes where it wrote before, in its own core's
 * cache. */
typedef struct net_region {
  cream_buf start;
  size_t size;
} net_region;

/* Activations of neighbouring steps in one buffer, no larger than the device allows where a step needs no more. The
 * step after the last block is that of the tail. */
typedef struct net_part {
  cream_buf start;
  size_t size;
  int first_step;
} net_part;
enum { NET_MAX_PARTS = NET_MAX_STEPS + 1 };

/* Regions of inference: one for each convolution of a block, then two for the outputs of blocks in turn. */
enum { NET_REGION_OUT = CREAM_MAX_UNITS, NET_REGION_OTHER_OUT, NET_REGIONS };

/* A buffer of `passing`: one is enough where the device allows a buffer of that size. */
typedef struct net_piece {
  cream_buf start;
  size_t size, used;
} net_piece;
enum { NET_MAX_PIECES = NET_REGIONS + 3 };

struct cream_net {
  cream_backend *backend;
  cream_skeleton skeleton;
  cream_net_options options;
  net_block stem, head;               /* head: the convolution before pooling */
  net_block (*blocks)[CREAM_MAX_OPS]; /* [layer][option] */
  net_block linear; /* features (maybe) and classifier: units, not a chain; or that of the tail */
  net_tail *tail;   /* of a detector; NULL: a classifier */
  cream_param *params;
  int n_params, params_capacity;
  size_t weight_count, statistic_count, gradient_count;
  cream_buf weights, statistics, gradients;
  cream_buf input, dlogits;
  cream_buf input_gradient;      /* absent: not computed */
  net_part parts[NET_MAX_PARTS]; /* activations of the training path */
  int n_parts;
  net_piece passing[NET_MAX_PIECES]; /* what no call leaves behind: tensors of inference or gradients */
  size_t vectors_size, tail_size;
  net_region regions[NET_REGIONS];        /* inference: outputs of convolutions */
  cream_buf infer_vectors[2], infer_tail; /* other buffers of a block; those after the last block */
  net_region grad[3];                     /* gradients of activations, in turn */
  cream_buf gate_sums, pool_grad;
  cream_buf zeros, discarded; /* drop path: a squeeze-excite without weights (net_run.c) */
  float *drop_gates;          /* drop path: gates of one block on the host */
  size_t bytes;
  bool folded;         /* fold.h */
  bool identity_norms; /* batch norms do nothing */
  size_t packed_bytes;
  cream_buf packed;         /* after folding, on a backend with pack_weights: packed weights */
  cream_path gradient_path; /* path of the gradients; no layers at first */
  net_tape tape;            /* of the last forward_train */
  net_tape infer_tape;      /* of the last inference */
  void (*mark)(void *self); /* between parts of a forward pass; may be NULL */
  void *mark_self;
  void (*done)(void *self, cream_span); /* after each span of gradients; may be NULL */
  void *done_self;
};

/* ---- net_params.c ------------------------------------------------------------------------------------ */

static inline size_t net_max(size_t a, size_t b) {
  return a > b ? a : b;
}

/* A parameter to be added: its name without the block's prefix, its role and its shape. */
typedef struct net_param_spec {
  const char *layer, *name; /* "conv_dw", "weight" */
  cream_param_role role;
  int n_dims, dims[4];
} net_param_spec;
/* Adds a parameter at the end of its block; *offset becomes its place there. */
cream_status net_add_param(cream_net *, const char *prefix, net_param_spec, size_t *offset, cream_error *);

/* Orders the table by place, statistics last. */
void net_sort_params(cream_net *);
/* Fills blocks, the parameter table and the counts of weights, statistics and gradients from the skeleton; of a detector,
 * those of its backbone. On failure cream_net_destroy frees what was allocated. */
cream_status net_build(cream_net *, cream_error *);
/* Uploads the initial weights and statistics; see cream_param_role. */
cream_status net_init_weights(cream_net *, cream_error *);

/* ---- net_layout.c ------------------------------------------------------------------------------------ */

/* Lays a path, of a detector its backbone, out in memory: for training (nothing is overwritten, from the start of the activations) or for
 * inference (a block's inner tensors overwrite those of the block before, outputs alternate between two
 * places). Frozen steps are laid out for inference in training too, but for the output that the first trained
 * step reads. Starts at step `first_step`, whose input is `input`. */
typedef enum net_layout_kind { NET_LAYOUT_TRAIN, NET_LAYOUT_INFER } net_layout_kind;
typedef struct net_drops {
  bool dropout, path; /* gates before the classifier; gates on what residual blocks add */
} net_drops;
void net_layout(const cream_net *, net_tape *, const cream_path *, net_layout_kind, int first_step,
                const cream_tensor *input, net_drops);

/* Elements that one block takes on input of [n, side, side]: in all (training), and by region (inference). */
typedef struct net_block_size {
  size_t train, units[CREAM_MAX_UNITS], out, vectors;
  size_t largest; /* gradient of an activation */
  int side_out;
} net_block_size;
net_block_size net_block_measure(const cream_net *, const net_block *, int n, int side);
/* Buffers start at multiples of this many elements (64 bytes). */
enum { NET_ALIGN = 16 };
static inline size_t net_aligned(size_t count) {
  return (count + NET_ALIGN - 1) / NET_ALIGN * NET_ALIGN;
}
static inline size_t net_elements(const cream_tensor *t) {
  return (size_t)t->n * (size_t)t->h * (size_t)t->w * (size_t)t->c;
}
size_t net_gradient_size(const cream_net *, const cream_tensor *); /* elements of t's gradient */
/* The middle `count` elements of a region. */
cream_buf net_region_middle(const net_region *, size_t count);

/* A convolution of this shape, without weights. */
static inline cream_conv net_conv_of_shape(const cream_unit_shape *s) {
  return (cream_conv){.cin = s->cin,
                      .cout = s->cout,
                      .kernel = s->kernel,
                      .stride = s->stride,
                      .pad = s->pad,
                      .dilation = s->dilation,
                      .padding = s->padding,
                      .depthwise = s->depthwise};
}
/* The convolution of a unit with its weights and, in a network for training, its gradients. */
cream_conv net_conv_of(const cream_net *, const net_block *, const net_unit *);
/* Elements of a batch norm's vectors: mean, invstd, scale, shift, a, b and c of cream_bn. */
static inline size_t net_vectors_size(int channels) {
  return 7 * net_aligned((size_t)channels);
}
/* A batch norm of the block with its parameters, with vectors in `memory`, and, in a network for training, its gradients. */
cream_bn net_bn_of(const cream_net *, const net_block *, const net_norm *, int channels, cream_buf memory);

/* Elements of the buffers after the last block (pooled features, logits) for n images. */
size_t net_tail_size(cream_net *, int n);

/* The epsilon of the network's batch norms. */
static inline float net_bn_eps(const cream_net *net) {
  return (float)net->skeleton.space.bn_eps;
}

/* ---- all files --------------------------------------------------------------------------------------- */

/* A detector has no head convolution. */
static inline int net_steps(const cream_net *net) {
  return net->skeleton.n_layers + (net->skeleton.detect.kind ? 1 : 2);
}
/* The first step that is trained; net_steps: none. */
static inline int net_first_trained(const cream_net *net) {
  return net->options.frozen < net_steps(net) ? net->options.frozen : net_steps(net);
}
/* The block that a path has at step `step` (0: stem, 1..n_layers: choices, n_layers+1: head). */
static inline const net_block *net_block_at(const cream_net *net, const cream_path *path, int step) {
  if (step == 0) return &net->stem;
  if (step == net->skeleton.n_layers + 1) return &net->head;
  return &net->blocks[step - 1][path->choice[step - 1]];
}

/* The gradients of a block. */
static inline cream_span net_gradient_span(const net_block *block) {
  return (cream_span){block->g, block->decayed + block->plain};
}

#endif
