#include "half.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

/* A block is its exponent, as a uint16_t with an offset, followed by its values. A value is the nearest multiple of
 * 2^-24 or has 11 bits, whichever is coarser, ties to even, after the block was scaled to 2^14 <= max < 2^15. */
enum { OFFSET = 1024, TOP = 15 };

size_t cream_half_size(size_t count) {
  return count + (count + CREAM_HALF_BLOCK - 1) / CREAM_HALF_BLOCK;
}

static uint32_t bits_of(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

static float float_of(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

static uint16_t narrow(float value) {
  const uint32_t bits = bits_of(value), sign = bits >> 16 & 0x8000, size = bits & 0x7fffffff;
  if (size >= 0x7f800000) return (uint16_t)(sign | (size > 0x7f800000 ? 0x7e00 : 0x7c00));
  if (size <
      0x38800000) { /* below 2^-14: a multiple of 2^-24, by adding 2^-1, whose last bit has that weight */
    const float sum = float_of(size) + 0.5f;
    return (uint16_t)(sign | (bits_of(sum) - bits_of(0.5f)));
  }
  const uint32_t rounded = size + 0xfff + (size >> 13 & 1) - 0x38000000;
  return (uint16_t)(sign | (rounded >= 0x0f800000 ? 0x7c00 : rounded >> 13));
}

static float widen(uint16_t half) {
  const uint32_t sign = (uint32_t)(half & 0x8000) << 16, rest = half & 0x7fff;
  if (rest >= 0x7c00) return float_of(sign | 0x7f800000 | (rest & 0x3ff) << 13);
  if (rest >= 0x400) return float_of(sign | ((rest << 13) + 0x38000000));
  const float size = (float)rest * 0x1p-24f;
  return float_of(sign | bits_of(size));
}

/* The power of two that the finite values of a block are multiplied by. */
static int scale_of(const float *values, size_t count) {
  uint32_t largest = 0;
  for (size_t i = 0; i < count; i++) {
    const uint32_t size = bits_of(values[i]) & 0x7fffffff;
    if (size < 0x7f800000 && size > largest) largest = size;
  }
  int exponent = 0;
  frexpf(float_of(largest), &exponent);
  return largest ? TOP - exponent : 0;
}

void cream_half_pack(const float *values, size_t count, uint16_t *packed) {
  for (size_t from = 0; from < count; from += CREAM_HALF_BLOCK) {
    const size_t n = count - from < CREAM_HALF_BLOCK ? count - from : CREAM_HALF_BLOCK;
    const int scale = scale_of(values + from, n);
    const double factor = ldexp(1, scale);
    *packed++ = (uint16_t)(OFFSET + scale);
    for (size_t i = 0; i < n; i++) packed[i] = narrow((float)(values[from + i] * factor));
    packed += n;
  }
}

static inline void unpack(const uint16_t *packed, size_t count, float *values, bool add) {
  for (size_t from = 0; from < count; from += CREAM_HALF_BLOCK) {
    const size_t n = count - from < CREAM_HALF_BLOCK ? count - from : CREAM_HALF_BLOCK;
    const double factor = ldexp(1, OFFSET - *packed++);
    for (size_t i = 0; i < n; i++) {
      const float value = (float)(widen(packed[i]) * factor);
      values[from + i] = add ? values[from + i] + value : value;
    }
    packed += n;
  }
}

void cream_half_unpack(const uint16_t *packed, size_t count, float *values) {
  unpack(packed, count, values, false);
}

void cream_half_add(const uint16_t *packed, size_t count, float *values) {
  unpack(packed, count, values, true);
}
