/* Random inputs and guarded outputs for tests of a backend's ops. Failed checks are cmocka's; with PARITY_IN_PROGRAM they are
 * reports of the program (parity_fail.h). */
#ifndef CREAM_TOOLS_PARITY_OPS_H
#define CREAM_TOOLS_PARITY_OPS_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#ifdef PARITY_IN_PROGRAM
#include "parity_fail.h"
#else
#include <cmocka.h>
#endif

#include "core/base/precision.h"
#include "core/base/rng.h"
#include "cpu/cpu.h"

enum { OPS_BLOCKS = 96, OPS_GUARD = 19, OPS_LARGE = 256 * 1024, OPS_LARGE_GUARD = 64 };

/* One allocation with a guard band on each side. `name` is set for what an op writes. */
typedef struct ops_block {
  const char *name;
  cream_buf mem;
  size_t front, count;
  float tolerance;
  bool rounded, narrow; /* its values are bfloat16's; they are stored so */
} ops_block;

/* A backend and all that a test case has allocated on it. */
typedef struct ops {
  cream_backend *backend;
  bool
      rounded; /* activations and weights have values of bfloat16, on this backend and on the one that it is compared with */
  cream_rng rng;
  ops_block blocks[OPS_BLOCKS];
  int count;
} ops;

/* NULL: not on this machine. */
static inline cream_backend *ops_backend_exact(bool plain, cream_isa isa, int threads, cream_exact exact) {
  cream_cpu_options options = {.threads = threads, .plain = plain, .isa = isa, .exact = exact};
  cream_backend *backend = NULL;
  cream_error err;
  return cream_cpu_create(&options, &backend, &err) == CREAM_OK ? backend : NULL;
}
static inline cream_backend *ops_backend(bool plain, cream_isa isa, int threads) {
  return ops_backend_exact(plain, isa, threads, CREAM_EXACT_PROCESSORS);
}

static inline ops ops_open(cream_backend *backend, uint64_t seed) {
  return (ops){.backend = backend, .rng = cream_rng_at(seed, CREAM_RNG_TEST, 0)};
}

static inline void ops_close(ops *o) {
  for (int i = 0; i < o->count; i++) o->backend->release(o->backend, o->blocks[i].mem);
  o->count = 0;
}

/* Host memory of `count` floats; the caller frees it. */
static inline float *ops_host(size_t count) {
  assert_true(count < (size_t)1 << 40);
  float *host = calloc(count + 1, sizeof *host);
  assert_non_null(host);
  return host;
}

static inline float *ops_random(ops *o, size_t count, float low, float high) {
  float *host = ops_host(count);
  for (size_t i = 0; i < count; i++) host[i] = cream_rng_range(&o->rng, low, high);
  return host;
}

/* Elements that the block takes. */
static inline size_t ops_elements(const ops_block *block) {
  return block->narrow ? (block->count + 1) / 2 : block->count;
}
/* Values of the block as they are stored. */
static inline void ops_write(const ops_block *block, const float *values, float *to) {
  uint16_t *halves = (uint16_t *)to;
  for (size_t i = 0; i < block->count; i++) {
    const uint16_t half = block->rounded ? cream_bf16_of(values[i]) : 0;
    if (block->narrow)
      halves[i] = half;
    else
      to[i] = block->rounded ? cream_bf16_value(half) : values[i];
  }
}

/* One of float, and two of bfloat16. */
static inline float ops_nan(void) {
  const uint32_t bits = 0x7fc07fc0;
  float nan;
  memcpy(&nan, &bits, sizeof nan);
  return nan;
}

/* Allocates a block that starts as `values` (NULL: NaN), between guard bands of NaN: at an odd alignment, or, where
 * large, at that of a cache line, as networks have it. */
