/* A loop over independent items, on several threads. */
#ifndef CREAM_IO_PARALLEL_H
#define CREAM_IO_PARALLEL_H

#include <stddef.h>

/* Calls work(self, thread, item) for every item from 0 to count - 1, each once, in any order, thread being
 * 0..threads-1. Returns when all are done. With fewer threads than asked for, should the system refuse more. */
void cream_parallel(int threads, size_t count, void (*work)(void *self, int thread, size_t item), void *self);

#endif
