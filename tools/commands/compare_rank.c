/* The measures of a study that come from the ranking of a run. */
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compare.h"
#include "core/base/hash.h"
#include "io/run/rank.h"

enum { HALF = -1 };

/* In percent. */
static double recall(const double *x, const double *y, size_t n) {
  return 100 * cream_rank_recall(x, y, n);
}

static double regret(const double *x, const double *y, size_t n) {
  return 100 * cream_rank_regret(x, y, n);
}

/* A measure: the statistic of the correlation's pairs. best: paths; 0: all; HALF. */
typedef struct ranking_measure {
  cream_study_measure measure;
  cream_correlation of;
  cream_statistic *statistic;
} ranking_measure;

static const ranking_measure measures[] = {
    {CREAM_STUDY_TAU10, {.best = 10}, cream_kendall},
    {CREAM_STUDY_TAU20, {.best = 20}, cream_kendall},
    {CREAM_STUDY_TAU, {0}, cream_kendall},
    {CREAM_STUDY_RHO, {0}, cream_spearman},
    {CREAM_STUDY_TAU_LOSS, {.measure = CREAM_RANK_LOSS}, cream_kendall},
    {CREAM_STUDY_TAU_TEST, {.split = CREAM_RANK_TEST}, cream_kendall},
    {CREAM_STUDY_TAU_HALF, {.best = HALF}, cream_kendall},
    {CREAM_STUDY_RECALL, {0}, recall},
    {CREAM_STUDY_REGRET, {0}, regret},
    {CREAM_STUDY_TAU_FLOPS, {.by = CREAM_RANK_BY_FLOPS}, cream_kendall},
    {CREAM_STUDY_TAU_PARAMS, {.by = CREAM_RANK_BY_PARAMS}, cream_kendall},
    {CREAM_STUDY_TAU_LATENCY, {.by = CREAM_RANK_BY_LATENCY}, cream_kendall},
#define PROXY(name, word, title) {CREAM_STUDY_TAU_##name, {.by = CREAM_RANK_BY_##name}, cream_kendall},
    CREAM_PROXIES(PROXY)
#undef PROXY
        {CREAM_STUDY_TAU_AGAIN, {.by = CREAM_RANK_BY_AGAIN}, cream_kendall},
};
enum { N_MEASURES = sizeof measures / sizeof *measures };

/* A ranking as it was stored. */
typedef struct ranking {
  int n;
  cream_ranked paths[CREAM_RANK_MAX_PATHS];
  uint64_t hash; /* of the paths */
} ranking;

static double number_at(const json_t *object, const char *key) {
  const json_t *value = json_object_get(object, key);
  return json_is_number(value) ? json_number_value(value) : (double)NAN;
}

static cream_score read_score(const json_t *path, const char *key) {
  const json_t *score = json_object_get(path, key);
  return (cream_score){.top1 = number_at(score, "top1"),
                       .top5 = number_at(score, "top5"),
                       .loss = number_at(score, "loss"),
                       .count = (size_t)json_integer_value(json_object_get(score, "count"))};
}

static cream_proxy_values read_proxies(const json_t *proxies) {
  cream_proxy_values values;
  for (int i = 0; i < CREAM_PROXY_COUNT; i++) {
    values.value[i] = number_at(proxies, cream_proxy_words[i]);
    values.known[i] = !isnan(values.value[i]);
  }
  return values;
}

static void read_paths(const json_t *list, ranking *r) {
  const json_t *path, *choice;
  size_t i, l;
  r->hash = CREAM_FNV1A_START;
  json_array_foreach(list, i, path) {
    if (i == CREAM_RANK_MAX_PATHS) break;
    r->paths[i] =
        (cream_ranked){.cost = {.macs = number_at(path, "flops"), .params = number_at(path, "params")},
                       .ms = number_at(path, "ms"),
                       .proxies = read_proxies(json_object_get(path, "proxies")),
                       .again = read_score(path, "again"),
                       .supernet = read_score(path, "supernet"),
                       .heldout = read_score(path, "heldout"),
                       .test = read_score(path, "test")};
    json_array_foreach(json_object_get(path, "choices"), l, choice) {
      unsigned char value = (unsigned char)json_integer_value(choice);
      r->hash = cream_fnv1a(r->hash, &value, 1);
    }
    r->n = (int)i + 1;
  }
}

/* Computes a measure; the pairs of the endpoint are stored with it. */
static cream_status measure(const ranking *r, const ranking_measure *m, const cream_study *study,
                            cream_study_run *run, cream_error *err) {
  static double x[CREAM_RANK_MAX_PATHS], y[CREAM_RANK_MAX_PATHS];
  cream_correlation of = m->of;
  int known = cream_rank_known(r->paths, r->n, of.by);
  if (of.best == 0) of.best = known;
  if (of.best == HALF) of.best = (known + 1) / 2;
  if (of.best < 2 || (m->of.best && of.best >= known)) return CREAM_OK; /* these are all */
  cream_rank_pairs(r->paths, r->n, &of, x, y);
  run->values[m->measure] = m->statistic(x, y, (size_t)of.best);
  if (!study->endpoint.given || study->endpoint.measure != m->measure) return CREAM_OK;
  size_t n = (size_t)of.best, bytes = n * sizeof *x;
  run->pairs = (cream_study_pairs){n, malloc(bytes), malloc(bytes), m->statistic, r->hash};
  if (!run->pairs.x || !run->pairs.y) return cream_fail_memory(err, 2 * bytes, "the paths of a ranking");
  memcpy(run->pairs.x, x, bytes);
  memcpy(run->pairs.y, y, bytes);
  return CREAM_OK;
}

cream_status compare_read_ranking(compare *c, int run, cream_error *err) {
  static ranking r;
  char folder[CREAM_MAX_FILE_NAME], path[CREAM_MAX_FILE_NAME + 64];
  r.n = 0;
  if (!compare_ranks(c, run)) return CREAM_OK;
  snprintf(path, sizeof path, "%s/" CREAM_RANK_FILE, compare_folder(c, run, "", folder, sizeof folder));
  json_t *file = json_load_file(path, 0, NULL);
  read_paths(json_object_get(file, "paths"), &r);
  json_decref(file);
  cream_status status = CREAM_OK;
  for (int m = 0; m < N_MEASURES && r.n >= 2 && !status; m++)
    status = measure(&r, &measures[m], &c->study, &c->runs[run], err);
  return status;
}
