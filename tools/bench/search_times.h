/* Where the time of a search is spent: its phases, and of each the seconds in kernels, waiting for images, and outside of
 * both. */
#ifndef CREAM_TOOLS_SEARCH_TIMES_H
#define CREAM_TOOLS_SEARCH_TIMES_H

#include <stdio.h>

#include "core/backend.h"
#include "core/base/data.h"
#include "core/base/event.h"
#include "profiled.h"

/* X(NAME, text), in their order. */
#define SEARCH_PHASE_LIST(X)                                                                                 \
  X(START, "start")         /* until the first step begins: data, networks, the memory check */              \
  X(TRAINING, "training")   /* until the last step, with matching, boards and checkpoints */                 \
  X(SELECTION, "selection") /* of the networks, and the last checkpoint */                                   \
  X(RESULTS, "results")     /* files of the run, and what is printed */

#define SEARCH_PHASE_ENUM(name, text) SEARCH_##name,
typedef enum search_phase { SEARCH_PHASE_LIST(SEARCH_PHASE_ENUM) SEARCH_PHASES } search_phase;

/* Seconds since the start. */
typedef struct search_moment {
  double whole, waited;
  double kernels[PROFILED_KINDS];
} search_moment;

typedef struct search_times {
  double started;
  cream_backend *backend; /* measured; NULL: nothing is */
  const cream_source *train, *heldout;
  cream_listener next;
  search_moment now, ends[SEARCH_PHASES];
} search_times;

void search_times_start(search_times *);
/* Replaces the backend, which has to be the CPU's, by one that is measured and owns it, also on failure. */
cream_status search_times_measure(search_times *, cream_backend **, cream_error *);
/* A listener that takes the times of steps and epochs, after `next`; the sources are those of the search. */
cream_listener search_times_listener(search_times *, const cream_listener *next, const cream_source *train,
                                     const cream_source *heldout);
/* Ends a phase; TRAINING ends by itself. */
void search_times_end(search_times *, search_phase);
/* A table. images: of all steps of the training. */
void search_times_print(const search_times *, double images, FILE *);

#endif
