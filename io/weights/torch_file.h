/* Weights out of PyTorch's own files, .pth and .pth.tar, of either form: since 1.6 a zip archive (data.pkl
 * and a file for each storage, stored or deflated), before that five pickles and the storages behind them.
 * Nothing in them is run (pickle.h); lengths are checked against the file before anything is allocated.
 *
 * A file is a state dict, or a checkpoint of timm's form: a dict with `state_dict` and maybe
 * `state_dict_ema`.
 */
#ifndef CREAM_IO_TORCH_FILE_H
#define CREAM_IO_TORCH_FILE_H

#include <stdbool.h>

#include "safetensors.h"

typedef struct cream_torch_file cream_torch_file;

/* Whether a file begins as PyTorch's do. False also for a file that cannot be read. */
bool cream_torch_recognise(const char *path);

/* Reads the state dict, or with `ema` the averaged one beside it. CREAM_BAD_DATA, naming file and byte,
 * opcode, global or tensor, for whatever is not tensors and containers; CREAM_BAD_CONFIG where averaged
 * weights are asked for and there are none. */
cream_status cream_torch_open(const char *path, bool ema, cream_torch_file **, cream_error *);
void cream_torch_close(cream_torch_file *);

/* Its tensors in their order, contiguous; they live as long as the file is open. */
int cream_torch_tensors(const cream_torch_file *, const cream_st_tensor **);

#endif
