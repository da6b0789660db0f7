/* Vectors for cpu/kernels/, by GCC's vector extensions: one source for AVX-512, AVX2, NEON and plain C.
 *
 * CPU_ISA is the suffix that CMake gives (generic, avx2, avx512, ...); CPU_LANES the floats of a vector.
 * Intrinsics are used only where the extensions lack an operation: masks, minimum, reciprocals.
 */
#ifndef CREAM_CPU_KERNELS_SIMD_H
#define CREAM_CPU_KERNELS_SIMD_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#if defined(__AVX2__)
#include <immintrin.h>
#elif defined(__ARM_NEON)
#include <arm_neon.h>
#endif

#ifndef CPU_ISA
#define CPU_ISA generic
#endif
#define CPU_JOIN2(a, b) a##_##b
#define CPU_JOIN(a, b)  CPU_JOIN2(a, b)
#define CPU_NAME(name)  CPU_JOIN(name, CPU_ISA)

#if defined(__AVX512F__)
#define CPU_LANES 16
#elif defined(__AVX2__)
#define CPU_LANES 8
#else
#define CPU_LANES 4 /* NEON, SSE2, or plain C */
#endif
/* Sums have an order that no instruction set changes: those along memory are of CPU_WIDE lanes, in CPU_PARTS vectors. */
#define CPU_WIDE  16
#define CPU_PARTS (CPU_WIDE / CPU_LANES)

/* Unrolls a loop of a few iterations, a constant number, so that its arrays become registers. */
#if defined(__clang__)
#define CPU_UNROLL _Pragma("unroll")
#else
#define CPU_UNROLL _Pragma("GCC unroll 16")
#endif
#define CPU_INLINE static inline __attribute__((always_inline))

/* Keeps a variable of a loop in one register. GCC otherwise gives the sums of a loop that fill the registers a second one for what
 * follows the loop, and stores them on the stack in every round. */
#if defined(__AVX512F__)
#define CPU_KEEP(v) __asm__("" : "+v"(v))
#elif defined(__AVX2__)
#define CPU_KEEP(v) __asm__("" : "+x"(v))
#elif defined(__aarch64__)
#define CPU_KEEP(v) __asm__("" : "+w"(v))
#else
#define CPU_KEEP(v) (void)0
#endif

typedef float vf __attribute__((vector_size(CPU_LANES * 4), aligned(4), may_alias));
typedef int32_t vi __attribute__((vector_size(CPU_LANES * 4), aligned(4), may_alias));

CPU_INLINE vf vf_load(const float *p) {
  return *(const vf *)p;
}
CPU_INLINE void vf_store(float *p, vf v) {
  *(vf *)p = v;
}
CPU_INLINE vf vf_set(float x) {
  return x - (vf){0};
}

/* a * b + c, rounded once. With CPU_UNFUSED, kernels for `exact: threads` alone, a processor without the instruction
 * rounds twice; otherwise it is emulated. The build fuses nothing by itself. */
#if defined(__AVX512F__)
CPU_INLINE vf vf_fma(vf a, vf b, vf c) {
  return (vf)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
}
#elif defined(__AVX2__) && defined(__FMA__)
CPU_INLINE vf vf_fma(vf a, vf b, vf c) {
  return (vf)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
}
#elif defined(__ARM_NEON)
CPU_INLINE vf vf_fma(vf a, vf b, vf c) {
  return (vf)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
}
#elif defined(CPU_UNFUSED)
CPU_INLINE vf vf_fma(vf a, vf b, vf c) {
  return a * b + c;
}
#else
/* The product is exact in double. Where the sum is not, it is rounded to the neighbour with an odd last bit, which lies on
 * the same side of whatever the conversion to float rounds at (S. Boldo, G. Melquiond, Emulation of FMA and correctly
 * rounded sums, 2008). Expanded thousands of times, it would take the compiler minutes. */
__attribute__((noinline, unused)) static vf vf_fma(vf a, vf b, vf c) {
  typedef double doubles __attribute__((vector_size(CPU_LANES * 8)));
  typedef int64_t bits __attribute__((vector_size(CPU_LANES * 8)));
  typedef float floats __attribute__((vector_size(CPU_LANES * 4)));
  const doubles product =
      __builtin_convertvector((floats)a, doubles) * __builtin_convertvector((floats)b, doubles);
  const doubles add = __builtin_convertvector((floats)c, doubles), sum = product + add, other = sum - product;
  const doubles lost = (product - (sum - other)) + (add - other);
  const bits inexact = (lost < 0) | (lost > 0), even = ((bits)sum & 1) - 1;
  const bits outwards = ((((bits)sum ^ (bits)lost) >> 63) | 1) & inexact & even;
  return (vf) __builtin_convertvector((doubles)((bits)sum + outwards), floats);
}
#endif

