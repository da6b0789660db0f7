/* Operations on 8-bit RGB images, with the same results as Pillow's ImageEnhance and ImageOps. */
#ifndef CREAM_IO_COLOUR_H
#define CREAM_IO_COLOUR_H

#include <stdint.h>

#include "core/base/rng.h"
#include "resample.h"

/* An image that is changed in place. `pixels` and `spare` are buffers of the caller's, of equal size; operations that
 * cannot work in place write to `spare` and swap the two pointers. */
typedef struct cream_canvas {
  uint8_t *pixels, *spare; /* [height, width, 3] */
  int width, height;
} cream_canvas;

/* A factor of 1 leaves the image unchanged; 0 gives a black image, the mean grey, a grey image, a smoothed image. */
void cream_brightness(cream_canvas *, float factor);
void cream_contrast(cream_canvas *, float factor);
void cream_saturation(cream_canvas *, float factor);
void cream_sharpness(cream_canvas *, float factor);

/* Brightness, contrast and saturation in a random order, each by a random factor of 1 - strength to 1 + strength. */
void cream_colour_jitter(cream_canvas *, cream_rng *, double strength);

/* Stretches the values of each channel to 0..255. */
void cream_autocontrast(cream_canvas *);
/* Equalises the histogram of each channel. */
void cream_equalize(cream_canvas *);
void cream_invert(cream_canvas *);
/* Inverts values of `threshold` and above. */
void cream_solarize(cream_canvas *, int threshold);
/* Adds `add` to values below `threshold`, clipped to 255. */
void cream_solarize_add(cream_canvas *, int add, int threshold);
/* Keeps the highest `bits` (0..8) bits of every value. */
void cream_posterize(cream_canvas *, int bits);

/* Maps pixel (x, y) of the result to matrix * (x + 0.5, y + 0.5, 1), a 2x3 matrix by rows, in the source. The value
 * there is interpolated from 4 (bilinear) or 16 pixels (bicubic with a = -1, as in Pillow's Image.transform); outside
 * of the source it is `fill`. */
void cream_affine(cream_canvas *, const double matrix[6], cream_filter, const uint8_t fill[3]);

#endif
