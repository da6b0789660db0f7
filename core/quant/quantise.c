#include "quantise.h"

#include <math.h>

/* The smallest scale: products of two are still normal numbers. */
#define LEAST 1e-12f

cream_quant cream_quant_of_range(float low, float high) {
  low = fminf(low, 0);
  high = fmaxf(high, 0);
  if (low == high) return (cream_quant){.scale = 1};
  cream_quant q = {.scale = fmaxf(high / 255 - low / 255, LEAST)};
  q.zero = cream_saturate(-low / q.scale, 0);
  return q;
}
