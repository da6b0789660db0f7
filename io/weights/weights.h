/* Weights of a network as safetensors, with the names and shapes of timm. */
#ifndef CREAM_IO_WEIGHTS_H
#define CREAM_IO_WEIGHTS_H

#include <stdbool.h>

#include "core/net/net.h"
#include "safetensors.h"

/* Writes all parameters and running statistics of the net in the order of its table, then the `extra` tensors (for example
 * the meta network's), atomically. CREAM_FAILED if that is not possible. */
cream_status cream_weights_save(const char *path, cream_backend *, const cream_net *,
                                const cream_st_tensor *extra, int n_extra, const cream_pair *metadata,
                                int n_metadata, cream_error *);

/* The tensors of a file that were loaded, and those that the net does not have. PyTorch's num_batches_tracked is ignored. */
typedef struct cream_weights_report {
  int loaded, extra;
  char text[256]; /* "2 tensors not used: meta_layer.bias, meta_layer.weight"; empty: none */
} cream_weights_report;

/* Whether a tensor is one of PyTorch's counters, which are ignored: num_batches_tracked of batch norms, n_averaged of
 * AveragedModel. */
bool cream_weights_counter(const char *name);

/* Finds the tensor of every parameter: found[n_params]. CREAM_BAD_DATA, with their number and names, if tensors are missing
 * or have another shape or type. Tensors without a parameter are listed in `report` (may be NULL). */
cream_status cream_weights_match(const char *path, const cream_param *, int n_params, const cream_st_tensor *,
                                 int n_tensors, const cream_st_tensor **found, cream_weights_report *report,
                                 cream_error *);

/* Loads all parameters and running statistics. CREAM_BAD_DATA, as cream_weights_match or for a value that is not finite,
 * and CREAM_FAILED for a file that cannot be read; the net is unchanged then. Tensors that the net does not have are not
 * an error and are listed in `report` (may be NULL). */
cream_status cream_weights_load(const char *path, cream_backend *, cream_net *, cream_weights_report *report,
                                cream_error *);
/* The same, to train a network further on other classes. row_of: for each class of the net the class of the file with the
 * same name, or -1; NULL: the names are not known, or are the same. With row_of, or where only the last layer does not
 * match because it has another number of classes, that layer becomes 0, but for the rows of classes that the file
 * has; `report` says so. */
cream_status cream_weights_load_any_classes(const char *path, cream_backend *, cream_net *, const int *row_of,
                                            cream_weights_report *report, cream_error *);
/* The same for the backbone of a detector alone: its neck and heads stay as they are. The file may be a classifier's. */
cream_status cream_weights_load_backbone(const char *path, cream_backend *, cream_net *,
                                         cream_weights_report *report, cream_error *);
/* The same with the file of a supernet, for the network of one of its paths: the weights of the path's choices, as the
 * supernet itself would run them. */
cream_status cream_weights_load_path(const char *path, const cream_skeleton *supernet,
                                     const cream_path *choices, cream_backend *, cream_net *,
                                     cream_weights_report *report, cream_error *);

#endif
