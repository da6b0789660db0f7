/* Optimisers: X(name, word), `word` being the value of the setting retrain.optim. Their updates are described
 * at cream_optim (core/backend.h). The OpenCL kernels include this header too: it must be valid OpenCL C.
 */
#ifndef CREAM_CORE_OPTIMISER_H
#define CREAM_CORE_OPTIMISER_H

#define CREAM_OPTIMS(X)                                                                                      \
  X(SGD, "sgd")                                                                                              \
  X(RMSPROP_TF, "rmsprop-tf")                                                                                \
  X(ADAM, "adam")                                                                                            \
  X(ADAMW, "adamw")

#define CREAM_OPTIM_ENUM(name, word) CREAM_OPTIM_##name,
typedef enum cream_optim_kind { CREAM_OPTIMS(CREAM_OPTIM_ENUM) } cream_optim_kind;

#define CREAM_OPTIM_ONE(name, word) +1
#define CREAM_OPTIM_COUNT           (0 CREAM_OPTIMS(CREAM_OPTIM_ONE))

#endif
