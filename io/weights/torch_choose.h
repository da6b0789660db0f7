/* Chooses the dict of tensors to read from the object in a PyTorch file. Internal to io/weights/torch_*.c. */
#ifndef CREAM_IO_TORCH_CHOOSE_H
#define CREAM_IO_TORCH_CHOOSE_H

#include "pickle_graph.h"
#include "torch_file.h"

/* Sets *state to the dict to read:
 *  - the one under the choice's key (*by_key is true then);
 *  - timm's `state_dict` or `model`, with `ema` `state_dict_ema` or `model_ema`, if it has tensors;
 *  - the whole object, if it is a dict of nothing but tensors;
 *  - the only dict of tensors at any depth. Those in which names have dots, as in the state dicts of modules, count before
 *    others; those of optimisers and generators count if there are no others; those under a key such as `ema` count with
 *    `ema` only, unless there are no others. Of several, the only one with all names of the network is taken.
 * CREAM_BAD_DATA, with the keys that are there, if none or several remain, CREAM_BAD_CONFIG if `ema` finds none. */
cream_status torch_choose(const char *path, const cream_pickle *, const cream_torch_choice *,
                          const cream_pickle_value **state, bool *by_key, cream_error *);

/* Whether a value is a call that makes a tensor. */
static inline bool torch_is_tensor(const cream_pickle_value *value) {
  return value->kind == CREAM_PICKLE_CALL;
}

#endif
