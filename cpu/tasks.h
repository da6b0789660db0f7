/* The tasks of one parallel region, handed out so that a thread works on the same part of the tensors in
 * every
 * op: what it wrote before is then in its own core's caches, or its own core complex' or socket's, where
 * reading what another core wrote can take five times as long.
 *
 * Tasks are numbered in the order of the tensor's rows. Each thread has a range of them; once that is done,
 * it takes from the far end of others'. Results must not depend on who runs a task.
 *
 *     cpu_tasks_begin(cpu, count);
 *     #pragma omp parallel num_threads(cpu->threads)
 *     for (size_t task; cpu_tasks_next(cpu, omp_get_thread_num(), &task);) ...
 */
#ifndef CREAM_CPU_TASKS_H
#define CREAM_CPU_TASKS_H

#include "internal.h"

/* Ranges of a backend: one for each thread, freed by `free`; NULL where memory is out. */
cpu_range *cpu_tasks_create(int threads);
/* Shares tasks 0..count-1 out, count < 2^32. Outside of parallel regions, one region at a time. */
void cpu_tasks_begin(cpu_backend *, size_t count);
/* The next task of `thread` (< cpu->threads); false when none is left. */
bool cpu_tasks_next(cpu_backend *, int thread, size_t *task);

#endif