/* vf_min and vf_max give b where either is NaN. */
#if defined(__AVX512F__)
CPU_INLINE __mmask16 vf_mask(int count) {
  return (__mmask16)((1u << count) - 1);
}
/* The first `count` lanes (count < CPU_LANES), the others 0. */
CPU_INLINE vf vf_load_part(const float *p, int count) {
  return (vf)_mm512_maskz_loadu_ps(vf_mask(count), p);
}
CPU_INLINE void vf_store_part(float *p, vf v, int count) {
  _mm512_mask_storeu_ps(p, vf_mask(count), (__m512)v);
}
CPU_INLINE vf vf_min(vf a, vf b) {
  return (vf)_mm512_min_ps((__m512)a, (__m512)b);
}
CPU_INLINE vf vf_max(vf a, vf b) {
  return (vf)_mm512_max_ps((__m512)a, (__m512)b);
}
#elif defined(__AVX2__)
CPU_INLINE __m256i vf_mask(int count) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(count), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
CPU_INLINE vf vf_load_part(const float *p, int count) {
  return (vf)_mm256_maskload_ps(p, vf_mask(count));
}
CPU_INLINE void vf_store_part(float *p, vf v, int count) {
  _mm256_maskstore_ps(p, vf_mask(count), (__m256)v);
}
CPU_INLINE vf vf_min(vf a, vf b) {
  return (vf)_mm256_min_ps((__m256)a, (__m256)b);
}
CPU_INLINE vf vf_max(vf a, vf b) {
  return (vf)_mm256_max_ps((__m256)a, (__m256)b);
}
#else
CPU_INLINE vf vf_load_part(const float *p, int count) {
  vf v = {0};
  for (int i = 0; i < count; i++) v[i] = p[i];
  return v;
}
CPU_INLINE void vf_store_part(float *p, vf v, int count) {
  for (int i = 0; i < count; i++) p[i] = v[i];
}
CPU_INLINE vf vf_min(vf a, vf b) {
  vi less = a < b;
  return (vf)((less & (vi)a) | (~less & (vi)b));
}
CPU_INLINE vf vf_max(vf a, vf b) {
  vi more = a > b;
  return (vf)((more & (vi)a) | (~more & (vi)b));
}
#endif

/* `count` lanes, 1..CPU_LANES: for bodies that are expanded once whole and once for the tail. */
CPU_INLINE vf vf_load_n(const float *p, int count) {
  if (count == CPU_LANES) return vf_load(p);
  return vf_load_part(p, count);
}
CPU_INLINE void vf_store_n(float *p, vf v, int count) {
  if (count == CPU_LANES)
    vf_store(p, v);
  else
    vf_store_part(p, v, count);
}
/* Half a vector, where one takes half the time of a whole: the upper lanes are undefined. */
#if defined(__AVX512F__)
#define CPU_HALF_LANES 8
CPU_INLINE vf vf_load_half(const float *p) {
  return (vf)_mm512_castps256_ps512(_mm256_loadu_ps(p));
}
CPU_INLINE void vf_store_half(float *p, vf v) {
  _mm256_storeu_ps(p, _mm512_castps512_ps256((__m512)v));
}
CPU_INLINE vf vf_fma_half(vf a, vf b, vf c) {
  return (vf)_mm512_castps256_ps512(_mm256_fmadd_ps(_mm512_castps512_ps256((__m512)a),
                                                    _mm512_castps512_ps256((__m512)b),
                                                    _mm512_castps512_ps256((__m512)c)));
}
#else
#define CPU_HALF_LANES 0 /* there is none */
#define vf_load_half   vf_load
#define vf_store_half  vf_store
#define vf_fma_half    vf_fma
#endif
/* Stores whole aligned vectors past the caches, for data that would be evicted before it is read.
 * vf_stream_end comes before another thread may read them. */
CPU_INLINE void vf_stream(float *p, vf v) {
#if defined(__AVX512F__)
  _mm512_stream_ps(p, (__m512)v);
#elif defined(__AVX2__)
  _mm256_stream_ps(p, (__m256)v);
#else
  vf_store(p, v);
#endif
}
CPU_INLINE void vf_stream_end(void) {
#if defined(__AVX2__)
  _mm_sfence();
#endif
}
CPU_INLINE vf vf_sqrt(vf v) {
#if defined(__AVX512F__)
  return (vf)_mm512_sqrt_ps((__m512)v);
#elif defined(__AVX2__)
  return (vf)_mm256_sqrt_ps((__m256)v);
#else
  for (int i = 0; i < CPU_LANES; i++) v[i] = sqrtf(v[i]);
  return v;
#endif
}
/* Lane i is lane index[i] of the concatenation of a and b. */
CPU_INLINE vf vf_shuffle(vf a, vf b, vi index) {
#if defined(__AVX512F__)
  return (vf)_mm512_permutex2var_ps((__m512)a, (__m512i)index, (__m512)b);
#elif defined(__clang__)
  vf out;
  for (int i = 0; i < CPU_LANES; i++) out[i] = index[i] < CPU_LANES ? a[index[i]] : b[index[i] - CPU_LANES];
  return out;
#else
  return __builtin_shuffle(a, b, index);
#endif
}
/* Lanes where `mask` (-1 or 0) is set keep v, the others become 0. */
CPU_INLINE vf vf_where(vi mask, vf v) {
  return (vf)(mask & (vi)v);
}

