#include "rank_score.h"

#include <stdlib.h>

#include "io/weights/weights.h"
#include "tools/run/network.h"

void rank_scorer_close(rank_scorer *s) {
  free(s->statistics);
  cream_net_destroy(s->net);
  cream_source_destroy(s->heldout);
  cream_source_destroy(s->train);
  if (s->backend) s->backend->destroy(s->backend);
}

cream_status rank_scorer_open(rank_scorer *s, const rank_scored *of, cream_error *err) {
  const cream_config *config = of->config;
  int batch = config->search.batch, side = of->skeleton->resolution;
  const cream_net_options options = {.batch = batch};
  *s = (rank_scorer){.of = of};
  cream_status status = run_backend(of->device, &s->backend, err);
  if (status == CREAM_OK) status = run_train_source(of->data, config, batch, side, &s->train, err);
  if (status == CREAM_OK) status = run_heldout_source(of->data, batch, side, &s->heldout, err);
  if (status == CREAM_OK) status = cream_net_create(s->backend, of->skeleton, &options, &s->net, err);
  if (status == CREAM_OK) status = cream_weights_load(of->supernet, s->backend, s->net, NULL, err);
  if (status != CREAM_OK) return status;
  size_t count = cream_net_statistic_count(s->net);
  s->statistics = malloc((count + 1) * sizeof *s->statistics);
  if (!s->statistics) return cream_fail_memory(err, count * sizeof *s->statistics, "running statistics");
  return s->backend->download(s->backend, s->statistics, cream_net_statistics(s->net), count, err);
}

/* On the first images of the search, with the initial weights of the path's training. */
static cream_status measure_proxies(rank_scorer *s, cream_path_scores *scores, cream_error *err) {
  const cream_skeleton fixed = cream_skeleton_fix(s->of->skeleton, &scores->path);
  const bool *wanted = s->of->proxies;
  cream_batch batch;
  if (cream_proxies_cover(&scores->proxies, wanted)) return CREAM_OK; /* none is wanted */
  cream_status status = s->train->read(s->train, 0, 0, &batch, err);
  if (status != CREAM_OK) return status;
  return cream_proxies_initial(s->backend, &fixed, s->of->config->seed, &batch, s->train->mean, s->train->std,
                               wanted, &scores->proxies, err);
}

cream_status rank_scorer_score(rank_scorer *s, cream_path_scores *scores, cream_error *err) {
  const cream_config *config = s->of->config;
  size_t count = cream_net_statistic_count(s->net);
  s->backend->upload(s->backend, cream_net_statistics(s->net), s->statistics, count);
  cream_status status = cream_recalibrate(s->net, &scores->path, s->train, (uint64_t)config->search.epochs,
                                          config->recalibrate.mode, config->rank.recalibrate, err);
  if (status == CREAM_OK)
    status = cream_evaluate(s->net, &scores->path, s->heldout, CREAM_BN_RUNNING, &scores->heldout, err);
  return status == CREAM_OK ? measure_proxies(s, scores, err) : status;
}
