/* retrain.freeze: which parts of a network are not trained. */
#ifndef CREAM_CORE_FREEZE_H
#define CREAM_CORE_FREEZE_H

#include "core/space/space.h"

/* Reads where the frozen part of a fixed skeleton ends:
 *   "none"        nothing is frozen
 *   "stem"        the stem alone
 *   "blocks.S"    up to stage S and with it, in the names of parameters (from 0)
 *   "blocks.S.B"  up to block B of stage S
 *   "head"        up to the convolution before pooling
 *   "backbone"    all but the classifier: also the linear layer before it, where the network has one
 * A detector has no "head"; its "backbone" is all but neck and heads.
 * *frozen: as in cream_net_options. CREAM_BAD_CONFIG, with a list of what there is, for anything else. */
cream_status cream_freeze_parse(const cream_skeleton *, const char *text, int *frozen, cream_error *);

#endif
