/* A trained network for use, on any backend: opened from its files, with its batch norms folded, and with what is known
 * about its images and classes. */
#ifndef CREAM_LIB_MODEL_H
#define CREAM_LIB_MODEL_H

#include "core/base/config.h"
#include "core/net/net.h"
#include "io/config/arch.h"
#include "io/weights/weights.h"
#include "io/weights/weights_info.h"

typedef struct cream_model {
  cream_arch arch;
  cream_weights_info
      info; /* complete: ImageNet's values where the file has none; there may be no class names */
  cream_backend *backend;
  cream_net *net; /* folded (core/net/fold.h) */
} cream_model;

/* Fails (CREAM_BAD_CONFIG) where `weights` is that of the folder of a search: there is no such file before the retraining. */
cream_status cream_model_check_weights(const char *weights, cream_error *);
/* Reads what the weights file says about m->arch, which the caller has loaded; all else is zero. A built-in network gets
 * the weights' number of classes. augment->interpolation and test_crop, where they are not at their defaults, go before
 * what the file says. */
cream_status cream_model_read(cream_model *m, const char *weights, const cream_augment_config *augment,
                              cream_error *);
/* Creates the network on m->backend for batches of up to `batch` images, loads the weights and folds it. `report` says
 * which tensors were not used. */
cream_status cream_model_load(cream_model *m, const char *weights, int batch, cream_weights_report *report,
                              cream_error *);
/* The same without folding. */
cream_status cream_model_load_unfolded(cream_model *m, const char *weights, int batch,
                                       cream_weights_report *report, cream_error *);
/* Frees everything, the backend too; also after a failure. */
void cream_model_close(cream_model *m);

#endif
