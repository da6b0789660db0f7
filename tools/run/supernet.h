/* The weights that a search leaves of its supernet, and networks that get theirs from it. */
#ifndef CREAM_TOOLS_SUPERNET_H
#define CREAM_TOOLS_SUPERNET_H

#include <limits.h>

#include "core/base/config.h"
#include "core/base/data.h"
#include "core/net/net.h"
#include "io/base/file.h"
#include "io/config/arch.h"

/* Finds the weights of the supernet in the folder of a search: its file. CREAM_BAD_CONFIG, with what is missing and how
 * to get it: the search has no supernet, or left no weights. */
cream_status supernet_find(const char *folder, const cream_config *search, char file[CREAM_MAX_FILE_NAME],
                           cream_error *);
/* The name of a file for a snapshot of the supernet: "supernet-0012.safetensors" of "supernet.safetensors"; epoch 0: the
 * name itself. Returns `text`. */
char *supernet_snapshot(const char *name, int epoch, char text[64]);
/* The supernet of the search in `folder`, by its own copy of the space where there is one; config->resolution is that
 * of the search. classes: as in run_supernet. */
cream_status supernet_skeleton(const char *folder, const cream_config *search, int classes, cream_skeleton *,
                               cream_error *);
/* The path of a supernet that is this network. CREAM_BAD_CONFIG, with the layer, where it has none; `name` is that of
 * the network in errors. */
cream_status supernet_path(const cream_skeleton *supernet, const char *name, const cream_skeleton *network,
                           cream_path *, cream_error *);
/* Recalibrates a network with the weights of a path as the search does before it evaluates one. epoch: as in
 * cream_recalibrate. */
cream_status supernet_recalibrate(const cream_config *search, cream_net *, cream_source *train,
                                  uint64_t epoch, cream_error *);
/* Gives a network the weights that it has in the supernet of the search in config->inherit, recalibrated as the search
 * does; a line on stderr says so. With another number of classes, the last layer keeps its values. */
cream_status supernet_inherit(const cream_config *config, cream_net *, cream_source *train, cream_error *);
/* The absolute name of a folder for result.json, or the name itself where the folder is gone. Returns one of the two. */
const char *supernet_folder(const char *folder, char path[PATH_MAX]);

#endif
