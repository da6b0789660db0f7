/* Reads weights from files saved by PyTorch, .pth and .pth.tar, in both forms: since 1.6 a zip archive (data.pkl and one
 * file per storage, stored or deflated), before that five pickles followed by the storages. No code in a file is run
 * (pickle.h), and lengths are checked against the file before memory is allocated.
 *
 * A file holds a state dict, or a checkpoint: dicts and lists, among them a dict of tensors (torch_choose.h says which is
 * read). What stands beside the tensors is skipped.
 */
#ifndef CREAM_IO_TORCH_FILE_H
#define CREAM_IO_TORCH_FILE_H

#include <stdbool.h>

#include "core/net/net.h"
#include "safetensors.h"

typedef struct cream_torch_file cream_torch_file;

/* Which tensors to read. {0}: those that are there. */
typedef struct cream_torch_choice {
  bool ema;                  /* the averaged weights */
  const char *key;           /* NULL: not given. Keys to the dict of tensors, joined by dots */
  const cream_param *params; /* NULL: not known. Of the network: decide where several dicts would do */
  int n_params;
  const cream_skeleton *net; /* of the params; NULL: only this program's own names of them are recognised */
} cream_torch_choice;

/* Reads one dict of tensors. CREAM_BAD_DATA, naming the file and the byte, opcode, global or tensor, for files that are
 * damaged, that have no such dict or several, and that name programs; CREAM_BAD_CONFIG with `ema` for a file without
 * averaged weights; CREAM_FAILED for a file that cannot be read. */
cream_status cream_torch_open(const char *path, const cream_torch_choice *, cream_torch_file **,
                              cream_error *);
void cream_torch_close(cream_torch_file *);

/* The tensors in the order of the file, contiguous; they live as long as the file is open. Returns their number. */
int cream_torch_tensors(const cream_torch_file *, const cream_st_tensor **);

/* Whether the key of the choice led to the dict that is read. If not, it may be a prefix of names. */
bool cream_torch_by_key(const cream_torch_file *);

#endif
