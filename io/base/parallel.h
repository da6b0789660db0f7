/* A parallel loop over independent items. */
#ifndef CREAM_IO_PARALLEL_H
#define CREAM_IO_PARALLEL_H

#include <stddef.h>

/* Calls work(self, thread, item) once for every item from 0 to count - 1, in any order, with thread in 0..threads-1.
 * Returns when all are done. Uses fewer threads (at least the caller's) if the system does not provide more. */
void cream_parallel(int threads, size_t count, void (*work)(void *self, int thread, size_t item), void *self);

#endif
