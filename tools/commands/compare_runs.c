#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "compare.h"
#include "core/search/search.h"

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
