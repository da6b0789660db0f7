/* The list of activations: X(name, word), `word` being their name in spaces, architectures and PyTorch's loader
 * (docs/torch_model.py). All backends, the readers of files and the ONNX export are made from it or switch
 * over it. The OpenCL kernels include this header too, so it must stay valid OpenCL C.
 */
#ifndef CREAM_CORE_ACTIVATION_H
#define CREAM_CORE_ACTIVATION_H

#define CREAM_ACTS(X)                                                                                        \
  X(NONE, "none")                                                                                            \
  X(RELU, "relu")                                                                                            \
  X(SWISH, "swish")               /* x * sigmoid(x) */                                                       \
  X(HARD_SWISH, "hard-swish")     /* x * relu6(x+3)/6 */                                                     \
  X(SIGMOID, "sigmoid")           /* 1 / (1 + exp(-x)) */                                                    \
  X(HARD_SIGMOID, "hard-sigmoid") /* relu6(x+3)/6 */

#define CREAM_ACT_ENUM(name, word) CREAM_ACT_##name,
typedef enum cream_act { CREAM_ACTS(CREAM_ACT_ENUM) } cream_act;

#define CREAM_ACT_ONE(name, word) +1
#define CREAM_ACT_COUNT (0 CREAM_ACTS(CREAM_ACT_ONE))

#endif
