/* The end of a backward op: writes d = dL/d(value of x) to its sink (cream_sink in core/backend.h). */
#ifndef CREAM_CPU_KERNELS_SINK_H
#define CREAM_CPU_KERNELS_SINK_H

#include "cells.h"
#include "cpu/internal.h"

/* Whether the sink asks for bn's sums, or for the five sums of a gate. */
static inline bool cpu_sink_gated(const cream_sink *sink) {
  return sink->bn && cream_buf_present(sink->node->gate);
}
/* Whether t, of floats, is so large that it is written by vf_stream, whole cache lines at a time: a line in two halves that do not
 * follow each other takes two writes of memory. */
static inline bool cpu_streams(const cream_tensor *t, const float *at) {
  enum { LARGE = 256 * 1024 }; /* floats of a core's second-level cache */
  return (size_t)t->n * (size_t)t->h * (size_t)t->w * (size_t)t->c >= LARGE && t->c % CPU_WIDE == 0 &&
         (uintptr_t)at % (CPU_WIDE * sizeof *at) == 0;
}

/* Floats of the partial sums: gated, [5][C] for each (tile, image) at index tile + image; else [2][C] for
 * each tile. */
static inline size_t cpu_sink_partials(bool gated, size_t tiles, int images, int channels) {
  return gated ? (tiles + (size_t)images) * 5 * (size_t)channels : tiles * 2 * (size_t)channels;
}

/* act'(z) of the node and (where gated) act(z), for the rows of a tile; both NULL: no activation. */
typedef struct cpu_sink_tile {
  bool narrow;                /* how g, `add` and the node are stored (cells.h) */
  size_t index;               /* of the tile */
  size_t row, rows;           /* over all images */
  int c0, channels;           /* the block of channels */
  const float *slope, *value; /* at c0 of the first row */
  size_t ld;                  /* of both */
  const float *d;             /* dL/d(value of x) without `add`, at c0 of the first row */
  size_t ld_d;
} cpu_sink_tile;

/* Writes g of the tile, and the tile's partial sums, from d. vf_stream_end comes after the last tile. */
void CPU_NAME(cpu_sink_finish)(const cream_sink *, const cpu_sink_tile *, float *partials);

/* Merges the partials of tiles of `tile` rows each (the last may be shorter): completes bn, or writes
 * gate_sums. */
void CPU_NAME(cpu_sink_merge)(const cpu_backend *, const cream_sink *, size_t tile, const float *partials);

#endif
