/* What a bar for a ranking is held against. */
#include "rank.h"

/* The correlation of all paths between the supernet's `measure` and the trained paths' on `split`. */
static const cream_correlation *correlation_of(const cream_rank_report *report, cream_rank_measure measure,
                                               cream_rank_split split) {
  for (int i = 0; i < report->n_correlations; i++) {
    const cream_correlation *c = &report->correlations[i];
    if (c->by == CREAM_RANK_BY_SUPERNET && c->measure == measure && c->split == split && c->best == report->n)
      return c;
  }
  CREAM_ASSERT(!"a correlation of the ranking");
  return NULL;
}

double rank_measure(const cream_rank_report *report, bar_of_rank bar) {
  const cream_correlation *accuracy = correlation_of(report, CREAM_RANK_TOP1, CREAM_RANK_HELDOUT);
  const cream_correlation *test = correlation_of(report, CREAM_RANK_TOP1, CREAM_RANK_TEST);
  const cream_correlation *loss = correlation_of(report, CREAM_RANK_LOSS, CREAM_RANK_HELDOUT);
  switch (bar) {
  case BAR_RANK_TAU:
    return accuracy->tau.value;
  case BAR_RANK_TAU_LOW:
    return accuracy->tau.low;
  case BAR_RANK_TAU_TEST:
    return test->tau.value;
  case BAR_RANK_TAU_LOSS:
    return loss->tau.value;
  case BAR_RANK_RHO:
    return accuracy->rho.value;
  case BAR_RANK_RHO_LOW:
    return accuracy->rho.low;
  case BAR_RANK_RHO_TEST:
    return test->rho.value;
  case BAR_RANK_RHO_LOSS:
    return loss->rho.value;
  case BARS_RANK_COUNT:
    break;
  }
  CREAM_ASSERT(!"a bar of a ranking");
  return 0;
}
