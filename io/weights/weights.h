/* Weights of a network as safetensors, named and shaped as PyTorch users know them from timm. */
#ifndef CREAM_IO_WEIGHTS_H
#define CREAM_IO_WEIGHTS_H

#include <stdbool.h>

#include "core/net/net.h"
#include "safetensors.h"

/* Writes all parameters and running statistics of the net, in the order of its table, then `extra` tensors
 * (the meta network's, for example), atomically. */
cream_status cream_weights_save(const char *path, cream_backend *, const cream_net *,
                                const cream_st_tensor *extra, int n_extra, const cream_pair *metadata,
                                int n_metadata, cream_error *);

/* What was in a file that the net did not ask for. PyTorch's num_batches_tracked does not count. */
typedef struct cream_weights_report {
  int loaded, extra;
  char text[256]; /* "2 tensors not used: meta_layer.bias, meta_layer.weight"; empty: none */
} cream_weights_report;

/* PyTorch's counters of batches, which nobody needs. */
bool cream_weights_counter(const char *name);

/* Finds the tensor of every parameter: found[n_params]. CREAM_BAD_DATA where one is missing or has another
 * shape or type; the line counts and names them. Tensors that no parameter has go to `report` (may be
 * NULL). */
cream_status cream_weights_match(const char *path, const cream_param *, int n_params, const cream_st_tensor *,
                                 int n_tensors, const cream_st_tensor **found, cream_weights_report *report,
                                 cream_error *);

/* Loads all parameters and running statistics. CREAM_BAD_DATA, and a net that is as it was, where one is
 * missing or has another shape or type (the line counts and names them), or holds a value that is no finite number.
 * Tensors that the net does not know
 * are no failure and go to `report` (may be NULL). */
cream_status cream_weights_load(const char *path, cream_backend *, cream_net *, cream_weights_report *report,
                                cream_error *);

#endif
