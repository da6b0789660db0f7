/* One search, several networks: what each of them may cost. */
#ifndef CREAM_CORE_BUDGET_H
#define CREAM_CORE_BUDGET_H

#include "range.h"

enum { CREAM_MAX_BUDGETS = 8 };

typedef struct cream_budget {
  char label[24];      /* "14", "2.5", "12ms": for file names */
  cream_limits limits; /* without latencies */
} cream_budget;

/* Reads "14,43,114,287" (M FLOPs) or "6ms,12ms" (both kinds may stand together): budgets of [share * it, it].
 * They stay in their order. *n is 0 for an empty text. CREAM_BAD_CONFIG for what is no list of different
 * positive numbers, and for more than CREAM_MAX_BUDGETS. */
cream_status cream_budgets_parse(const char *text, double share, cream_budget budgets[CREAM_MAX_BUDGETS],
                                 int *n, cream_error *);

/* Index of the budget that a user names ("43", "43.0", "12 ms"), or -1. */
int cream_budgets_find(const cream_budget *, int n, const char *name);

#endif
