/* The small supernet of path.safetensors (README.md) with its golden weights. */
#ifndef CREAM_TESTS_GOLDEN_PATH_H
#define CREAM_TESTS_GOLDEN_PATH_H

#include "golden.h"

#include "core/net/net.h"

enum { SIDE = 32, BATCH = 4, CLASSES = 5, LAYERS = 5, STEPS = 5, MAX_SLICES = 64 };

/* ---- the space of make_golden.py ----------------------------------------------------------------------- */

static inline cream_op make_op(const char *name, cream_block_kind kind, int kernel, int dilation,
                               double expand, double se) {
  cream_op op = {.kind = kind,
                 .kernel = kernel,
                 .dilation = dilation,
                 .expand = expand,
                 .act = CREAM_ACT_SWISH,
                 .se = se,
                 .se_act = CREAM_ACT_RELU,
                 .se_gate = CREAM_ACT_HARD_SIGMOID};
  snprintf(op.name, sizeof op.name, "%s", name);
  return op;
}

static inline cream_stage make_stage(int channels, int stride, int depth, int first_op, int n_ops) {
  cream_stage stage = {.channels = channels,
                       .stride = stride,
                       .depth_min = depth,
                       .depth_max = depth,
                       .n_choices = n_ops,
                       .base = -1};
  for (int i = 0; i < n_ops; i++) stage.choices[i] = (uint8_t)(first_op + i);
  return stage;
}

static inline cream_space make_space(void) {
  cream_space space = {.name = "golden", .bn_eps = CREAM_BN_EPS, .n_ops = 7, .n_stages = 3};
  space.ops[0] = make_op("ds", CREAM_BLOCK_SEPARABLE, 3, 1, 1, 0.25);
  space.ops[1] = make_op("k3e4", CREAM_BLOCK_MBCONV, 3, 1, 4, 0.25);
  space.ops[2] = make_op("k5e6", CREAM_BLOCK_MBCONV, 5, 1, 6, 0.25);
  space.ops[3] = make_op("k7e3", CREAM_BLOCK_MBCONV, 7, 1, 3, 0.25);
  space.ops[4] = make_op("k5e3d2", CREAM_BLOCK_MBCONV, 5, 2, 3, 0.25);
  space.ops[5] = make_op("bottleneck", CREAM_BLOCK_BOTTLENECK, 3, 1, 0.5, 0);
  space.ops[6] = make_op("skip", CREAM_BLOCK_SKIP, 1, 1, 0, 0);
  space.stages[0] = make_stage(8, 1, 1, 0, 1);
  space.stages[1] = make_stage(12, 2, 2, 1, 6);
  space.stages[2] = make_stage(16, 2, 2, 1, 6);
  space.stem.channels = 8;
  space.stem.kernel = 3;
  space.stem.stride = 2;
  space.stem.act = CREAM_ACT_SWISH;
  space.head.channels = 32;
  space.head.features = 64;
  space.head.act = CREAM_ACT_SWISH;
  space.head.classes = CLASSES;
  space.resolution.min = space.resolution.max = space.resolution.step = space.resolution.scale_at = SIDE;
  space.resolution.scale_flops = 1;
  return space;
}

/* ---- a network with the golden weights ----------------------------------------------------------------- */

typedef struct fixture {
  golden_ops *g;
  cream_backend *backend;
  cream_net *net;
  const cream_param *params;
  int n_params;
  cream_tensor x;
  cream_buf momentum, logits, target, labels, result;
} fixture;

/* The golden data of one prefix: "init", "grad", "step1", "step5". */
static inline golden_ops prefixed(const fixture *f, const char *prefix) {
  return (golden_ops){.file = f->g->file, .part = prefix};
}

static inline cream_buf param_buf(const fixture *f, const cream_param *param) {
  cream_buf block = param->statistic ? cream_net_statistics(f->net) : cream_net_weights(f->net);
  return cream_buf_at(block, param->offset);
}

static inline const float *initial(const fixture *f, const cream_param *param) {
  golden_ops init = prefixed(f, "init");
  return golden_get(&init, param->count, "%s", param->name);
}

/* Names, numbers and shapes must be those of the file. */
static inline void load_weights(fixture *f) {
  const cream_st_tensor *tensors;
  int n_tensors = cream_st_tensors(f->g->file, &tensors), stored = 0;
  for (int i = 0; i < n_tensors; i++) stored += strncmp(tensors[i].name, "init.", strlen("init.")) == 0;
  assert_int_equal(f->n_params, stored);
  for (int i = 0; i < f->n_params; i++) {
    const cream_param *param = &f->params[i];
    char name[128];
    snprintf(name, sizeof name, "init.%s", param->name);
    const cream_st_tensor *tensor = cream_st_find(f->g->file, name);
    if (!tensor) fail_msg("%s: not in the golden data", name);
    assert_int_equal(param->n_dims, tensor->n_dims);
    for (int d = 0; d < param->n_dims; d++) assert_int_equal(param->dims[d], tensor->dims[d]);
    f->backend->upload(f->backend, param_buf(f, param), initial(f, param), param->count);
  }
}

static inline fixture open_fixture(golden_ops *g) {
  fixture f = {.g = g, .backend = g->ops.backend};
  cream_space space = make_space();
  cream_skeleton skeleton;
  cream_net_options options = {.batch = BATCH, .train = true, .seed = 1, .input_gradient = true};
  cream_error err;
  if (cream_skeleton_init(&skeleton, &space, (int[]){1, 2, 2}, SIDE, CLASSES, &err)) fail_msg("%s", err.text);
  if (cream_net_create(f.backend, &skeleton, &options, &f.net, &err)) fail_msg("%s", err.text);
  f.params = cream_net_params(f.net, &f.n_params);
  load_weights(&f);
  f.x = cream_net_input(f.net, BATCH, SIDE);
  f.backend->upload_tensor(f.backend, &f.x, golden_get(g, ops_size(&f.x), "x"));
  f.momentum = golden_output(g, cream_net_weight_count(f.net));
  f.backend->fill(f.backend, f.momentum, cream_net_weight_count(f.net), 0);
  f.logits = golden_output(g, (size_t)BATCH * CLASSES);
  f.target = golden_output(g, (size_t)BATCH * CLASSES);
  f.labels = golden_output(g, BATCH);
  f.result = golden_output(g, 4);
  return f;
}

static inline cream_path read_path(const fixture *f, const char *name, int step) {
  const float *choices = golden_get(f->g, STEPS * LAYERS, "%s", name) + step * LAYERS;
  cream_path path = {.n_layers = LAYERS};
  for (int i = 0; i < LAYERS; i++) path.choice[i] = (uint8_t)choices[i];
  return path;
}

#endif
