/* The trained network that a command's settings name. */
#ifndef CREAM_TOOLS_MODEL_H
#define CREAM_TOOLS_MODEL_H

#include "tools/lib/model.h"

/* The network config->arch with the weights config->weights on config->device, for batches of up to `batch` images; a
 * line on stderr names tensors that are not used. On failure too, cream_model_close has to be called. */
cream_status model_open(cream_model *, const cream_config *, int batch, cream_error *);

#endif
