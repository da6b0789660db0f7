/* Products of operands in bfloat16, whose sums are floats. Values of an operand lie in 32-bit words, in memory of floats:
 *
 * - where the set has AVX512-BF16, a word is a pair of values that follow each other in k, the first in its lower half, and
 *   an instruction adds both products of a pair, the second first, each with one rounding;
 * - in other sets a word is one value, a float that bfloat16 can represent, and gemm.c adds the products in that order.
 *
 * Denormal values, products and sums count as zero, because they do for the instruction; so all sets give the same bits.
 * (NEON decides before it rounds, x86 afterwards: they may differ where a sum is within 2^-25 of the least normal float.)
 */
#ifndef CREAM_CPU_KERNELS_BF16_H
#define CREAM_CPU_KERNELS_BF16_H

#include <float.h>
#include <stddef.h>

#include "simd.h"

/* Values of k in a word. */
#if defined(__AVX512BF16__)
#define CPU_BF16_WORD 2
#else
#define CPU_BF16_WORD 1
#endif

static inline size_t cpu_bf16_words(size_t k) {
  return (k + CPU_BF16_WORD - 1) / CPU_BF16_WORD;
}

/* ---- denormals ------------------------------------------------------------------------------------------ */
/* Between these, arithmetic takes denormals as zero and returns none; what lies between is a call, which no compiler moves. */
#if defined(__x86_64__)
CPU_INLINE unsigned cpu_bf16_begin(void) {
  enum { FLUSH_TO_ZERO = 0x8000, DENORMALS_ARE_ZERO = 0x40 };
  const unsigned before = __builtin_ia32_stmxcsr();
  __builtin_ia32_ldmxcsr(before | FLUSH_TO_ZERO | DENORMALS_ARE_ZERO);
  return before;
}
CPU_INLINE void cpu_bf16_end(unsigned before) {
  __builtin_ia32_ldmxcsr(before);
}
CPU_INLINE vf cpu_bf16_flush(vf v) {
  return v;
}
#else
CPU_INLINE unsigned cpu_bf16_begin(void) {
  return 0;
}
CPU_INLINE void cpu_bf16_end(unsigned before) {
  (void)before;
}
CPU_INLINE vf cpu_bf16_flush(vf v) {
  const vi normal = ((vi)v & 0x7f800000) != 0;
  return (vf)((vi)v & (normal | (int32_t)0x80000000));
}
#endif

/* sum + the products of the words of a and b. */
CPU_INLINE vf cpu_bf16_fma(vf a, vf b, vf sum) {
#if defined(__AVX512BF16__)
  return (vf)_mm512_dpbf16_ps((__m512)sum, (__m512bh)a, (__m512bh)b);
#else
  return cpu_bf16_flush(vf_fma(a, b, sum));
#endif
}

/* The same for half a vector (simd.h). */
CPU_INLINE vf cpu_bf16_fma_half(vf a, vf b, vf sum) {
#if defined(__AVX512BF16__)
  return (vf)_mm512_castps256_ps512(_mm256_dpbf16_ps(_mm512_castps512_ps256((__m512)sum),
                                                     (__m256bh)_mm512_castps512_ps256((__m512)a),
                                                     (__m256bh)_mm512_castps512_ps256((__m512)b)));
#else
  return cpu_bf16_flush(vf_fma_half(a, b, sum));
#endif
}

/* ---- rounding ------------------------------------------------------------------------------------------- */
typedef uint32_t vu __attribute__((vector_size(CPU_LANES * 4), may_alias));

/* Rounded to nearest, ties to even, as a float; denormals become zero, and a NaN stays one, with no fraction of its own. */
CPU_INLINE vf cpu_bf16_rounded(vf v) {
  const vu bits = (vu)v, nan = (vu)(v != v), normal = (vu)((vf)(bits & 0x7fffffff) >= FLT_MIN);
  const vu rounded = bits + 0x7fff + (bits >> 16 & 1);
  return (vf)((rounded & ((normal & 0xffff0000) | 0x80000000)) | (nan & 0x7fc00000));
}

#if defined(__AVX512BF16__)
/* Lane i is the pair of `first` and `second` in lane i. */
CPU_INLINE vf cpu_bf16_pairs(vf first, vf second) {
  typedef int16_t halves __attribute__((vector_size(64)));
  const halves index = {0, 16, 1, 17, 2,  18, 3,  19, 4,  20, 5,  21, 6,  22, 7,  23,
                        8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
  return (vf)_mm512_permutexvar_epi16((__m512i)index,
                                      (__m512i)_mm512_cvtne2ps_pbh((__m512)second, (__m512)first));
}
#endif
/* The words of whole vectors: CPU_LANES * CPU_BF16_WORD values that follow each other. */
CPU_INLINE vf cpu_bf16_line(const float *from) {
#if defined(__AVX512BF16__)
  return (vf)_mm512_cvtne2ps_pbh((__m512)vf_load(from + CPU_LANES), (__m512)vf_load(from));
#else
  return cpu_bf16_rounded(vf_load(from));
#endif
}

/* ---- operands ------------------------------------------------------------------------------------------- */

/* A matrix of rows of k values, `ld` apart, as words [rows][cpu_bf16_words(k)]. to may be `from`, of one row or where a word is a
 * value. */
void CPU_NAME(cpu_bf16_rows)(size_t rows, size_t k, const float *from, size_t ld, float *to);
/* A matrix of k rows of n values, as words [cpu_bf16_words(k)][n]. to may be `from` where a word is a value. */
void CPU_NAME(cpu_bf16_columns)(size_t k, size_t n, const float *from, size_t ld, float *to);

#endif
