/* Converts weights files, from PyTorch or safetensors, to safetensors with the names of this project. */
#ifndef CREAM_IO_CONVERT_H
#define CREAM_IO_CONVERT_H

#include "naming.h"
#include "torch_file.h"
#include "weights.h"
#include "weights_info.h"

/* An open weights file: one saved by PyTorch (torch_file.h), or safetensors. */
typedef struct cream_weights_source cream_weights_source;

/* Opens a file and chooses tensors. The choice's key leads to a dict in a PyTorch file, or is a prefix of names. `ema` is for
 * PyTorch checkpoints: CREAM_BAD_CONFIG for safetensors. With `params`, a prefix is removed with which all names of the
 * network are there, and tensors without it are left out; CREAM_BAD_DATA if there are several such prefixes.
 * `interpolation` replaces the one of the metadata of safetensors, if it is not NULL.
 * Other failures are those of cream_torch_open, cream_st_open and cream_weights_info_read. */
cream_status cream_weights_source_open(const char *path, const cream_torch_choice *,
                                       const char *interpolation, cream_weights_source **, cream_error *);
void cream_weights_source_close(cream_weights_source *);
/* The tensors, without the prefix of a wrapper, and without counters (cream_weights_counter). If no network decides, the
 * prefixes are `module.` (DataParallel) and `_orig_mod.` (torch.compile), where all names share them. Floating-point numbers of other widths are converted to F32. Returns their number. */
int cream_weights_source_tensors(const cream_weights_source *, const cream_st_tensor **);
/* A tensor by name, or NULL. */
const cream_st_tensor *cream_weights_source_find(const cream_weights_source *, const char *name);
/* The scheme whose names the tensors had: those of another program have this program's names now, and the others are as they
 * were. Known only with the `net` of the choice. */
cream_naming cream_weights_source_naming(const cream_weights_source *);
/* The metadata of the file; empty for a file saved by PyTorch. */
const cream_weights_info *cream_weights_source_info(const cream_weights_source *);

/* Writes the parameters of a network in the order of its table, or (params NULL) all tensors in the order of the file.
 * Failures and `report` are those of cream_weights_match and cream_st_write; also CREAM_BAD_DATA for a file with further
 * layers under the names of the network's. */
cream_status cream_weights_source_save(const cream_weights_source *, const char *path,
                                       const cream_param *params, int n_params, const cream_weights_info *,
                                       cream_weights_report *report, cream_error *);

#endif
