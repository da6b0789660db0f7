/* Distributes the tasks of a parallel region so that a thread works on the same part of the tensors in every
 * op. What it reads is then in the caches of its own core; reading what another core wrote can take five
 * times as long.
 *
 * Tasks are numbered in the order of the tensor's rows. Each thread has a range of them and, once it is done,
 * takes tasks from the far end of other ranges. Results must not depend on which thread runs a task.
 *
 *     cpu_tasks_begin(cpu, count);
 *     #pragma omp parallel num_threads(cpu->threads)
 *     for (size_t task; cpu_tasks_next(cpu, omp_get_thread_num(), &task);) ...
 */
#ifndef CREAM_CPU_TASKS_H
#define CREAM_CPU_TASKS_H

#include "internal.h"

/* The ranges of a backend, one for each thread, freed by `free`; NULL when out of memory. */
cpu_range *cpu_tasks_create(int threads);
/* Distributes tasks 0..count-1, count < 2^32. Called outside of parallel regions, for one region at a
 * time. */
void cpu_tasks_begin(cpu_backend *, size_t count);
/* The next task of `thread` (< cpu->threads); false when none is left. */
bool cpu_tasks_next(cpu_backend *, int thread, size_t *task);

#endif
