#include "rank.h"

#include <math.h>

#include "io/base/file.h"
#include "io/config/settings.h"
#include "path_log.h"
#include "run.h"

static const char *measure_word(cream_rank_measure measure) {
  switch (measure) {
  case CREAM_RANK_TOP1:
    return "top1";
  case CREAM_RANK_LOSS:
    return "loss";
  }
  CREAM_ASSERT(!"a measure of paths");
  return NULL;
}

static const char *split_word(cream_rank_split split) {
  switch (split) {
  case CREAM_RANK_HELDOUT:
    return "heldout";
  case CREAM_RANK_TEST:
    return "test";
  }
  CREAM_ASSERT(!"a set of images");
  return NULL;
}

/* How paths were drawn and trained, which is up to the table where there is one. */
static void put_drawing(cream_json *json, const cream_rank_report *report) {
  const cream_config *config = report->config;
  char word[32];
  cream_json_string(json, "spread", cream_settings_get(config, "rank.spread", word, sizeof word));
  cream_json_integer(json, "buckets", (uint64_t)config->rank.buckets);
  cream_json_integer(json, "epochs", (uint64_t)config->rank.epochs);
  cream_json_integer(json, "batch", (uint64_t)report->batch);
}

/* How the ranking was made. */
static void put_how(cream_json *json, const cream_rank_report *report) {
  const cream_config *config = report->config;
  char word[32];
  cream_json_string(json, "data", report->data);
  cream_json_string(json, "space", report->skeleton->space.name);
  cream_json_integer(json, "resolution", (uint64_t)report->skeleton->resolution);
  cream_json_integer(json, "seed", config->seed);
  if (report->flops->max > 0) {
    cream_json_array(json, "flops", false);
    cream_json_number(json, NULL, report->flops->min);
    cream_json_number(json, NULL, report->flops->max);
    cream_json_end(json);
  }
  if (*config->rank.truth)
    cream_json_bool(json, "table", true);
  else
    put_drawing(json, report);
  cream_json_object(json, "recalibrate", false);
  cream_json_string(json, "mode", cream_settings_get(config, "recalibrate.mode", word, sizeof word));
  cream_json_integer(json, "batches", (uint64_t)config->rank.recalibrate);
  cream_json_end(json);
  cream_json_object(json, "bootstrap", false);
  cream_json_integer(json, "resamples", (uint64_t)report->bootstrap->resamples);
  cream_json_number(json, "level", report->bootstrap->level);
  cream_json_end(json);
}

static void put_paths(cream_json *json, const cream_rank_report *report) {
  cream_json_array(json, "paths", true);
  for (int i = 0; i < report->n; i++) {
    const cream_ranked *ranked = &report->paths[i];
    cream_json_object(json, NULL, false);
    cream_json_path(json, report->skeleton, &ranked->path);
    cream_json_array(json, "choices", false);
    for (int l = 0; l < ranked->path.n_layers; l++) cream_json_integer(json, NULL, ranked->path.choice[l]);
    cream_json_end(json);
    cream_json_number(json, "flops", cream_cost_flops(&ranked->cost));
    cream_json_number(json, "macs", ranked->cost.macs);
    cream_json_number(json, "params", ranked->cost.params);
    cream_json_score(json, "supernet", &ranked->supernet);
    cream_json_score(json, "heldout", &ranked->heldout);
    cream_json_score(json, "test", &ranked->test);
    if (ranked->again.count) cream_json_score(json, "again", &ranked->again);
    if (!isnan(ranked->ms)) cream_json_number(json, "ms", ranked->ms);
    cream_json_proxies(json, &ranked->proxies);
    cream_json_end(json);
  }
  cream_json_end(json);
}

static void put_interval(cream_json *json, const char *key, const cream_interval *interval) {
  cream_json_object(json, key, false);
  cream_json_number(json, "value", interval->value);
  cream_json_number(json, "low", interval->low);
  cream_json_number(json, "high", interval->high);
  cream_json_end(json);
}

static void put_correlations(cream_json *json, const cream_rank_report *report) {
  cream_json_array(json, "correlations", true);
  for (int i = 0; i < report->n_correlations; i++) {
    const cream_correlation *c = &report->correlations[i];
    cream_json_object(json, NULL, false);
    cream_json_integer(json, "best", (uint64_t)c->best);
    cream_json_string(json, "by", cream_rank_by_words[c->by]);
    cream_json_string(json, "measure", measure_word(c->measure));
    cream_json_string(json, "split", split_word(c->split));
    put_interval(json, "tau", &c->tau);
    put_interval(json, "rho", &c->rho);
    if (!isnan(c->recall.value)) put_interval(json, "recall", &c->recall);
    if (!isnan(c->regret.value)) put_interval(json, "regret", &c->regret);
    cream_json_end(json);
  }
  cream_json_end(json);
}

cream_status cream_rank_write(const char *name, const cream_rank_report *report, cream_error *err) {
  cream_file file;
  cream_status status = cream_file_create(&file, name, err);
  if (status) return status;
  cream_json json = cream_json_to(file.stream);
  cream_json_object(&json, NULL, true);
  cream_json_string(&json, "format", "cream-rank");
  cream_json_integer(&json, "version", 1);
  put_how(&json, report);
  put_paths(&json, report);
  put_correlations(&json, report);
  cream_json_end(&json);
  fputc('\n', file.stream);
  return cream_file_commit(&file, err);
}
