/* Draws boxes on images. */
#ifndef CREAM_IO_DRAW_H
#define CREAM_IO_DRAW_H

#include "core/base/boxes.h"

/* The colour of a class: far from those of its neighbours. */
void cream_draw_colour(int label, uint8_t colour[3]);

/* Draws the frame of a box on RGB [height, width, 3], `thickness` pixels wide to its inside, in the colour of its class; a
 * crowd's is dashed. What lies outside of the image is left out. */
void cream_draw_box(uint8_t *pixels, int width, int height, const cream_box *, int thickness);

#endif
