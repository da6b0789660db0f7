/* Budgets: the limits of several networks that one search looks for. */
#ifndef CREAM_CORE_BUDGET_H
#define CREAM_CORE_BUDGET_H

#include "range.h"

enum { CREAM_MAX_BUDGETS = 8 };

typedef struct cream_budget {
  char label[24];      /* "14", "2.5", "12ms": for file names */
  cream_limits limits; /* without latencies */
} cream_budget;

/* Parses "14,43,114,287" (M FLOPs) or "6ms,12ms" (or a mixture) into budgets of [share * value, value], in
 * the order of the text. *n is 0 for an empty text. Fails with CREAM_BAD_CONFIG unless the text lists at most
 * CREAM_MAX_BUDGETS different positive numbers. */
cream_status cream_budgets_parse(const char *text, double share, cream_budget budgets[CREAM_MAX_BUDGETS],
                                 int *n, cream_error *);

/* Index of the budget with this value ("43", "43.0", "12 ms"), or -1. */
int cream_budgets_find(const cream_budget *, int n, const char *name);

#endif
