/* Weights files of others, and our own, as safetensors with our names. */
#ifndef CREAM_IO_CONVERT_H
#define CREAM_IO_CONVERT_H

#include "weights.h"
#include "weights_info.h"

/* A weights file of any kind that can be read: PyTorch's (torch_file.h) or safetensors. */
typedef struct cream_weights_source cream_weights_source;

/* `ema`: the averaged weights of a checkpoint of PyTorch's; of safetensors CREAM_BAD_CONFIG. */
cream_status cream_weights_source_open(const char *path, bool ema, cream_weights_source **, cream_error *);
void cream_weights_source_close(cream_weights_source *);
/* Its tensors under our names: without a `module.` (DataParallel) or `_orig_mod.` (torch.compile) that all
 * of them begin with, and without PyTorch's num_batches_tracked. Floating-point numbers of other widths
 * have become F32. */
int cream_weights_source_tensors(const cream_weights_source *, const cream_st_tensor **);
const cream_st_tensor *cream_weights_source_find(const cream_weights_source *, const char *name);
/* What the file says beside the weights; PyTorch's says nothing. */
const cream_weights_info *cream_weights_source_info(const cream_weights_source *);

/* Writes the parameters of a network in the order of its table, or (params NULL) all tensors in theirs.
 * Failures and `report` are those of cream_weights_match. */
cream_status cream_weights_source_save(const cream_weights_source *, const char *path,
                                       const cream_param *params, int n_params, const cream_weights_info *,
                                       cream_weights_report *report, cream_error *);

#endif
