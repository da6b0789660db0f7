/* What the scores of a ranking depend on. */
#include <stddef.h>

#include "io/config/settings.h"
#include "rank.h"
#include "tools/run/path_training.h"

const char *const rank_free_of_scores[] = {
    "out",        "arch",        "weights",      "inherit",           "threads",       "time_budget",
    "signals",    "on_nan",      "device",       "opencl.parameters", "checkpoint.",   "retrain.",
    "rank.paths", "rank.spread", "rank.buckets", "rank.epochs",       "rank.batch",    "rank.resamples",
    "rank.jobs",  "rank.table",  "rank.repeats", "rank.proxies",      "search.oracle", "search.snapshots",
    "rank.truth", NULL};

bool rank_may_share(const cream_config *a, const cream_config *b) {
  const cream_config x = path_recipe(a), y = path_recipe(b);
  return cream_settings_differ(&x, &y, path_recipe_free) == NULL;
}
