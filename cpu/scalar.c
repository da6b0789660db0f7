#include "internal.h"

#include <math.h>

static float sigmoid(float z) {
  return 1.0f / (1.0f + expf(-z));
}

static float hard_sigmoid(float z) {
  return fminf(fmaxf(z + 3.0f, 0.0f), 6.0f) / 6.0f;
}

float cpu_act(cream_act act, float z) {
  switch (act) {
  case CREAM_ACT_RELU:
    return fmaxf(z, 0.0f);
  case CREAM_ACT_SWISH:
    return z * sigmoid(z);
  case CREAM_ACT_HARD_SWISH:
    return z * hard_sigmoid(z);
  case CREAM_ACT_SIGMOID:
    return sigmoid(z);
  case CREAM_ACT_HARD_SIGMOID:
    return hard_sigmoid(z);
  case CREAM_ACT_NONE:
    break;
  }
  return z;
}

float cpu_act_gradient(cream_act act, float z) {
  float s;
  switch (act) {
  case CREAM_ACT_RELU:
    return z > 0.0f ? 1.0f : 0.0f;
  case CREAM_ACT_SWISH:
    s = sigmoid(z);
    return s * (1.0f + z * (1.0f - s));
  case CREAM_ACT_HARD_SWISH:
    return z <= -3.0f ? 0.0f : z >= 3.0f ? 1.0f : z / 3.0f + 0.5f;
  case CREAM_ACT_SIGMOID:
    s = sigmoid(z);
    return s * (1.0f - s);
  case CREAM_ACT_HARD_SIGMOID:
    return z > -3.0f && z < 3.0f ? 1.0f / 6.0f : 0.0f;
  case CREAM_ACT_NONE:
    break;
  }
  return 1.0f;
}
