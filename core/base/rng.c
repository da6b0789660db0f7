#include "rng.h"

#include <math.h>

#include "elementary.h"
#include "status.h"

void cream_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]) {
  uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
  uint32_t k0 = key[0], k1 = key[1];
  for (int round = 0; round < 10; round++) {
    uint64_t p0 = (uint64_t)0xD2511F53u * c0;
    uint64_t p1 = (uint64_t)0xCD9E8D57u * c2;
    uint32_t n0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
    uint32_t n2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
    c1 = (uint32_t)p1;
    c3 = (uint32_t)p0;
    c0 = n0;
    c2 = n2;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  out[0] = c0;
  out[1] = c1;
  out[2] = c2;
  out[3] = c3;
}

cream_rng cream_rng_at(uint64_t seed, cream_rng_purpose purpose, uint64_t step) {
  cream_rng rng = {.key = {(uint32_t)seed, (uint32_t)(seed >> 32)}, .used = 4};
  rng.counter[2] = (uint32_t)step;
  rng.counter[3] = ((uint32_t)purpose << 24) ^ (uint32_t)(step >> 32);
  return rng;
}

uint32_t cream_rng_u32(cream_rng *rng) {
  if (rng->used == 4) {
    cream_philox(rng->counter, rng->key, rng->block);
    if (++rng->counter[0] == 0) rng->counter[1]++;
    rng->used = 0;
  }
  return rng->block[rng->used++];
}

float cream_rng_float(cream_rng *rng) {
  return (float)(cream_rng_u32(rng) >> 8) * 0x1p-24f;
}

double cream_rng_double(cream_rng *rng) {
  uint64_t high = cream_rng_u32(rng) >> 5, low = cream_rng_u32(rng) >> 6;
  return (double)(high << 26 | low) * 0x1p-53;
}

float cream_rng_range(cream_rng *rng, float low, float high) {
  return low + (high - low) * cream_rng_float(rng);
}

uint32_t cream_rng_below(cream_rng *rng, uint32_t bound) {
  CREAM_ASSERT(bound > 0);
  /* Lemire's multiply-and-reject. */
  uint32_t threshold = (0u - bound) % bound;
  for (;;) {
    uint64_t product = (uint64_t)cream_rng_u32(rng) * bound;
    if ((uint32_t)product >= threshold) return (uint32_t)(product >> 32);
  }
}

void cream_rng_normals(cream_rng *rng, double *values, size_t count) {
  enum { MOST = 128 };
  double angles[MOST];
  while (count > 0) { /* loops of one function each, whose calls the processor can overlap */
    const size_t n = count < MOST ? count : MOST;
    for (size_t i = 0; i < n; i++) {
      values[i] = ((double)cream_rng_u32(rng) + 0.5) * 0x1p-32;
      angles[i] = 6.283185307179586 * (((double)cream_rng_u32(rng) + 0.5) * 0x1p-32);
    }
    for (size_t i = 0; i < n; i++) values[i] = sqrt(-2.0 * cream_log(values[i]));
    for (size_t i = 0; i < n; i++) values[i] *= cream_cos(angles[i]);
    values += n;
    count -= n;
  }
}

double cream_rng_normal(cream_rng *rng) {
  double value;
  cream_rng_normals(rng, &value, 1);
  return value;
}

void cream_rng_shuffle(cream_rng *rng, uint32_t *items, size_t count) {
  for (size_t i = count; i > 1; i--) {
    size_t j = cream_rng_below(rng, (uint32_t)i);
    uint32_t held = items[i - 1];
    items[i - 1] = items[j];
    items[j] = held;
  }
}

void cream_rng_choose(cream_rng *rng, size_t count, int n, uint32_t *out, uint8_t *taken) {
  CREAM_ASSERT((size_t)n <= count);
  for (int i = 0; i < n;) {
    out[i] = cream_rng_below(rng, (uint32_t)count);
    if (taken[out[i]]) continue;
    taken[out[i++]] = 1;
  }
  for (int i = 0; i < n; i++) taken[out[i]] = 0;
}

float cream_rng_dropout(uint64_t seed, uint64_t step, uint64_t i) {
  cream_rng rng = cream_rng_at(seed, CREAM_RNG_DROPOUT, step);
  rng.counter[0] = (uint32_t)i;
  rng.counter[1] = (uint32_t)(i >> 32);
  return cream_rng_float(&rng);
}