/* CPU_WIDE lanes. */
typedef struct vf_wide {
  vf part[CPU_PARTS];
} vf_wide;

/* Sum of the lanes, by halves. */
CPU_INLINE float vf_wide_sum(const vf_wide *v) {
  float lanes[CPU_WIDE];
  CPU_UNROLL
  for (int i = 0; i < CPU_PARTS; i++) vf_store(lanes + i * CPU_LANES, v->part[i]);
  for (int half = CPU_WIDE / 2; half; half /= 2)
    for (int i = 0; i < half; i++) lanes[i] += lanes[i + half];
  return lanes[0];
}
/* Runs `body(..., i, part, lanes)` over 0..count-1 for sums in a vf_wide: element i is in lane i % CPU_WIDE. */
#define CPU_FOR_WIDE(count, body, ...)                                                                       \
  do {                                                                                                       \
    int wide_ = 0;                                                                                           \
    for (; wide_ + CPU_WIDE <= (count); wide_ += CPU_WIDE) {                                                 \
      CPU_UNROLL                                                                                             \
      for (int part_ = 0; part_ < CPU_PARTS; part_++)                                                        \
        body(__VA_ARGS__, wide_ + part_ * CPU_LANES, part_, CPU_LANES);                                      \
    }                                                                                                        \
    CPU_UNROLL                                                                                               \
    for (int part_ = 0; part_ < CPU_PARTS; part_++, wide_ += CPU_LANES) {                                    \
      if (wide_ + CPU_LANES <= (count))                                                                      \
        body(__VA_ARGS__, wide_, part_, CPU_LANES);                                                          \
      else if (wide_ < (count))                                                                              \
        body(__VA_ARGS__, wide_, part_, (count)-wide_);                                                      \
    }                                                                                                        \
  } while (0)

/* Sums over rows use CPU_BLOCK vectors at once, of neighbouring channels or rows, to hide the latency of
 * additions. CPU_FOR_COLUMNS runs `body(..., c, vectors, lanes)` over channels 0..count-1: CPU_BLOCK whole vectors
 * at a time over whole blocks of CPU_BLOCK * CPU_WIDE channels, then one vector, then a part; `vectors` and `lanes` are
 * constants but in the last. */
#define CPU_BLOCK 4
#define CPU_FOR_COLUMNS(count, body, ...)                                                                    \
  do {                                                                                                       \
    int column_ = 0;                                                                                         \
    const int blocks_ = (count) / (CPU_BLOCK * CPU_WIDE) * (CPU_BLOCK * CPU_WIDE);                           \
    for (; column_ < blocks_; column_ += CPU_BLOCK * CPU_LANES)                                              \
      body(__VA_ARGS__, column_, CPU_BLOCK, CPU_LANES);                                                      \
    for (; column_ + CPU_LANES <= (count); column_ += CPU_LANES) body(__VA_ARGS__, column_, 1, CPU_LANES);   \
    if (column_ < (count)) body(__VA_ARGS__, column_, 1, (count)-column_);                                   \
  } while (0)
/* The sum for vector j of `vectors` of a block whose sums lie row below row. */
CPU_INLINE vf vf_fold(const vf *sums, int vectors, int j) {
  vf sum = sums[j];
  for (int i = 1; i < CPU_BLOCK / vectors; i++) sum += sums[i * vectors + j];
  return sum;
}

/* Runs `body(i, lanes)` over 0..count-1: whole vectors, then one part. `body` is an always-inline function
 * or macro whose last argument is the number of lanes. */
#define CPU_FOR_LANES(count, body, ...)                                                                      \
  do {                                                                                                       \
    int lane_ = 0;                                                                                           \
    for (; lane_ + CPU_LANES <= (count); lane_ += CPU_LANES) body(__VA_ARGS__, lane_, CPU_LANES);            \
    if (lane_ < (count)) body(__VA_ARGS__, lane_, (count)-lane_);                                            \
  } while (0)

#endif
