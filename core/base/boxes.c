#include "boxes.h"

static float between(float value, float low, float high) {
  return value < low ? low : value > high ? high : value;
}

cream_box cream_box_original(const cream_box *box, const float scale[2], const float offset[2],
                             const int32_t size[2]) {
  cream_box original = *box;
  float a = (box->x1 - offset[0]) / scale[0], b = (box->x2 - offset[0]) / scale[0];
  original.x1 = between(a < b ? a : b, 0, (float)size[0]);
  original.x2 = between(a < b ? b : a, 0, (float)size[0]);
  original.y1 = between((box->y1 - offset[1]) / scale[1], 0, (float)size[1]);
  original.y2 = between((box->y2 - offset[1]) / scale[1], 0, (float)size[1]);
  return original;
}
