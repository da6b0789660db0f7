/* Architectures in the notation of the paper's authors: a list of stages, each a list of choice indices in
 * the `cream` space, [[3], [3, 1], [3, 1], [3, 3, 3], [3, 3]]. A stage of one layer has the stage's base op,
 * whatever its index says.
 */
#ifndef CREAM_IO_ARCH_LIST_H
#define CREAM_IO_ARCH_LIST_H

#include "arch.h"

bool cream_arch_is_list(const char *text);

/* The network, at the space's largest resolution and with its number of classes. CREAM_BAD_CONFIG, naming the
 * stage and the layer, for anything that the space does not have; `arch` is unchanged then. */
cream_status cream_arch_parse_list(const char *text, cream_arch *arch, cream_error *);

#endif
