/* Paths of a supernet trained from scratch, for rankings and tables. */
#ifndef CREAM_TOOLS_PATH_TRAINING_H
#define CREAM_TOOLS_PATH_TRAINING_H

#include "core/base/event.h"
#include "io/run/path_log.h"
#include "run_data.h"

/* The settings of retraining with rank.epochs and rank.batch. No averaged weights: they would still be near their initial
 * values. Nothing is frozen, for the same reason. */
cream_config path_recipe(const cream_config *);
/* Settings on which the scores of a trained path do not depend, as in cream_settings_differ. */
extern const char *const path_recipe_free[];

typedef struct path_training {
  const cream_config *config; /* of path_recipe */
  const run_data *data;
  const cream_skeleton *skeleton; /* of the supernet */
  cream_listener listener;
} path_training;

/* Trains scores->path on a device of its own, and measures it on the held-out and the test images. */
cream_status path_train(const path_training *, cream_path_scores *scores, cream_error *);

/* Settings that each shard of a ranking or a table may have for itself, as in cream_settings_differ. */
extern const char *const path_shards_free[];
/* Appends to the log the path's scores that a shard has left in the file, where there is one and the log does not have
 * them all. */
cream_status path_collect(cream_path_log *, const cream_skeleton *, const cream_path *, const char *file,
                          cream_error *);

#endif
