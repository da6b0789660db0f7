/* Architectures in the notation of the paper's authors: a list of stages, each a list of choice indices in the `cream`
 * space: [[3], [3, 1], [3, 1], [3, 3, 3], [3, 3]], or these between a first and a last [0], which stand for the stages
 * without a choice. A stage of one layer has the stage's base op, whatever its index is.
 */
#ifndef CREAM_IO_ARCH_LIST_H
#define CREAM_IO_ARCH_LIST_H

#include <stdbool.h>

#include "core/space/space.h"

/* Whether the text is in this notation: it begins with a bracket. */
bool cream_arch_is_list(const char *text);

/* Sets *net to the network at the space's largest resolution, with the space's number of classes, and *space_hash to the
 * hash of the space. CREAM_BAD_CONFIG, with the stage and the layer, for a list that is not a network of the space;
 * nothing is changed then. */
cream_status cream_arch_parse_list(const char *text, cream_skeleton *net, char space_hash[33], cream_error *);

#endif
