/* 8-bit values, with the arithmetic of ONNX: QuantizeLinear, DequantizeLinear, and the requantisation of ONNX Runtime. */
#ifndef CREAM_CORE_QUANTISE_H
#define CREAM_CORE_QUANTISE_H

#include <stdint.h>

/* value = scale * (q - zero), q in 0..255. */
typedef struct cream_quant {
  float scale;
  int zero;
} cream_quant;

/* The values from `low` to `high` in 256 steps. The range is extended to include 0, which has a value of its own. */
cream_quant cream_quant_of_range(float low, float high);

/* The nearest integer, halves to even, for |x| below 2^22. */
static inline float cream_round_even(float x) {
  const float shift = 0x1.8p23f; /* the bits of the sum after the point do not fit */
  return (x + shift) - shift;
}

/* round(x) + zero, saturated to 0..255. NaN: 0. */
static inline uint8_t cream_saturate(float x, int zero) {
  const float low = (float)-zero, high = (float)(255 - zero);
  x = x > low ? x : low;
  x = x < high ? x : high;
  return (uint8_t)((int)cream_round_even(x) + zero);
}

static inline uint8_t cream_quantise(cream_quant q, float x) {
  return cream_saturate(x / q.scale, q.zero);
}
static inline float cream_dequantise(cream_quant q, int value) {
  return q.scale * (float)(value - q.zero);
}
/* The 8-bit value of an integer sum; ratio: the scale of the sum, divided by that of the result. */
static inline uint8_t cream_requantise(int32_t sum, float ratio, int zero) {
  return cream_saturate((float)sum * ratio, zero);
}

#endif
