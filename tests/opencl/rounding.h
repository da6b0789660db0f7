/* How far the results of training steps may be apart where sums run in another order: by a few times what one rounding of
 * every weight changes in them, because a step rounds a value a few times on its way. For a device against the CPU. */
#ifndef CREAM_TESTS_OPENCL_ROUNDING_H
#define CREAM_TESTS_OPENCL_ROUNDING_H

#include <math.h>

#include "tests/core/synthetic.h"

#define TOLERANCE 1e-4
#define ROUNDINGS 32

/* Changes every weight by the last bit of its mantissa, up or down. */
static inline void round_weights(cream_backend *backend, const cream_net *net) {
  const size_t count = cream_net_weight_count(net);
  float *weights = synthetic_fetch(backend, cream_net_weights(net), count);
  for (size_t i = 0; i < count; i++) weights[i] *= 1 + (i * 2654435761u >> 16 & 1 ? 0x1p-23f : -0x1p-23f);
  backend->upload(backend, cream_net_weights(net), weights, count);
  free(weights);
}

/* By parameter: within TOLERANCE of the largest value, or within ROUNDINGS times what `rounded` differs by, for what
 * cancels to nothing, as the gradient of a shift before a batch norm does: its sum has terms that are much larger. */
static inline void compare_rounded(const char *what, const float *expected, const float *got,
                                   const float *rounded, size_t count) {
  double top = 0, worst = 0, rounding = 0;
  for (size_t i = 0; i < count; i++) {
    if (!isfinite(got[i])) fail_msg("%s[%zu] is %g", what, i, (double)got[i]);
    top = fmax(top, fabs((double)expected[i]));
    worst = fmax(worst, fabs((double)got[i] - expected[i]));
    rounding = fmax(rounding, fabs((double)rounded[i] - expected[i]));
  }
  if (worst > fmax(TOLERANCE * top, ROUNDINGS * rounding))
    fail_msg("%s: error %.2e, largest value %.2e, a rounding of the weights changes it by %.2e", what, worst,
             top, rounding);
}

#endif
