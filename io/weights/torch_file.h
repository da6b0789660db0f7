/* Reads weights from files saved by PyTorch, .pth and .pth.tar, in both forms: since 1.6 a zip archive (data.pkl and one
 * file per storage, stored or deflated), before that five pickles followed by the storages. No code in a file is run
 * (pickle.h), and lengths are checked against the file before memory is allocated.
 *
 * A file holds a state dict, or a checkpoint as timm writes it: a dict with `state_dict` and optionally
 * `state_dict_ema`.
 */
#ifndef CREAM_IO_TORCH_FILE_H
#define CREAM_IO_TORCH_FILE_H

#include <stdbool.h>

#include "safetensors.h"

typedef struct cream_torch_file cream_torch_file;

/* Reads the state dict or, with `ema`, the averaged weights. CREAM_BAD_DATA, naming the file and the byte, opcode, global
 * or tensor, for anything except tensors and containers; CREAM_BAD_CONFIG with `ema` for a file without averaged weights;
 * CREAM_FAILED for a file that cannot be read. */
cream_status cream_torch_open(const char *path, bool ema, cream_torch_file **, cream_error *);
void cream_torch_close(cream_torch_file *);

/* The tensors in the order of the file, contiguous; they live as long as the file is open. Returns their number. */
int cream_torch_tensors(const cream_torch_file *, const cream_st_tensor **);

#endif
