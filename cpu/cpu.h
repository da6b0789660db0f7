/* The backend that is always there: OpenMP over OpenBLAS.
 *
 * Every op has a plain kernel (plain_*.c: readable loops, double sums, the oracle) and, where it pays, a
 * tuned one that replaces it in the table.
 */
#ifndef CREAM_CPU_CPU_H
#define CREAM_CPU_CPU_H

#include "core/backend.h"
#include "core/base/isa.h"

typedef struct cream_cpu_options {
  int threads;   /* 0: one for each processor this process may run on */
  bool plain;    /* the oracle's kernels only */
  cream_isa isa; /* AUTO: the best that is present; a missing one is refused */
} cream_cpu_options;

/* Creates the backend; it owns its memory until backend->destroy. OpenBLAS is set to one thread for the
 * whole process. Fails (CREAM_BAD_CONFIG) on a negative thread count and as cream_isa_check does. */
cream_status cream_cpu_create(const cream_cpu_options *, cream_backend **out, cream_error *);

#endif
