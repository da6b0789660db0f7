/* What net.c (building), net_layout.c (where a path's tensors lie) and net_run.c (running) share. */
#ifndef CREAM_CORE_NET_INTERNAL_H
#define CREAM_CORE_NET_INTERNAL_H

#include "net.h"

#define NET_BN_EPS 1e-5f /* section 1 */

/* A convolution or linear layer with its place in the parameter blocks. */
typedef struct net_unit {
  cream_unit_shape shape;
  bool has_bn; /* else it has a bias */
  cream_act se_act, se_gate;
  size_t weight, bias, gamma, beta, se_w1, se_b1, se_w2, se_b2; /* in the weight block */
  size_t running_mean, running_var;                             /* in the statistics block */
  size_t packed, packed_count;                                  /* in `packed` of the net; count 0: is not */
} net_unit;

typedef struct net_block {
  int n_units;
  net_unit units[CREAM_MAX_UNITS];
  bool residual;
  size_t w, decayed, plain; /* the block's run of weights: with decay, then without */
  size_t g;                 /* where its gradients lie */
} net_block;

/* One unit as it ran: everything backward needs. */
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
  int producer; /* index of a record; -1: the input pictures */
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
  cream_buf logits;
} net_tape;

/* A part of `passing` for tensors of which each writes over the one before. They lie about its middle: a backend
 * whose threads divide tensors then has each thread write where it wrote before, and the lines of other cores'
 * caches stay there. */
typedef struct net_region {
  cream_buf start;
  size_t size;
} net_region;

/* Regions of inference: those of a block's outputs in turn, after one for each convolution of a block. */
enum { NET_REGION_OUT = CREAM_MAX_UNITS, NET_REGION_OTHER_OUT, NET_REGIONS };

struct cream_net {
  cream_backend *backend;
  cream_skeleton skeleton;
  cream_net_options options;
  net_block stem, head;               /* head: the convolution before pooling */
  net_block (*blocks)[CREAM_MAX_OPS]; /* [layer][option] */
  net_block linear;                   /* features (maybe) and classifier: units, not a chain */
  cream_param *params;
  int n_params, params_capacity;
  size_t weight_count, statistic_count, gradient_count;
  cream_buf weights, statistics, gradients;
  cream_buf input, dlogits;
  cream_buf activations; /* of the training path */
  cream_buf passing; /* what does not outlive a call: tensors of inference, then gradients of activations */
  size_t train_size, vectors_size, tail_size;
  net_region regions[NET_REGIONS];        /* inference: outputs of convolutions */
  cream_buf infer_vectors[2], infer_tail; /* the rest of a block, and what follows the blocks */
  net_region grad[3];                     /* gradients of activations in turn */
  cream_buf gate_sums, pool_grad;
  cream_buf zeros, discarded; /* drop path: a squeeze-excite without weights (net_run.c) */
  float *drop_gates;          /* drop path: gates of one block on the host */
  size_t bytes;
  bool folded; /* fold.h */
  size_t packed_bytes;
  cream_buf packed;         /* folded, on a backend with a form for inference: its weights (backend.h) */
  cream_path gradient_path; /* that the gradients are of; no layers at first */
  net_tape tape;            /* of the last forward_train */
  net_tape infer_tape;      /* of the last inference */
  void (*mark)(void *self); /* between parts of a forward pass; may be NULL */
  void *mark_self;
};

/* Lays a path out in memory: for backward (everything kept, from the start of the activations) or for
 * inference (a block's inner tensors over those of the one before, outputs in two places in turn).
 * `first_step`: the first step to lay, its input being `input`. */
typedef enum net_layout_kind { NET_LAYOUT_TRAIN, NET_LAYOUT_INFER } net_layout_kind;
typedef struct net_drops {
  bool dropout, path; /* gates before the classifier; gates on what residual blocks add */
} net_drops;
void net_layout(const cream_net *, net_tape *, const cream_path *, net_layout_kind, int first_step,
                const cream_tensor *input, net_drops);

/* Elements that one block takes on [n, side, side] input: everything together (training), or by region. */
typedef struct net_block_size {
  size_t train, units[CREAM_MAX_UNITS], out, vectors;
  size_t largest; /* single activation */
  int side_out;
} net_block_size;
net_block_size net_block_measure(const cream_net *, const net_block *, int n, int side);
/* Buffers begin at multiples of so many elements: 64 bytes. */
enum { NET_ALIGN = 16 };
static inline size_t net_aligned(size_t count) {
  return (count + NET_ALIGN - 1) / NET_ALIGN * NET_ALIGN;
}
static inline size_t net_elements(const cream_tensor *t) {
  return (size_t)t->n * (size_t)t->h * (size_t)t->w * (size_t)t->c;
}
/* The middle `count` elements. */
cream_buf net_region_middle(const net_region *, size_t count);

/* The convolution of a unit with its weights, and of a network for training its gradients. */
cream_conv net_conv_of(const cream_net *, const net_block *, const net_unit *);

/* Elements of pooled features, logits and the like for n images. */
size_t net_tail_size(cream_net *, int n);

/* The block that a path has at step `step` (0: stem, 1..n_layers: choices, n_layers+1: head). */
const net_block *net_block_at(const cream_net *, const cream_path *, int step);
static inline int net_steps(const cream_net *net) {
  return net->skeleton.n_layers + 2;
}

#endif
