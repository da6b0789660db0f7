/* The CPU backend (OpenMP, OpenBLAS), which every build has.
 *
 * Every op has a plain kernel, the oracle (plain_*.c: readable loops, sums in double), and a tuned one that
 * replaces it in the table (kernels/).
 */
#ifndef CREAM_CPU_CPU_H
#define CREAM_CPU_CPU_H

#include "core/backend.h"
#include "core/base/exact.h"
#include "core/base/isa.h"
#include "core/base/precision.h"

typedef struct cream_cpu_options {
  int threads;   /* 0: cream_cpu_threads() */
  bool plain;    /* plain kernels only */
  cream_isa isa; /* AUTO: the best that the machine has */
  cream_exact exact;
  cream_precision precision; /* plain kernels know CREAM_PRECISION_FLOAT alone */
} cream_cpu_options;

/* The default number of threads: the processors that the process may run on, or fewer where the CPU quota of its control
 * groups (core/base/cgroup.h) or OMP_NUM_THREADS allows fewer. */
int cream_cpu_threads(void);

/* Creates the backend, which the caller ends with backend->destroy. Sets OpenBLAS to one thread for the whole
 * process. Fails with CREAM_BAD_CONFIG on a negative thread count and where cream_isa_check does, and with CREAM_FAILED
 * where the address space is limited (ulimit -v) and does not suffice for the buffers of OpenBLAS, which would wait for
 * them forever. */
cream_status cream_cpu_create(const cream_cpu_options *, cream_backend **out, cream_error *);

#endif
