/* What gives the same bytes: X(name, word), `word` being the value of the setting `exact`. */
#ifndef CREAM_CORE_EXACT_H
#define CREAM_CORE_EXACT_H

#define CREAM_EXACTS(X)                                                                                      \
  X(PROCESSORS, "processors") /* the CPU backend on any processor, with any number of threads */             \
  X(THREADS, "threads")       /* any number of threads, with the kernels that are fastest on the processor */

#define CREAM_EXACT_ENUM(name, word) CREAM_EXACT_##name,
typedef enum cream_exact { CREAM_EXACTS(CREAM_EXACT_ENUM) CREAM_EXACT_COUNT } cream_exact;

#endif
