#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "compare.h"
#include "core/search/search.h"
#include "io/base/file.h"
#include "io/run/study_endpoint_read.h"

int compare_runs(const compare *c) {
  return c->study.n_rows * c->study.n_seeds;
}

const cream_study_row *compare_row(const compare *c, int run) {
  return &c->study.rows[run / c->study.n_seeds];
}

uint64_t compare_seed(const compare *c, int run) {
  return c->study.seeds[run % c->study.n_seeds];
}

const cream_config *compare_config(const compare *c, int run) {
  return &c->study.arms[compare_row(c, run)->arm].config;
}

char *compare_folder(const compare *c, int run, const char *suffix, char *text, size_t size) {
  snprintf(text, size, "%s/%s%s", c->dir, c->runs[run].dir, suffix);
  return text;
}

char *compare_trained_folder(const compare *c, int run, char *text, size_t size) {
  const char *budget = compare_row(c, run)->budget;
  char suffix[64];
  snprintf(suffix, sizeof suffix, "%s%s-trained", *budget ? "-" : "", budget);
  return compare_folder(c, run, suffix, text, size);
}

bool compare_has(const char *folder, const char *name) {
  char path[CREAM_MAX_FILE_NAME + 64];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  return !access(path, F_OK);
}

bool compare_ranks(const compare *c, int run) {
  return c->study.rank && cream_strategy_has_supernet(compare_config(c, run)->search.strategy);
}

int compare_search_of(const compare *c, int run) {
  int first = run % c->study.n_seeds;
  while (compare_row(c, first)->arm != compare_row(c, run)->arm) first += c->study.n_seeds;
  return first;
}

void compare_set_error(compare *c, const compare_phase *phase, int run, const char *text) {
  for (int i = run % c->study.n_seeds; i < compare_runs(c); i += c->study.n_seeds)
    if (i == run || (phase->by_arm && compare_row(c, i)->arm == compare_row(c, run)->arm))
      snprintf(c->runs[i].error, sizeof c->runs[i].error, "%s: %.480s", phase->name, text);
}

/* ---- the endpoint ------------------------------------------------------------------------------------ */

static bool has_begun(const compare *c) {
  char folder[CREAM_MAX_FILE_NAME];
  for (int run = 0; run < compare_runs(c); run++)
    if (compare_has(compare_folder(c, run, "", folder, sizeof folder), CREAM_RUN_CONFIG)) return true;
  return false;
}

cream_status compare_fix_endpoint(compare *c, cream_error *err) {
  char file[CREAM_MAX_FILE_NAME], now[400], *before;
  size_t size;
  cream_run_file(&c->folder, CREAM_STUDY_ENDPOINT_FILE, file);
  cream_study_endpoint_text(&c->study, now, sizeof now);
  if (c->force || (access(file, F_OK) && !has_begun(c))) return cream_file_write(file, now, strlen(now), err);
  if (access(file, F_OK)) { /* the study was begun by a version without endpoints */
    snprintf(c->study.endpoint.before, sizeof c->study.endpoint.before, "none");
    return CREAM_OK;
  }
  cream_status status = cream_file_read(file, sizeof now, &before, &size, err);
  if (status) return status;
  if (strcmp(before, now) != 0)
    snprintf(c->study.endpoint.before, sizeof c->study.endpoint.before, "%s", before);
  free(before);
  return CREAM_OK;
}
