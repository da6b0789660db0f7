/* Shared by the files of train.h. */
#ifndef CREAM_CORE_TRAIN_INTERNAL_H
#define CREAM_CORE_TRAIN_INTERNAL_H

#include "train.h"

/* train_parts.c: allocates the sums over the parts of a step, and what statistics need; points blocks.g to the means. */
cream_status train_init_parts(cream_train *, const cream_train_options *, cream_error *);
void train_destroy_parts(cream_train *);

/* train.c: whether the time budget is used up, by this rank's clock. */
bool train_out_of_time(const cream_train *);

#endif
