/* The memory that OpenBLAS allocates itself. */
#ifndef CREAM_CPU_BLAS_MEMORY_H
#define CREAM_CPU_BLAS_MEMORY_H

#include "core/base/status.h"

/* Sets OpenBLAS to one thread, as the kernels call it from many. OpenBLAS takes a buffer for each thread that calls it,
 * and tries forever where the system refuses one. Where the address space of the process is limited, this checks that
 * there is room for all threads and their buffers, and takes the buffers now; CREAM_FAILED where there is not. */
cream_status cpu_reserve_blas(int threads, cream_error *);

#endif
