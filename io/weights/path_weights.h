/* The weights of one path in the file of a supernet. */
#ifndef CREAM_IO_PATH_WEIGHTS_H
#define CREAM_IO_PATH_WEIGHTS_H

#include "core/space/space.h"
#include "safetensors.h"

typedef struct cream_path_weights {
  cream_st_tensor *tensors; /* [count], under the names of the path's network; their data are the file's */
  int count;
  char *names;
} cream_path_weights;

/* Selects the tensors of a path of the supernet: "blocks.1.0.3.conv_dw.weight" of choice 3 becomes
 * "blocks.1.0.conv_dw.weight". Those of other choices and of the meta network are left out; all others stay. Call
 * cream_path_weights_free afterwards, on failure too. CREAM_FAILED without memory. */
cream_status cream_path_weights_select(const cream_skeleton *supernet, const cream_path *,
                                       const cream_st_tensor *, int n, cream_path_weights *, cream_error *);
void cream_path_weights_free(cream_path_weights *);

#endif
