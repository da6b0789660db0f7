/* search.oracle: a table of trained paths shows what the choice of a search is worth. */
#ifndef CREAM_TOOLS_ORACLE_H
#define CREAM_TOOLS_ORACLE_H

#include "core/search/search.h"
#include "io/run/run.h"

#define CREAM_ORACLE_FILE "oracle.json"

/* What the table says of a network found, or a budget's. Accuracies are those of the paths trained from scratch, on the
 * table's held-out images. */
typedef struct oracle_answer {
  const char *budget; /* NULL: the search has none */
  int paths;          /* of the table inside the limits */
  double best;        /* of them */
  bool in_table;      /* the network found is one of them */
  double found;       /* its accuracy, where it is in the table */
  bool chosen_known;  /* the supernet has scored the table's paths */
  cream_path choice;  /* that with the best score */
  double chosen;      /* its accuracy */
} oracle_answer;

/* Before the search: whether config->search.oracle can be read, and belongs to the supernet. */
cream_status oracle_check(const cream_config *, const cream_skeleton *, cream_error *);
/* After it: scores the table's paths inside the limits with the supernet, looks the networks found up, writes oracle.json,
 * and with `print` a line for each on stdout. Does nothing without a table. */
cream_status oracle_ask(const cream_config *, const cream_skeleton *, const cream_latencies *, cream_search *,
                        const cream_search_result *found, const cream_run *, bool print, cream_error *);

#endif
