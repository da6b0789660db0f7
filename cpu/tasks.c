#include "tasks.h"

#include <stdatomic.h>
#include <stdlib.h>

/* Tasks first..end-1 as first | end << 32, on its own cache line. */
struct cpu_range {
  _Alignas(64) _Atomic uint64_t tasks;
};

static uint64_t range_of(size_t first, size_t end) {
  return (uint64_t)first | (uint64_t)end << 32;
}

cpu_range *cpu_tasks_create(int threads) {
  cpu_range *ranges = aligned_alloc(_Alignof(cpu_range), (size_t)threads * sizeof *ranges);
  for (int i = 0; ranges && i < threads; i++) atomic_init(&ranges[i].tasks, 0);
  return ranges;
}

void cpu_tasks_begin(cpu_backend *cpu, size_t count) {
  const size_t threads = (size_t)cpu->threads;
  CREAM_ASSERT(count <= UINT32_MAX);
  for (size_t i = 0; i < threads; i++)
    atomic_store_explicit(&cpu->ranges[i].tasks, range_of(count * i / threads, count * (i + 1) / threads),
                          memory_order_relaxed);
}

/* The range's first task, or its last. */
static bool take(cpu_range *range, bool last, size_t *task) {
  uint64_t now = atomic_load_explicit(&range->tasks, memory_order_relaxed), then;
  do {
    const size_t first = (uint32_t)now, end = now >> 32;
    if (first == end) return false;
    *task = last ? end - 1 : first;
    then = last ? range_of(first, end - 1) : range_of(first + 1, end);
  } while (!atomic_compare_exchange_weak_explicit(&range->tasks, &now, then, memory_order_relaxed,
                                                  memory_order_relaxed));
  return true;
}

bool cpu_tasks_next(cpu_backend *cpu, int thread, size_t *task) {
  if (take(&cpu->ranges[thread], false, task)) return true;
  for (int i = 1; i < cpu->threads; i++)
    if (take(&cpu->ranges[(thread + i) % cpu->threads], true, task)) return true;
  return false;
}
