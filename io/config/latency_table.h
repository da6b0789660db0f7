/* Measured latencies of the blocks of a search space, as a JSON file. Format: docs/formats.md. */
#ifndef CREAM_IO_LATENCY_TABLE_H
#define CREAM_IO_LATENCY_TABLE_H

#include "core/space/latency.h"

enum { CREAM_MAX_LATENCIES = 2 * CREAM_MAX_STAGES * CREAM_MAX_OPS }; /* a stage has two shapes of layers */

/* The latency of one part of a network. */
typedef struct cream_latency {
  char op[CREAM_MAX_NAME];
  int side, cin, cout,
      stride;     /* side: of the input in pixels; identical shapes are measured once and shared */
  double ms, iqr; /* median and interquartile range of the samples, in milliseconds */
  int samples;
} cream_latency;

typedef struct cream_latency_table {
  char space[CREAM_MAX_NAME], space_hash[33];
  int resolution, classes, batch, threads;
  char device[128], machine[400], program[32]; /* as --device names it; its full name; the version of cream */
  int depth[CREAM_MAX_STAGES];                 /* of the measured networks */
  cream_latency stem, head;                    /* their shapes follow from the space */
  double rest;                                 /* milliseconds of a forward pass outside of the parts */
  int n_blocks;
  cream_latency blocks[CREAM_MAX_LATENCIES];
} cream_latency_table;

/* The block with that op and shape, or NULL. `side` is that of the layer's input. */
const cream_latency *cream_latency_table_find(const cream_latency_table *, const char *op, int side,
                                              const cream_layer *);

/* Writes the table atomically; the same table gives the same bytes. */
cream_status cream_latency_table_save(const char *path, const cream_latency_table *, cream_error *);

/* Writes the same bytes to a stream. */
void cream_latency_table_write(FILE *, const cream_latency_table *);

/* Reads a table. CREAM_BAD_CONFIG, with file, line and key, for anything that is missing, unknown or out of bounds; the
 * table is unchanged then. */
cream_status cream_latency_table_load(const char *path, cream_latency_table *, cream_error *);

/* Computes the latencies of all choices of a supernet or a network. space_hash: for a network that was loaded, the hash of
 * the space it was found in (cream_arch.space_hash); NULL: the hash of the skeleton's own space. Errors name `name` as
 * the table. CREAM_BAD_CONFIG for a table of another space, resolution or number of classes, or one that lacks a block of
 * the skeleton; `latencies` is unchanged then. */
cream_status cream_latency_table_apply(const cream_latency_table *, const char *name, const cream_skeleton *,
                                       const char *space_hash, cream_latencies *, cream_error *);

#endif
