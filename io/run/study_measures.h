/* What a study measures. */
#ifndef CREAM_IO_STUDY_MEASURES_H
#define CREAM_IO_STUDY_MEASURES_H

#include <stddef.h>

#include "core/proxy/proxies.h"

/* What is measured for a row at one seed: X(MEASURE, key in study.json, title, unit, digits after the point).
 * tau and rho compare the supernet's accuracies with those of the trained paths, both on the held-out images.
 * "half way" and "end" refer to the steps of the search. */
#define CREAM_STUDY_MEASURE_LIST(X)                                                                          \
  X(TAU10, "tau10", "tau, 10 best", "", 3)                                                                   \
  X(TAU20, "tau20", "tau, 20 best", "", 3)                                                                   \
  X(TAU, "tau", "tau, all", "", 3)                                                                           \
  X(RHO, "rho", "rho, all", "", 3)                                                                           \
  X(TAU_LOSS, "tau_loss", "tau of losses", "", 3)    /* losses in place of accuracies */                     \
  X(TAU_TEST, "tau_test", "tau, test", "", 3)        /* trained paths on the test images */                  \
  X(TAU_HALF, "tau_half", "tau, better half", "", 3) /* of the trained paths */                              \
  X(RECALL, "recall", "best tenth found", "%", 1)    /* share of it in the supernet's best tenth */          \
  X(REGRET, "regret", "regret", "%", 2)              /* best path less the supernet's best, trained */       \
  X(TAU_FLOPS, "tau_flops", "tau of FLOPs alone", "", 3)                                                     \
  X(TAU_PARAMS, "tau_params", "tau of parameters alone", "", 3)                                              \
  X(TAU_LATENCY, "tau_latency", "tau of latency alone", "", 3)                                               \
  CREAM_PROXIES_FOR(CREAM_STUDY_PROXY, X)                                                                    \
  X(TAU_AGAIN, "tau_again", "tau of a second training", "", 3) /* paths of a table that has it */            \
  X(TRAINED, "trained", "retrained, test", "%", 2)   /* the network found, retrained: test accuracy */       \
  X(SUPERNET, "supernet", "in the supernet", "%", 2) /* the same with the supernet's weights, held out */    \
  X(LOSS_HALF, "loss_half", "hard loss, half way", "nats", 3)   /* mean of the tenth of steps before */      \
  X(LOSS_END, "loss_end", "hard loss, end", "nats", 3)          /* mean of the last tenth */                 \
  X(BOARD_FULL, "board_full", "board FLOPs, once full", "M", 3) /* mean of the entries, when first full */   \
  X(BOARD_HALF, "board_half", "board FLOPs, half way", "M", 3)                                               \
  X(BOARD_END, "board_end", "board FLOPs, end", "M", 3)                                                      \
  X(FLOPS, "flops", "FLOPs", "M", 3) /* of the network found */                                              \
  X(PARAMS, "params", "parameters", "M", 4)                                                                  \
  X(LATENCY, "latency", "latency by the table", "ms", 3)                                                     \
  X(TIME, "seconds", "search", "s", 1)                                                                       \
  X(MEMORY, "memory", "memory", "MB", 1) /* peak of the process that searched */

#define CREAM_STUDY_PROXY(X, name, word, title) X(TAU_##name, "tau_" #word, "tau of " title, "", 3)

typedef enum cream_study_measure {
#define CREAM_STUDY_MEASURE_ENUM(measure, key, title, unit, digits) CREAM_STUDY_##measure,
  CREAM_STUDY_MEASURE_LIST(CREAM_STUDY_MEASURE_ENUM)
#undef CREAM_STUDY_MEASURE_ENUM
      CREAM_STUDY_MEASURES
} cream_study_measure;

typedef struct cream_study_measured {
  const char *key, *title, *unit;
  int digits; /* after the point */
} cream_study_measured;

extern const cream_study_measured cream_study_measures[CREAM_STUDY_MEASURES];
extern const char *const cream_study_measure_keys[CREAM_STUDY_MEASURES + 1]; /* ends with NULL */

/* Writes the title, with the unit in brackets. Returns `text`. */
char *cream_study_measure_title(cream_study_measure, char *text, size_t size);

#endif
