#include "budget.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Reads one budget up to a comma or the end; *end is where. */
static bool parse_one(const char *text, double share, cream_budget *budget, const char **end) {
  char *after;
  double value = strtod(text, &after);
  if (after == text || !(value > 0) || !isfinite(value) || value > 1e9) return false;
  after += strspn(after, " ");
  bool ms = strncmp(after, "ms", 2) == 0;
  if (ms) after += 2;
  after += strspn(after, " ");
  if (*after && *after != ',') return false;
  *budget = (cream_budget){0};
  cream_range *range = ms ? &budget->limits.ms : &budget->limits.flops;
  double unit = ms ? 1 : 1e6;
  *range = (cream_range){share * value * unit, value * unit};
  snprintf(budget->label, sizeof budget->label, "%.6g%s", value, ms ? "ms" : "");
  *end = after;
  return true;
}

static int find_label(const cream_budget *budgets, int n, const char *label) {
  for (int i = 0; i < n; i++)
    if (strcmp(budgets[i].label, label) == 0) return i;
  return -1;
}

int cream_budgets_find(const cream_budget *budgets, int n, const char *name) {
  cream_budget named;
  const char *end;
  return parse_one(name, 0, &named, &end) && !*end ? find_label(budgets, n, named.label) : -1;
}

cream_status cream_budgets_parse(const char *text, double share, cream_budget budgets[CREAM_MAX_BUDGETS],
                                 int *n, cream_error *err) {
  *n = 0;
  if (!text[strspn(text, " ")]) return CREAM_OK;
  for (const char *at = text;; at++) {
    cream_budget budget;
    if (!parse_one(at, share, &budget, &at))
      return cream_fail(err, CREAM_BAD_CONFIG,
                        "search.budgets: got \"%.60s\", expected positive numbers of M FLOPs or milliseconds "
                        "with commas, as 14,43,114 or 6ms,12ms",
                        text);
    if (find_label(budgets, *n, budget.label) >= 0)
      return cream_fail(err, CREAM_BAD_CONFIG, "search.budgets: %s is a duplicate", budget.label);
    if (*n == CREAM_MAX_BUDGETS)
      return cream_fail(err, CREAM_BAD_CONFIG, "search.budgets: more than %d budgets", CREAM_MAX_BUDGETS);
    budgets[(*n)++] = budget;
    if (!*at) return CREAM_OK;
  }
}
