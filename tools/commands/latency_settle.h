/* Measurements that other work on the machine disturbed: how they are recognised, and measuring them again. */
#ifndef CREAM_TOOLS_LATENCY_SETTLE_H
#define CREAM_TOOLS_LATENCY_SETTLE_H

#include <stdbool.h>

#include "core/base/status.h"

/* Whether a table with this rank correlation and mean relative error predicts well enough: cream latency check's rule. */
#define LATENCY_LEAST_CORRELATION 0.95
#define LATENCY_MOST_ERROR        0.10
bool latency_predicts(double spearman, double mean_error);

/* Repeated measurements of networks. */
typedef struct latency_series {
  int networks, rounds;
  const double *ms; /* [networks][rounds], > 0 */
} latency_series;

typedef struct latency_verdict {
  double spread; /* mean of how much the median of a network is above its fast measurements, as a share */
  double error, spearman; /* of predictions, as in latency_predicts; 1: networks hardly differ */
  bool disturbed;
} latency_verdict;

/* Judges measurements without a clock: they are disturbed where medians are a tenth above the fast measurements, or the
 * predictions would fail cream latency check. "Fast" is a network's second fastest measurement, of fewer than three the
 * fastest. Ranks count where the predictions of at least three networks differ by more than a tenth.
 * predicted[networks]: NULL: there are none. again[networks * rounds]: set true for those that are slow; others are
 * left. Fails only where memory does. */
cream_status latency_judge(const latency_series *, const double *predicted, bool *again, latency_verdict *,
                           cream_error *);

/* Something that is measured. */
typedef struct latency_task {
  void *self;
  int networks, rounds;
  const char *name;  /* of the table, for messages */
  const char *doubt; /* what a disturbed judgement means, for messages */
  bool accept;       /* disturbed measurements do */
  double
      least_seconds; /* everything is measured again and again for so long: a machine can be slow for seconds */
  double (*now)(void); /* seconds */
  /* Measures those that are true in again[networks * rounds]; of two measurements the faster one counts. */
  cream_status (*measure)(void *self, const bool *again, cream_error *);
  /* Judges everything measured, and marks as in latency_judge. */
  cream_status (*judge)(void *self, bool *again, latency_verdict *, cream_error *);
} latency_task;

enum { LATENCY_REPEATS = 3 };

/* Measures everything for least_seconds, and what is disturbed again, at most LATENCY_REPEATS times; a line on
 * stderr says so each time. Where it stays disturbed: CREAM_FAILED, or with `accept` a line on stderr. */
cream_status latency_settle(const latency_task *, cream_error *);

#endif
