/* Activations: X(name, word), `word` being their name in spaces, architectures and torch_model.py. All
 * backends, the readers of files and the ONNX export are made from this list or switch over it. The OpenCL
 * kernels include this header too: outside `#ifndef __OPENCL_VERSION__` it must be valid OpenCL C.
 */
#ifndef CREAM_CORE_ACTIVATION_H
#define CREAM_CORE_ACTIVATION_H

#define CREAM_ACTS(X)                                                                                        \
  X(NONE, "none")                                                                                            \
  X(RELU, "relu")                                                                                            \
  X(SWISH, "swish")               /* x * sigmoid(x) */                                                       \
  X(HARD_SWISH, "hard-swish")     /* x * relu6(x+3)/6 */                                                     \
  X(SIGMOID, "sigmoid")           /* 1 / (1 + exp(-x)) */                                                    \
  X(HARD_SIGMOID, "hard-sigmoid") /* relu6(x+3)/6 */                                                         \
  X(RELU6, "relu6")               /* min(max(x, 0), 6) */

#define CREAM_ACT_ENUM(name, word) CREAM_ACT_##name,
typedef enum cream_act { CREAM_ACTS(CREAM_ACT_ENUM) } cream_act;

#define CREAM_ACT_ONE(name, word) +1
#define CREAM_ACT_COUNT           (0 CREAM_ACTS(CREAM_ACT_ONE))

#ifndef __OPENCL_VERSION__

#include <math.h>
#include <stdlib.h>

#include "elementary.h"

static inline float cream_sigmoid(float x) {
  return (float)(1 / (1 + cream_exp(-(double)x)));
}
static inline float cream_hard_sigmoid(float x) {
  return fminf(fmaxf(x + 3.0f, 0.0f), 6.0f) / 6.0f;
}

/* act(x): the definition that all backends are tested against. */
static inline float cream_act_value(cream_act act, float x) {
  switch (act) {
  case CREAM_ACT_NONE:
    return x;
  case CREAM_ACT_RELU:
    return fmaxf(x, 0.0f);
  case CREAM_ACT_SWISH:
    return x * cream_sigmoid(x);
  case CREAM_ACT_HARD_SWISH:
    return x * cream_hard_sigmoid(x);
  case CREAM_ACT_SIGMOID:
    return cream_sigmoid(x);
  case CREAM_ACT_HARD_SIGMOID:
    return cream_hard_sigmoid(x);
  case CREAM_ACT_RELU6:
    return fminf(fmaxf(x, 0.0f), 6.0f);
  }
  abort();
}

/* act'(x), at kinks as in PyTorch. */
static inline float cream_act_slope(cream_act act, float x) {
  float s;
  switch (act) {
  case CREAM_ACT_NONE:
    return 1.0f;
  case CREAM_ACT_RELU:
    return x > 0.0f ? 1.0f : 0.0f;
  case CREAM_ACT_SWISH:
    s = cream_sigmoid(x);
    return s * (1.0f + x * (1.0f - s));
  case CREAM_ACT_HARD_SWISH:
    return x <= -3.0f ? 0.0f : x >= 3.0f ? 1.0f : x / 3.0f + 0.5f;
  case CREAM_ACT_SIGMOID:
    s = cream_sigmoid(x);
    return s * (1.0f - s);
  case CREAM_ACT_HARD_SIGMOID:
    return x > -3.0f && x < 3.0f ? 1.0f / 6.0f : 0.0f;
  case CREAM_ACT_RELU6:
    return x > 0.0f && x < 6.0f ? 1.0f : 0.0f;
  }
  abort();
}

#endif

#endif
