/* Rankings, for those who make several. */
#ifndef CREAM_TOOLS_RANK_H
#define CREAM_TOOLS_RANK_H

#include "core/base/config.h"

/* Whether paths trained from scratch by the one settings are of use to the other (rank.table). */
bool rank_may_share(const cream_config *, const cream_config *);

#endif
