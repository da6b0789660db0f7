/* What the ops share: how tensors, gradients and sinks become arguments of kernels, and how pixels are cut into
 * chunks.
 *
 * Sums over pixels take two steps, without atomics: a kernel writes partial sums of chunks that depend on the
 * shape alone, a second one (kernels/norm.cl) adds them in a fixed order. So results repeat bit for bit. */
#ifndef CREAM_OPENCL_CHUNKS_H
#define CREAM_OPENCL_CHUNKS_H

#include "launch.h"
#include "runtime.h"

/* Scratch memory (ocl_scratch). */
enum {
  OCL_VALUES,    /* an input's values written out, or its patches; then gradients of the patches */
  OCL_GRADIENTS, /* a pending gradient written out */
  OCL_PARTIAL,   /* partial sums */
  OCL_MERGED,    /* fewer of them */
  OCL_SMALL,     /* a few rows of [N,C] */
  OCL_TABLE      /* slices of an optimiser step */
};

/* Elements of OCL_PARTIAL at least, for sums over few groups (ops_detect.c). */
enum { OCL_LEAST_PARTIAL = 1024 };

/* Channels that a work-item takes. */
static inline int ocl_lanes(const ocl_runtime *ocl) {
  return ocl->info.lanes;
}
/* Channels from one pixel to the next where values are written out: whole vectors. */
static inline int ocl_pitch(const ocl_runtime *ocl, int c) {
  int lanes = ocl_lanes(ocl);
  return (c + lanes - 1) / lanes * lanes;
}

static inline int ocl_area(const cream_tensor *t) {
  return t->h * t->w;
}
static inline int ocl_pixels(const cream_tensor *t) {
  return t->n * ocl_area(t);
}
static inline int ocl_taps(const cream_conv *conv) {
  return conv->kernel * conv->kernel;
}

#define OCL_TENSOR(t) (t)->raw, (t)->scale, (t)->shift, (t)->gate, (t)->act
#define OCL_GEOMETRY(conv, x, y)                                                                             \
  (x)->h, (x)->w, (y)->h, (y)->w, (conv)->kernel, (conv)->stride, cream_conv_pads(conv, (x)->h).before,      \
      cream_conv_pads(conv, (x)->w).before, (conv)->dilation
#define OCL_GRAD(d) (d)->g, (d)->pool, (d)->a, (d)->b, (d)->c, (d)->kind == CREAM_GRAD_VALUE

/* ---- chunks of pixels --------------------------------------------------------------------- */

/* CHUNKS of kernels/common.cl: every image has `parts` chunks of `rows` pixels. */
typedef struct ocl_chunks {
  int c, area, chunks, parts, rows;
} ocl_chunks;

/* `line`: chunks are whole lines of that many pixels (1: any). */
ocl_chunks ocl_chunks_of(const cream_tensor *, int line);
#define OCL_CHUNKS(k) (k)->c, (k)->area, (k)->chunks, (k)->parts, (k)->rows

/* Work-groups, all along x, and items of a CHUNKED kernel. */
ocl_size ocl_chunk_groups(const ocl_runtime *, int c, int chunks);
ocl_size ocl_chunk_items(const ocl_runtime *);

#endif
