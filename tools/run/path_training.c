#include "path_training.h"

#include <stdio.h>
#include <unistd.h>

#include "core/train/retrain.h"
#include "network.h"
#include "trained.h"

cream_config path_recipe(const cream_config *search) {
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

const char *const path_recipe_free[] = {"out",
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
                                        "rank.truth",
                                        "rank.repeats",
                                        "rank.proxies",
                                        NULL};
static cream_status test_path(const path_training *t, cream_net *net, cream_path_scores *scores,
                              cream_error *err) {
  const cream_skeleton *fixed = cream_net_skeleton(net);
  cream_path path = cream_skeleton_first_path(fixed);
  int batch = t->config->retrain.batch;
  cream_source *heldout;
  run_test tested;
  cream_status status = run_heldout_source(t->data, batch, fixed->resolution, &heldout, err);
  if (status != CREAM_OK) return status;
  status = cream_evaluate(net, &path, heldout, CREAM_BN_RUNNING, &scores->heldout, err);
  cream_source_destroy(heldout);
  if (status == CREAM_OK) status = run_test_net(NULL, net, t->data, batch, NULL, &tested, err);
  if (status == CREAM_OK) scores->test = tested.score;
  return status;
}

cream_status path_train(const path_training *t, cream_path_scores *scores, cream_error *err) {
  const cream_config *config = t->config;
  cream_skeleton fixed = cream_skeleton_fix(t->skeleton, &scores->path);
  cream_backend *backend = NULL;
  cream_source *source = NULL;
  cream_retrain *retrain = NULL;
  cream_status status = run_backend(config, &backend, err);
  if (status == CREAM_OK)
    status = run_train_source(t->data, config, config->retrain.batch, fixed.resolution, &source, err);
  const cream_retrain_inputs inputs = {
      .config = config, .skeleton = &fixed, .train = source, .listener = t->listener};
  if (status == CREAM_OK) status = cream_retrain_create(backend, &inputs, &retrain, err);
  if (status == CREAM_OK) status = cream_retrain_run(retrain, err);
  if (status == CREAM_OK) status = test_path(t, cream_retrain_net(retrain), scores, err);
  cream_retrain_destroy(retrain);
  cream_source_destroy(source);
  if (backend) backend->destroy(backend);
  return status;
}

const char *const path_shards_free[] = {"out",         "arch",     "weights",   "inherit", "threads",
                                        "time_budget", "signals",  "on_nan",    "device",  "opencl.",
                                        "checkpoint.", "cluster.", "rank.jobs", NULL};

cream_status path_collect(cream_path_log *log, const cream_skeleton *skeleton, const cream_path *path,
                          const char *file, cream_error *err) {
  cream_path_scores scores;
  if (access(file, F_OK)) return CREAM_OK;
  cream_status status = cream_path_scores_read(file, skeleton, &scores, err);
  if (status == CREAM_OK && !cream_path_equal(&scores.path, path))
    return cream_fail(err, CREAM_BAD_DATA, "%s: expected the scores of another path; remove the file", file);
  const cream_path_scores *known = status == CREAM_OK ? cream_path_log_find(log, path) : NULL;
  if (known && cream_proxies_cover(&known->proxies, scores.proxies.known)) return CREAM_OK;
  return status == CREAM_OK ? cream_path_log_append(log, &scores, err) : status;
}
