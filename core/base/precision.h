/* How activations and their gradients are stored: X(name, word), `word` being the value of the setting `precision`. Weights and
 * sums are in single precision in any case. */
#ifndef CREAM_CORE_PRECISION_H
#define CREAM_CORE_PRECISION_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#define CREAM_PRECISIONS(X)                                                                                  \
  X(FLOAT, "float") /* 32 bits */                                                                            \
  X(BF16,                                                                                                    \
    "bf16") /* the upper 16 bits of a float, rounded to nearest, and so are the operands of 1x1 convolutions */

#define CREAM_PRECISION_ENUM(name, word) CREAM_PRECISION_##name,
typedef enum cream_precision { CREAM_PRECISIONS(CREAM_PRECISION_ENUM) CREAM_PRECISION_COUNT } cream_precision;

/* A value in bfloat16, rounded to nearest, ties to even; denormals become zero, NaN stays NaN. */
static inline uint16_t cream_bf16_of(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  if (isnan(value)) return (uint16_t)(bits >> 16 | 0x40);
  if (!(bits & 0x7f800000)) return (uint16_t)(bits >> 16 & 0x8000);
  return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}
static inline float cream_bf16_value(uint16_t half) {
  const uint32_t bits = (uint32_t)half << 16;
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

#endif
