/* A trained network for use: predict and export. */
#ifndef CREAM_TOOLS_MODEL_H
#define CREAM_TOOLS_MODEL_H

#include "core/base/config.h"
#include "core/net/net.h"
#include "io/config/arch.h"
#include "io/weights/weights_info.h"

typedef struct model {
  cream_arch arch;
  cream_weights_info
      info; /* complete: ImageNet's values where the file has none; there may be no class names */
  cream_backend *backend;
  cream_net *net; /* folded (core/net/fold.h) */
} model;

/* The network config->arch with the weights config->weights, for batches of up to `batch` images. A
 * built-in network gets the weights' number of classes. augment.interpolation and augment.test_crop, where
 * they are not at their defaults, go before what the weights file says. On failure too, model_close has to be
 * called. */
cream_status model_open(model *, const cream_config *, int batch, cream_error *);
void model_close(model *);

#endif
