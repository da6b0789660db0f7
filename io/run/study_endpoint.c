#include "study_endpoint.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "study_table.h"

enum { RESAMPLES = 2000, SEED = 1 };

/* ---- the test ---------------------------------------------------------------------------------------- */

/* A row beside that which it is compared with, at the seeds that both have. */
typedef struct comparison {
  size_t n;
  const cream_study_run *own[CREAM_MAX_PAIRS], *other[CREAM_MAX_PAIRS];
  cream_study_measure measure;
  double *x, *y; /* scratch of a drawing of paths */
} comparison;

static double measure_drawn(const comparison *c, const cream_study_pairs *pairs, const size_t *members,
                            size_t n) {
  for (size_t i = 0; i < n; i++) {
    c->x[i] = pairs->x[members[i]];
    c->y[i] = pairs->y[members[i]];
  }
  return pairs->statistic(c->x, c->y, n);
}

static double difference(const void *self, size_t seed, const size_t *members, size_t n) {
  const comparison *c = self;
  const cream_study_run *own = c->own[seed], *other = c->other[seed];
  if (n == 0) return own->values[c->measure] - other->values[c->measure];
  return measure_drawn(c, &own->pairs, members, n) - measure_drawn(c, &other->pairs, members, n);
}

/* Whether both rows have their measure over the same paths at every seed, so that these can be drawn again; crossed: the
 * paths of all seeds are the same. */
static bool has_paths(const comparison *c, size_t members[CREAM_MAX_PAIRS], bool *crossed) {
  *crossed = true;
  for (size_t s = 0; s < c->n; s++) {
    const cream_study_pairs *own = &c->own[s]->pairs, *other = &c->other[s]->pairs;
    if (own->n == 0 || own->n != other->n || own->paths != other->paths) return false;
    *crossed &= own->n == c->own[0]->pairs.n && own->paths == c->own[0]->pairs.paths;
    members[s] = own->n;
  }
  return c->n > 0;
}

static cream_status find_interval(comparison *c, const cream_bootstrap *bootstrap, cream_endpoint_result *r,
                                  cream_error *err) {
  size_t members[CREAM_MAX_PAIRS], most = 1;
  cream_levels levels = {.groups = c->n, .value = difference, .self = c};
  r->by_paths = has_paths(c, members, &levels.crossed);
  if (r->by_paths) levels.members = members;
  for (size_t s = 0; s < c->n && r->by_paths; s++)
    if (members[s] > most) most = members[s];
  c->x = malloc(2 * most * sizeof *c->x);
  if (!c->x) return cream_fail_memory(err, 2 * most * sizeof *c->x, "a bootstrap");
  c->y = c->x + most;
  cream_status status = cream_levels_interval(bootstrap, &levels, &r->difference, err);
  free(c->x);
  return status;
}

static cream_status test_row(const cream_study *study, const cream_study_run *runs, int row,
                             cream_endpoint_result *r, cream_error *err) {
  const cream_study_endpoint *e = &study->endpoint;
  const cream_bootstrap bootstrap = {RESAMPLES, 1 - e->alpha, SEED};
  double x[CREAM_MAX_PAIRS], y[CREAM_MAX_PAIRS], differences[CREAM_MAX_PAIRS];
  comparison c = {.measure = e->measure};
  for (int s = 0; s < study->n_seeds; s++) {
    const cream_study_run *own = &runs[row * study->n_seeds + s],
                          *other = &runs[e->against * study->n_seeds + s];
    if (isnan(own->values[e->measure]) || isnan(other->values[e->measure])) continue;
    c.own[c.n] = own;
    c.other[c.n] = other;
    x[c.n] = own->values[e->measure];
    y[c.n++] = other->values[e->measure];
  }
  *r = (cream_endpoint_result){
      .n = c.n, .difference = {NAN, NAN, NAN}, .deviation = NAN, .p = NAN, .corrected = NAN};
  if (c.n == 0) return CREAM_OK;
  cream_differences(x, y, c.n, differences);
  r->deviation = cream_deviation(differences, c.n);
  r->p = cream_test_p(e->test, x, y, c.n, SEED);
  return find_interval(&c, &bootstrap, r, err);
}

cream_status cream_study_test_endpoint(const cream_study *study, const cream_study_run *runs,
                                       cream_endpoint_result *results, cream_error *err) {
  const cream_study_endpoint *e = &study->endpoint;
  double p[CREAM_STUDY_MAX_ARMS], corrected[CREAM_STUDY_MAX_ARMS];
  for (int i = 0; i < e->n; i++) {
    cream_status status = test_row(study, runs, e->rows[i], &results[i], err);
    if (status) return status;
    p[i] = results[i].p;
  }
  cream_correct(e->correction, p, (size_t)e->n, corrected);
  for (int i = 0; i < e->n; i++) results[i].corrected = corrected[i];
  return CREAM_OK;
}

