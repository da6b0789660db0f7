/* Anchors: their boxes, their order in the outputs of a detector, and the coding of boxes relative to them. */
#ifndef CREAM_CORE_DETECT_ANCHORS_H
#define CREAM_CORE_DETECT_ANCHORS_H

#include <stddef.h>

#include "core/base/boxes.h"
#include "spec.h"

/* Where outputs lie. An *entry* is one anchor of one image. Outputs are ordered by level, then by image, then by row,
 * column and anchor of the cell: entry of anchor a of level l of image i of n is
 * n*first[l] + i*(first[l+1] - first[l]) + a. Level l has side[l] x side[l] cells of per_cell anchors. */
typedef struct cream_detect_grid {
  int levels, per_cell;
  int side[CREAM_DETECT_LEVELS];
  size_t first[CREAM_DETECT_LEVELS + 1]; /* anchors of an image before level l; first[levels]: all of them */
} cream_detect_grid;

/* Of input images of side x side pixels. */
cream_detect_grid cream_detect_grid_of(const cream_detect_spec *, int side);

static inline size_t cream_detect_anchor_count(const cream_detect_grid *grid) {
  return grid->first[grid->levels];
}
/* The entry of anchor `anchor` (0..count-1, levels one after another) of image i of n. */
static inline size_t cream_detect_entry(const cream_detect_grid *grid, int level, size_t anchor, int i,
                                        int n) {
  const size_t count = grid->first[level + 1] - grid->first[level];
  return (size_t)n * grid->first[level] + (size_t)i * count + (anchor - grid->first[level]);
}

/* boxes[anchor] = x1, y1, x2, y2 in pixels of the input, levels one after another. retina: as torchvision's
 * AnchorGenerator rounds them, centred on the upper left corners of cells, side / cells (rounded down) pixels apart. lite:
 * centred on the middles of cells. */
void cream_detect_anchors(const cream_detect_spec *, int side, float (*boxes)[4]);

/* Boxes relative to anchors: dx, dy of the centres in units of the anchor's sides, logarithms dw, dh of the ratios of the
 * sides. Decoding limits dw and dh to CREAM_DETECT_MOST_GROWTH, log(1000/16). */
#define CREAM_DETECT_MOST_GROWTH 4.135166556742356f
void cream_detect_encode(const float anchor[4], const float box[4], float deltas[4]);
void cream_detect_decode(const float anchor[4], const float deltas[4], float box[4]);
/* Intersection over union. */
float cream_detect_iou(const float a[4], const float b[4]);

#endif
