/* The endpoint of a study: what it was made to find out, and its test. Format: docs/ranking.md. */
#ifndef CREAM_IO_STUDY_ENDPOINT_H
#define CREAM_IO_STUDY_ENDPOINT_H

#include "io/base/json.h"
#include "study_results.h"

/* A row compared with endpoint.against. */
typedef struct cream_endpoint_result {
  size_t n;                  /* seeds that both have */
  cream_interval difference; /* mean, and bootstrap interval at the level 1 - alpha */
  bool by_paths;             /* the interval resamples paths as well as seeds */
  double deviation;          /* of the differences */
  double p, corrected;
} cream_endpoint_result;

/* results: [endpoint.n], in its order. */
cream_status cream_study_test_endpoint(const cream_study *, const cream_study_run *runs,
                                       cream_endpoint_result *results, cream_error *);
/* Writes the key "endpoint". */
void cream_study_put_endpoint(cream_json *, const cream_study *, const cream_endpoint_result *);
/* Prints the table as Markdown. */
void cream_study_print_endpoint(const cream_study *, const cream_endpoint_result *, FILE *);

#endif
