/* Operations on 8-bit RGB pictures, each with the values that Pillow's ImageEnhance and ImageOps give. */
#ifndef CREAM_IO_COLOUR_H
#define CREAM_IO_COLOUR_H

#include <stdint.h>

#include "resample.h"

/* A picture being changed. `pixels` and `spare` have the same size; an operation that cannot work in place
 * writes to `spare` and exchanges the two. */
typedef struct cream_canvas {
  uint8_t *pixels, *spare; /* [height, width, 3] */
  int width, height;
} cream_canvas;

/* A factor of 1 changes nothing. 0 gives black, the mean grey, greys, and a smoothed picture. */
void cream_brightness(cream_canvas *, float factor);
void cream_contrast(cream_canvas *, float factor);
void cream_saturation(cream_canvas *, float factor);
void cream_sharpness(cream_canvas *, float factor);

/* Every channel's values stretched to 0..255; its histogram made flat. */
void cream_autocontrast(cream_canvas *);
void cream_equalize(cream_canvas *);
void cream_invert(cream_canvas *);
/* Values of `threshold` and above inverted. */
void cream_solarize(cream_canvas *, int threshold);
/* `add` added to values below `threshold`. */
void cream_solarize_add(cream_canvas *, int add, int threshold);
/* The `bits` (0..8) highest bits of every value kept. */
void cream_posterize(cream_canvas *, int bits);

/* Pixel (x, y) comes from matrix * (x + 0.5, y + 0.5, 1), interpolated between four pixels or by a cubic
 * (a = -1, as Pillow's transform has it) between sixteen, and is `fill` where that lies outside. */
void cream_affine(cream_canvas *, const double matrix[6], cream_filter, const uint8_t fill[3]);

#endif
