/* Activations on vectors: one algorithm for all instruction sets, but for AVX-512 with CPU_TABLE, which `exact: threads`
 * uses.
 *
 * vf_exp: relative error below 8e-7 for |x| <= 16 and 2e-6 on [-87, 88], clamped outside, NaN kept.
 * vf_sigmoid: relative error below 9e-7 from -16 on, 2e-6 down to -87. Swish and its derivative follow from
 * the sigmoid.
 */
#ifndef CREAM_CPU_KERNELS_MATH_H
#define CREAM_CPU_KERNELS_MATH_H

#include "core/backend.h"
#include "simd.h"

/* 1/x for x in [1, 2^126]. */
CPU_INLINE vf vf_reciprocal(vf x) {
#if defined(CPU_TABLE) /* an estimate and one Newton step */
  vf r = (vf)_mm512_rcp14_ps((__m512)x);
  return r * vf_fma(-x, r, vf_set(2.0f));
#else
  return 1.0f / x;
#endif
}

#if defined(CPU_TABLE)
/* exp(x) = 2^n * 2^(i/16) * 2^f, n + i/16 = x/ln 2 rounded to sixteenths, |f| <= 1/32; a table for i, a
 * minimax polynomial of degree 2 for 2^f. */
CPU_INLINE vf vf_exp(vf x) {
  static const float sixteenths[CPU_LANES] __attribute__((aligned(64))) = {
      0x1p+0f,        0x1.0b5586p+0f, 0x1.172b84p+0f, 0x1.2387a6p+0f, 0x1.306fe0p+0f, 0x1.3dea64p+0f,
      0x1.4bfdaep+0f, 0x1.5ab07ep+0f, 0x1.6a09e6p+0f, 0x1.7a1148p+0f, 0x1.8ace54p+0f, 0x1.9c4918p+0f,
      0x1.ae89fap+0f, 0x1.c199bep+0f, 0x1.d5818ep+0f, 0x1.ea4afap+0f};
  x = vf_min(vf_set(88.0f), vf_max(vf_set(-87.0f), x));
  const vf magic = vf_set(786432.0f); /* 1.5 * 2^19: the sum's low bits are x/ln 2 in sixteenths */
  vf t = vf_fma(x, vf_set(1.44269504f), magic);
  vf n = t - magic;
  vf f = vf_fma(x, vf_set(1.44269504f), -n);
  vf power = (vf)_mm512_permutexvar_ps((__m512i)t, _mm512_load_ps(sixteenths));
  vf p = vf_fma(f, vf_set(0.240226507f), vf_set(0.693187830f));
  return (vf)_mm512_scalef_ps((__m512)vf_fma(f * power, p, power), (__m512)n);
}
#else
/* exp(x) = 2^n * exp(f), n = round(x/ln 2), |f| <= ln(2)/2; a minimax polynomial of degree 5 for exp(f). */
CPU_INLINE vf vf_exp(vf x) {
  x = vf_min(vf_set(88.0f), vf_max(vf_set(-87.0f), x));
  const vf magic = vf_set(12582912.0f); /* 1.5 * 2^23: the sum's low bits are round(x / ln 2) */
  vf t = vf_fma(x, vf_set(1.44269504f), magic);
  vf n = t - magic;
  vf f = vf_fma(n, vf_set(-0.693359375f), x);
  f = vf_fma(n, vf_set(2.12194440e-4f), f);
  vf p = vf_set(0x1.0F9F9Cp-7f);
  p = vf_fma(p, f, vf_set(0x1.573A1Ap-5f));
  p = vf_fma(p, f, vf_set(0x1.555A80p-3f));
  p = vf_fma(p, f, vf_set(0x1.FFFDC6p-2f));
  p = vf_fma(p, f, vf_set(0x1.FFFFF6p-1f));
  p = vf_fma(p, f, vf_set(1.0f));
  return (vf)((vi)p + ((vi)t << 23));
}
#endif

CPU_INLINE vf vf_sigmoid(vf x) {
  return vf_reciprocal(1.0f + vf_exp(-x));
}
CPU_INLINE vf vf_hard_sigmoid(vf x) {
  return vf_min(vf_set(6.0f), vf_max((vf){0}, x + 3.0f)) * (1.0f / 6);
}

typedef struct vf_pair {
  vf value, slope;
} vf_pair;

/* act(z) and act'(z). `act` is meant to be a constant where this is expanded. */
CPU_INLINE vf_pair vf_act_pair(cream_act act, vf z) {
  const vf one = vf_set(1.0f);
  switch (act) {
  case CREAM_ACT_NONE:
    return (vf_pair){z, one};
  case CREAM_ACT_RELU:
    return (vf_pair){vf_max((vf){0}, z), vf_where(z > 0, one)};
  case CREAM_ACT_SWISH: {
    vf s = vf_sigmoid(z), u = z * s;
    return (vf_pair){u, vf_fma(u, 1.0f - s, s)};
  }
  case CREAM_ACT_HARD_SWISH: {
    vi inner = (z > -3) & (z < 3);
    vf slope = vf_where(inner, vf_fma(z, vf_set(1.0f / 3), vf_set(0.5f))) + vf_where(z >= 3, one);
    return (vf_pair){z * vf_hard_sigmoid(z), slope};
  }
  case CREAM_ACT_SIGMOID: {
    vf s = vf_sigmoid(z);
    return (vf_pair){s, s * (1.0f - s)};
  }
  case CREAM_ACT_HARD_SIGMOID:
    return (vf_pair){vf_hard_sigmoid(z), vf_where((z > -3) & (z < 3), vf_set(1.0f / 6))};
  case CREAM_ACT_RELU6:
    return (vf_pair){vf_min(vf_set(6.0f), vf_max((vf){0}, z)), vf_where((z > 0) & (z < 6), one)};
  }
  __builtin_unreachable();
}

CPU_INLINE vf vf_act(cream_act act, vf z) {
  return vf_act_pair(act, z).value;
}
CPU_INLINE vf vf_act_slope(cream_act act, vf z) {
  return vf_act_pair(act, z).slope;
}

/* Calls `call(ACT)` with the constant that equals `act`, so that a loop is compiled once for each
 * activation. */
#ifdef CPU_FEW_LOOPS /* once for all of them: less to compile (cpu/CMakeLists.txt) */
#define CPU_ACT_SWITCH(act, call) call((act))
#else
#define CPU_ACT_SWITCH(act, call)                                                                            \
  do {                                                                                                       \
    switch (act) {                                                                                           \
    case CREAM_ACT_NONE:                                                                                     \
      call(CREAM_ACT_NONE);                                                                                  \
      break;                                                                                                 \
    case CREAM_ACT_RELU:                                                                                     \
      call(CREAM_ACT_RELU);                                                                                  \
      break;                                                                                                 \
    case CREAM_ACT_SWISH:                                                                                    \
      call(CREAM_ACT_SWISH);                                                                                 \
      break;                                                                                                 \
    case CREAM_ACT_HARD_SWISH:                                                                               \
      call(CREAM_ACT_HARD_SWISH);                                                                            \
      break;                                                                                                 \
    case CREAM_ACT_SIGMOID:                                                                                  \
      call(CREAM_ACT_SIGMOID);                                                                               \
      break;                                                                                                 \
    case CREAM_ACT_HARD_SIGMOID:                                                                             \
      call(CREAM_ACT_HARD_SIGMOID);                                                                          \
      break;                                                                                                 \
    case CREAM_ACT_RELU6:                                                                                    \
      call(CREAM_ACT_RELU6);                                                                                 \
      break;                                                                                                 \
    }                                                                                                        \
  } while (0)
#endif

#endif
