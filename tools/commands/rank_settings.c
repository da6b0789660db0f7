/* The settings on which the scores of a ranking depend. */
#include <stdio.h>

#include "io/config/settings.h"
#include "rank.h"

cream_config rank_recipe(const cream_config *search) {
  cream_config config = *search;
  config.retrain.epochs = search->rank.epochs;
  if (search->rank.batch) config.retrain.batch = search->rank.batch;
  config.rank.batch = config.retrain.batch;
  config.retrain.ema = 0;
  snprintf(config.retrain.freeze, sizeof config.retrain.freeze, "none");
  config.retrain.eval_every = 0;
  config.time_budget = 0;
  return config;
}

const char *const rank_free_of_trained[] = {"out",
                                            "arch",
                                            "weights",
                                            "inherit",
                                            "threads",
                                            "time_budget",
                                            "signals",
                                            "on_nan",
                                            "device",
                                            "opencl.parameters",
                                            "checkpoint.",
                                            "search.",
                                            "flops",
                                            "recalibrate.",
                                            "retrain.epochs",
                                            "retrain.batch",
                                            "retrain.ema",
                                            "retrain.weights",
                                            "retrain.eval_every",
                                            "rank.paths",
                                            "rank.spread",
                                            "rank.buckets",
                                            "rank.recalibrate",
                                            "rank.resamples",
                                            "rank.jobs",
                                            "rank.table",
                                            NULL};
const char *const rank_free_of_scores[] = {
    "out",         "arch",       "weights",        "inherit",     "threads",
    "time_budget", "signals",    "on_nan",         "device",      "opencl.parameters",
    "checkpoint.", "retrain.",   "rank.paths",     "rank.spread", "rank.buckets",
    "rank.epochs", "rank.batch", "rank.resamples", "rank.jobs",   "rank.table",
    NULL};

bool rank_may_share(const cream_config *a, const cream_config *b) {
  const cream_config x = rank_recipe(a), y = rank_recipe(b);
  return cream_settings_differ(&x, &y, rank_free_of_trained) == NULL;
}
