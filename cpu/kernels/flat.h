/* Sums over flat vectors. */
#ifndef CREAM_CPU_KERNELS_FLAT_H
#define CREAM_CPU_KERNELS_FLAT_H

#include <stddef.h>

#include "simd.h"

/* Elements whose products are summed in single precision before they are added in double. */
enum { CPU_FLAT_BLOCK = 512 };

CPU_INLINE void cpu_flat_dot_step(const float *x, const float *y, vf_wide *sum, int i, int part, int lanes) {
  sum->part[part] = vf_fma(vf_load_n(x + i, lanes), vf_load_n(y + i, lanes), sum->part[part]);
}
/* <x, y> */
static inline double cpu_flat_dot(const float *x, const float *y, size_t count) {
  double total = 0;
  for (size_t i = 0; i < count; i += CPU_FLAT_BLOCK) {
    const int length = count - i < CPU_FLAT_BLOCK ? (int)(count - i) : CPU_FLAT_BLOCK;
    vf_wide sum = {{{0}}};
    CPU_FOR_WIDE(length, cpu_flat_dot_step, x + i, y + i, &sum);
    total += (double)vf_wide_sum(&sum);
  }
  return total;
}

#endif
