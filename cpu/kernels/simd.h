/* Vectors for cpu/kernels/, by GCC's vector extensions: one source for AVX-512, AVX2, NEON and plain C.
 *
 * CPU_ISA is the suffix that CMake gives (generic, avx2, avx512); CPU_LANES the floats of a vector.
 */
#ifndef CREAM_CPU_KERNELS_SIMD_H
#define CREAM_CPU_KERNELS_SIMD_H

#include <stdint.h>
#include <string.h>

#ifndef CPU_ISA
#define CPU_ISA generic
#endif
#define CPU_JOIN2(a, b) a##_##b
#define CPU_JOIN(a, b) CPU_JOIN2(a, b)
#define CPU_NAME(name) CPU_JOIN(name, CPU_ISA)

#if defined(__AVX512F__)
#define CPU_LANES 16
#elif defined(__AVX2__)
#define CPU_LANES 8
#else
#define CPU_LANES 4 /* NEON, SSE2, or whatever the compiler makes of it */
#endif

typedef float vf __attribute__((vector_size(CPU_LANES * 4), aligned(4), may_alias));
typedef int32_t vi __attribute__((vector_size(CPU_LANES * 4), aligned(4), may_alias));

static inline vf vf_load(const float *p) { return *(const vf *)p; }
static inline void vf_store(float *p, vf v) { *(vf *)p = v; }
static inline vf vf_set(float x) { return x - (vf){0}; }
/* The first `count` lanes (count < CPU_LANES), the others 0. */
static inline vf vf_load_part(const float *p, int count) {
  vf v = {0};
  memcpy(&v, p, (size_t)count * 4);
  return v;
}
static inline void vf_store_part(float *p, vf v, int count) { memcpy(p, &v, (size_t)count * 4); }

#endif
