/* For commands that make several rankings. */
#ifndef CREAM_TOOLS_RANK_H
#define CREAM_TOOLS_RANK_H

#include "core/base/config.h"

/* Whether rankings with these settings can share a file of trained paths (rank.table). */
bool rank_may_share(const cream_config *, const cream_config *);

#endif