/* ---- writing ----------------------------------------------------------------------------------------- */

void cream_study_put_endpoint(cream_json *json, const cream_study *study,
                              const cream_endpoint_result *results) {
  const cream_study_endpoint *e = &study->endpoint;
  char title[CREAM_TABLE_CELL];
  cream_json_object(json, "endpoint", true);
  cream_json_string(json, "measure", cream_study_measures[e->measure].key);
  cream_json_string(json, "title", cream_study_measure_title(e->measure, title, sizeof title));
  cream_json_string(json, "against", study->rows[e->against].name);
  cream_json_string(json, "test", cream_test_words[e->test]);
  cream_json_string(json, "test_title", cream_test_titles[e->test]);
  cream_json_string(json, "correction", cream_correction_words[e->correction]);
  cream_json_number(json, "alpha", e->alpha);
  cream_json_bool(json, "fixed", !*e->before);
  if (*e->before) cream_json_string(json, "before", e->before);
  cream_json_integer(json, "digits", (uint64_t)cream_study_measures[e->measure].digits);
  cream_json_array(json, "results", true);
  for (int i = 0; i < e->n; i++) {
    const cream_endpoint_result *r = &results[i];
    cream_json_object(json, NULL, false);
    cream_json_string(json, "arm", study->rows[e->rows[i]].name);
    cream_json_integer(json, "n", r->n);
    cream_json_number(json, "difference", r->difference.value);
    cream_json_number(json, "low", r->difference.low);
    cream_json_number(json, "high", r->difference.high);
    cream_json_string(json, "resampled", r->by_paths ? "seeds and paths" : "seeds");
    cream_json_number(json, "deviation", r->deviation);
    cream_json_number(json, "p", r->p);
    cream_json_number(json, "corrected", r->corrected);
    cream_json_end(json);
  }
  cream_json_end(json);
  cream_json_end(json);
}

static void put_result(const cream_study *study, cream_table *t, int i, const cream_endpoint_result *r) {
  const cream_study_endpoint *e = &study->endpoint;
  int digits = cream_study_measures[e->measure].digits, row = i + 1;
  char p[32], corrected[32];
  cream_table_p(p, r->p);
  cream_table_p(corrected, r->corrected);
  cream_table_put(t, row, 0, "%s", study->rows[e->rows[i]].name);
  cream_table_put(t, row, 1, "%zu", r->n);
  for (int column = 2; column < t->columns; column++) cream_table_put(t, row, column, "-");
  if (isnan(r->difference.value)) return;
  cream_table_put(t, row, 2, "%+.*f", digits, r->difference.value);
  if (!isnan(r->difference.low))
    cream_table_put(t, row, 3, "%+.*f to %+.*f", digits, r->difference.low, digits, r->difference.high);
  cream_table_put(t, row, 4, "%s", p);
  cream_table_put(t, row, 5, "%s", corrected);
}

void cream_study_print_endpoint(const cream_study *study, const cream_endpoint_result *results, FILE *out) {
  const cream_study_endpoint *e = &study->endpoint;
  char title[CREAM_TABLE_CELL];
  cream_table t;
  bool by_paths = false;
  if (!cream_table_init(&t, e->n + 1, 6)) return;
  cream_table_put(&t, 0, 0, "endpoint");
  cream_table_put(&t, 0, 1, "seeds");
  cream_table_put(&t, 0, 2, "difference");
  cream_table_put(&t, 0, 3, "%g %% interval", 100 * (1 - e->alpha));
  cream_table_put(&t, 0, 4, "p");
  cream_table_put(&t, 0, 5, "corrected p");
  for (int i = 0; i < e->n; i++) {
    put_result(study, &t, i, &results[i]);
    by_paths |= results[i].by_paths;
  }
  fprintf(
      out,
      "Endpoint: %s, compared with %s (%s, correction: %s, alpha %g). The intervals draw seeds%s again.\n\n",
      cream_study_measure_title(e->measure, title, sizeof title), study->rows[e->against].name,
      cream_test_titles[e->test], cream_correction_words[e->correction], e->alpha,
      by_paths ? " and paths" : "");
  if (*e->before)
    fprintf(out, "This endpoint was not fixed before the study began; then it was: %s.\n\n", e->before);
  cream_table_print(&t, out);
  fputc('\n', out);
  cream_table_free(&t);
}
