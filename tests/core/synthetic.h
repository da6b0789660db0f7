/* A tiny data set, space and backend for tests of the method: images whose class is the position of a stripe. */
#ifndef CREAM_TESTS_CORE_SYNTHETIC_H
#define CREAM_TESTS_CORE_SYNTHETIC_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "core/cream.h"
#include "cpu/cpu.h"

enum { SYNTHETIC_CLASSES = 4 };

typedef struct synthetic {
  cream_source source;
  uint64_t seed;
  uint8_t *pixels;
  int32_t *labels;
  uint64_t reads;
  uint32_t *shown; /* reads of each image, by index; may be NULL */
} synthetic;

static inline void synthetic_image(const synthetic *s, uint32_t index, uint8_t *out, int32_t *label) {
  int side = s->source.side;
  cream_rng rng = cream_rng_at(s->seed, CREAM_RNG_TEST, index);
  *label = (int32_t)(index % SYNTHETIC_CLASSES);
  for (int y = 0; y < side; y++)
    for (int x = 0; x < side; x++)
      for (int c = 0; c < 3; c++) {
        bool stripe = x * SYNTHETIC_CLASSES / side == *label;
        *out++ = (uint8_t)((stripe ? 120 : 40) + cream_rng_below(&rng, 100));
      }
}

static inline cream_status synthetic_pick(cream_source *source, const uint32_t *indices, int n,
                                          cream_batch *batch, cream_error *err) {
  synthetic *s = source->self;
  (void)err;
  size_t image = (size_t)source->side * (size_t)source->side * 3;
  for (int i = 0; i < n; i++) {
    synthetic_image(s, indices[i], s->pixels + image * (size_t)i, &s->labels[i]);
    if (s->shown) s->shown[indices[i]]++;
  }
  *batch = (cream_batch){n, source->side, 3, s->pixels, s->labels};
  s->reads++;
  return CREAM_OK;
}

static inline cream_status synthetic_read(cream_source *source, uint64_t epoch, uint64_t step,
                                          cream_batch *batch, cream_error *err) {
  synthetic *s = source->self;
  uint32_t indices[256];
  int n = 0;
  for (size_t i = step * (size_t)source->batch; i < source->count && n < source->batch; i++)
    indices[n++] = (uint32_t)((i * 7 + epoch) % source->count);
  assert_true(n > 0);
  (void)s;
  return synthetic_pick(source, indices, n, batch, err);
}

static inline void synthetic_open(synthetic *s, size_t count, int batch, int side, uint64_t seed) {
  *s = (synthetic){.seed = seed};
  s->pixels = malloc((size_t)batch * (size_t)side * (size_t)side * 3);
  s->labels = malloc((size_t)batch * sizeof *s->labels);
  assert_true(s->pixels && s->labels && batch <= 256);
  s->source = (cream_source){.self = s,
                             .count = count,
                             .classes = SYNTHETIC_CLASSES,
                             .batch = batch,
                             .side = side,
                             .channels = 3,
                             .mean = {0.4f, 0.4f, 0.4f},
                             .std = {0.2f, 0.2f, 0.2f},
                             .read = synthetic_read,
                             .pick = synthetic_pick};
}

static inline void synthetic_close(synthetic *s) {
  free(s->pixels);
  free(s->labels);
}

static inline cream_op synthetic_op(const char *name, cream_block_kind kind, int kernel, double expand,
                                    double se) {
  cream_op op = {.kind = kind,
                 .kernel = kernel,
                 .dilation = 1,
                 .expand = expand,
                 .act = CREAM_ACT_SWISH,
                 .se = se,
                 .se_act = CREAM_ACT_RELU,
                 .se_gate = CREAM_ACT_HARD_SIGMOID};
  snprintf(op.name, sizeof op.name, "%s", name);
  return op;
}

/* Every kind of block, images of 16 pixels, a few thousand parameters. */
static inline cream_skeleton synthetic_skeleton(void) {
  cream_space space = {.name = "synthetic", .bn_eps = CREAM_BN_EPS, .n_ops = 5, .n_stages = 3};
  space.ops[0] = synthetic_op("ds3", CREAM_BLOCK_SEPARABLE, 3, 0, 0.25);
  space.ops[1] = synthetic_op("k3e2", CREAM_BLOCK_MBCONV, 3, 2, 0.25);
  space.ops[2] = synthetic_op("k5e3", CREAM_BLOCK_MBCONV, 5, 3, 0);
  space.ops[3] = synthetic_op("bottleneck", CREAM_BLOCK_BOTTLENECK, 3, 0.5, 0);
  space.ops[4] = synthetic_op("skip", CREAM_BLOCK_SKIP, 1, 0, 0);
  space.stem.channels = 8;
  space.stem.kernel = 3;
  space.stem.stride = 2;
  space.stem.act = CREAM_ACT_SWISH;
  space.stages[0] =
      (cream_stage){.channels = 8, .stride = 1, .depth_min = 1, .depth_max = 1, .n_choices = 1, .base = -1};
  for (int s = 1; s < 3; s++)
    space.stages[s] = (cream_stage){.channels = 8 + 8 * s,
                                    .stride = 2,
                                    .depth_min = 1,
                                    .depth_max = 2,
                                    .n_choices = 4,
                                    .choices = {1, 2, 3, 4},
                                    .base = -1};
  space.head.channels = 32;
  space.head.features = 24;
  space.head.classes = SYNTHETIC_CLASSES;
  space.head.act = CREAM_ACT_SWISH;
  space.resolution.min = space.resolution.max = space.resolution.step = space.resolution.scale_at = 16;
  space.resolution.scale_flops = 1;
  cream_skeleton skeleton;
  cream_error err;
  if (cream_skeleton_init(&skeleton, &space, (int[]){1, 2, 2}, 16, SYNTHETIC_CLASSES, &err))
    fail_msg("%s", err.text);
  return skeleton;
}

static cream_precision synthetic_precision = CREAM_PRECISION_FLOAT; /* of the backends that are opened */

static inline cream_backend *synthetic_backend(bool plain, int threads) {
  cream_cpu_options options = {.threads = threads, .plain = plain, .precision = synthetic_precision};
  cream_backend *backend;
  cream_error err;
  if (cream_cpu_create(&options, &backend, &err)) fail_msg("%s", err.text);
  return backend;
}

/* The values of a buffer; freed by the caller. */
static inline float *synthetic_fetch(cream_backend *backend, cream_buf buf, size_t count) {
  float *host = malloc((count + 1) * sizeof *host);
  cream_error err;
  assert_non_null(host);
  if (backend->download(backend, host, buf, count, &err)) fail_msg("%s", err.text);
  return host;
}

#endif
