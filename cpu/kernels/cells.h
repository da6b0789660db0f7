/* Activations as they are stored: floats, or (`narrow`) bfloat16, the upper half of a float, which takes half of the memory
 * and of its traffic. A value is rounded when it is stored, to nearest, ties to even, by every instruction set alike, and
 * denormals become zero. `narrow` is a constant where these are expanded in a loop. Offsets count values. */
#ifndef CREAM_CPU_KERNELS_CELLS_H
#define CREAM_CPU_KERNELS_CELLS_H

#include <stdbool.h>
#include <stddef.h>

#include "bf16.h"

static inline const void *cells_at(bool narrow, const void *cells, size_t offset) {
  return (const char *)cells + offset * (narrow ? sizeof(uint16_t) : sizeof(float));
}
static inline void *cells_to(bool narrow, void *cells, size_t offset) {
  return (char *)cells + offset * (narrow ? sizeof(uint16_t) : sizeof(float));
}

/* ---- bfloat16 ------------------------------------------------------------------------------------------ */

typedef uint16_t cells_halves __attribute__((vector_size(CPU_LANES * 2), aligned(2), may_alias));

CPU_INLINE vf cells_widen(cells_halves halves) {
#if defined(__AVX512F__)
  return (vf)_mm512_slli_epi32(_mm512_cvtepu16_epi32((__m256i)halves), 16);
#elif defined(__AVX2__)
  return (vf)_mm256_slli_epi32(_mm256_cvtepu16_epi32((__m128i)halves), 16);
#else
  return (vf)(__builtin_convertvector(halves, vu) << 16);
#endif
}
CPU_INLINE cells_halves cells_round(vf v) {
#if defined(__AVX512BF16__)
  return (cells_halves)_mm512_cvtneps_pbh((__m512)v);
#else
  const vu kept = (vu)cpu_bf16_rounded(v) >> 16;
#if defined(__AVX512F__)
  return (cells_halves)_mm512_cvtepi32_epi16((__m512i)kept);
#elif defined(__AVX2__)
  const __m256i packed = _mm256_packus_epi32((__m256i)kept, (__m256i)kept);
  return (cells_halves)_mm256_castsi256_si128(_mm256_permute4x64_epi64(packed, 8));
#else
  return __builtin_convertvector(kept, cells_halves);
#endif
#endif
}

/* The first `count` lanes (count < CPU_LANES), the others 0. */
CPU_INLINE cells_halves cells_load_part(const uint16_t *from, int count) {
#if defined(__AVX512F__)
  return (cells_halves)_mm256_maskz_loadu_epi16(vf_mask(count), from);
#else
  cells_halves part = {0};
  for (int i = 0; i < count; i++) part[i] = from[i];
  return part;
#endif
}
CPU_INLINE void cells_store_part(uint16_t *to, cells_halves halves, int count) {
#if defined(__AVX512F__)
  _mm256_mask_storeu_epi16(to, vf_mask(count), (__m256i)halves);
#else
  for (int i = 0; i < count; i++) to[i] = halves[i];
#endif
}

/* ---- values -------------------------------------------------------------------------------------------- */

/* `count` lanes, 1..CPU_LANES, the others 0. */
CPU_INLINE vf cells_load(bool narrow, const void *cells, int at, int count) {
  if (!narrow) return vf_load_n((const float *)cells + at, count);
  const uint16_t *from = (const uint16_t *)cells + at;
  return cells_widen(count == CPU_LANES ? *(const cells_halves *)from : cells_load_part(from, count));
}
CPU_INLINE void cells_store(bool narrow, void *cells, int at, vf v, int count) {
  if (!narrow) {
    vf_store_n((float *)cells + at, v, count);
    return;
  }
  uint16_t *to = (uint16_t *)cells + at;
  if (count == CPU_LANES)
    *(cells_halves *)to = cells_round(v);
  else
    cells_store_part(to, cells_round(v), count);
}

CPU_INLINE void cells_write_step(const float *from, void *to, int c, int lanes) {
  cells_store(true, to, c, vf_load_n(from + c, lanes), lanes);
}
/* Writes rows of floats, `ld` apart, to narrow cells, whose rows are `ld_to` apart. */
static inline void cells_write(const float *from, size_t ld, size_t rows, int channels, void *to,
                               size_t ld_to) {
  for (size_t r = 0; r < rows; r++)
    CPU_FOR_LANES(channels, cells_write_step, from + r * ld, cells_to(true, to, r * ld_to));
}

#endif