static inline cream_buf ops_place(ops *o, ops_block start, const float *values) {
  assert_true(o->count < OPS_BLOCKS);
  ops_block *block = &o->blocks[o->count];
  *block = start;
  block->front = start.count < OPS_LARGE ? OPS_GUARD + (size_t)(o->count % 3) : OPS_LARGE_GUARD;
  o->count++;
  const float nan = ops_nan();
  size_t total = block->front + ops_elements(block) + OPS_GUARD;
  float *host = ops_host(total);
  for (size_t i = 0; i < total; i++) host[i] = nan;
  if (values) ops_write(block, values, host + block->front);
  cream_error err;
  assert_int_equal(o->backend->alloc(o->backend, total, &block->mem, &err), CREAM_OK);
  o->backend->upload(o->backend, block->mem, host, total);
  free(host);
  return cream_buf_at(block->mem, block->front);
}

static inline cream_buf ops_block_of(ops *o, const char *name, const float *values, size_t count,
                                     float tolerance) {
  return ops_place(o, (ops_block){.name = name, .count = count, .tolerance = tolerance}, values);
}

static inline cream_buf ops_input(ops *o, size_t count, float low, float high) {
  float *values = ops_random(o, count, low, high);
  cream_buf buf = ops_block_of(o, NULL, values, count, 0.0f);
  free(values);
  return buf;
}

/* Weights, which are rounded as activations are, so that products in bfloat16 take them as they are. */
static inline cream_buf ops_weights(ops *o, size_t count) {
  float *values = ops_random(o, count, -1.0f, 1.0f);
  cream_buf buf = ops_place(o, (ops_block){.count = count, .rounded = o->rounded}, values);
  free(values);
  return buf;
}

static inline cream_buf ops_output(ops *o, const char *name, size_t count, float tolerance) {
  return ops_block_of(o, name, NULL, count, tolerance);
}

/* What an op reads and then writes. */
static inline cream_buf ops_inout(ops *o, const char *name, size_t count, float low, float high,
                                  float tolerance) {
  float *values = ops_random(o, count, low, high);
  cream_buf buf = ops_block_of(o, name, values, count, tolerance);
  free(values);
  return buf;
}

static inline size_t ops_size(const cream_tensor *t) {
  return (size_t)t->n * (size_t)t->h * (size_t)t->w * (size_t)t->c;
}

/* The same for an activation, or for its gradient, of t's shape: `name` is NULL for an input; low < high for what is
 * read. */
static inline cream_buf ops_activation(ops *o, const char *name, const cream_tensor *t, float low, float high,
                                       float tolerance) {
  const size_t count = ops_size(t);
  ops_block block = {.name = name, .count = count, .tolerance = tolerance};
  block.narrow = o->backend->tensor_size(o->backend, t->n, t->h, t->w, t->c) < count;
  block.rounded = block.narrow || (o->rounded && t->c > 4 && t->h * t->w > 1);
  float *values = low < high ? ops_random(o, count, low, high) : NULL;
  cream_buf buf = ops_place(o, block, values);
  free(values);
  return buf;
}

static inline float *ops_download(ops *o, cream_buf buf, size_t count) {
  float *host = ops_host(count);
  cream_error err;
  assert_int_equal(o->backend->download(o->backend, host, buf, count, &err), CREAM_OK);
  return host;
}

/* The block's values; fails where an op wrote outside of them. The caller frees them. */
static inline float *ops_values(ops *o, const ops_block *block) {
  const size_t elements = ops_elements(block), total = block->front + elements + OPS_GUARD;
  float *host = ops_download(o, block->mem, total);
  for (size_t i = 0; i < total; i++)
    if ((i < block->front || i >= block->front + elements) && !isnan(host[i]))
      fail_msg("%s: written outside, at element %ld of %zu", block->name ? block->name : "an input",
               (long)i - (long)block->front, elements);
  float *values = ops_host(block->count);
  const uint16_t *halves = (const uint16_t *)(host + block->front);
  for (size_t i = 0; i < block->count; i++)
    values[i] = block->narrow ? cream_bf16_value(halves[i]) : host[block->front + i];
  free(host);
  return values;
}

static inline void ops_reserve(ops *o, const cream_conv *conv, int n, int h, int w) {
  cream_error err;
  assert_int_equal(o->backend->reserve(o->backend, conv, n, h, w, &err), CREAM_OK);
}

#endif
