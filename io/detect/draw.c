#include "draw.h"

#include <math.h>

enum { DASH = 4 };

/* Hues by the golden ratio, in three shades. */
void cream_draw_colour(int label, uint8_t colour[3]) {
  const double turns = label * 0.6180339887498949, hue = 6 * (turns - floor(turns));
  const double value = 255 - 45 * (label % 3), low = value * 0.1;
  for (int c = 0; c < 3; c++) {
    double at = fabs(fmod(hue + 2 * (3 - c), 6) - 3) - 1; /* 1 and more at the channel's hue */
    colour[c] = (uint8_t)lrint(low + (value - low) * fmin(1, fmax(0, at)));
  }
}

/* An edge in pixels, within the image. */
static int pixel(double edge, int size) {
  return (int)fmin(size, fmax(0, rint(edge)));
}

void cream_draw_box(uint8_t *pixels, int width, int height, const cream_box *box, int thickness) {
  uint8_t colour[3];
  const int left = pixel(box->x1, width), right = pixel(box->x2, width);
  const int top = pixel(box->y1, height), bottom = pixel(box->y2, height);
  cream_draw_colour(box->label, colour);
  for (int y = top; y < bottom; y++)
    for (int x = left; x < right; x++) {
      bool frame = x - left < thickness || right - 1 - x < thickness || y - top < thickness ||
                   bottom - 1 - y < thickness;
      if (!frame || (box->crowd && (x + y) / DASH % 2)) continue;
      uint8_t *at = pixels + ((size_t)y * (size_t)width + (size_t)x) * 3;
      for (int c = 0; c < 3; c++) at[c] = colour[c];
    }
}
