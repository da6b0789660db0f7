#define _GNU_SOURCE /* MAP_ANONYMOUS, MAP_NORESERVE */
#include "blas_memory.h"

#include <cblas.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>

/* A buffer is at most this large on the processors that OpenBLAS knows. A thread has a stack, and memory of malloc. */
static const size_t buffer_size = (size_t)128 << 20, slack = (size_t)16 << 20;
/* Buffers that every build of OpenBLAS has. */
enum { MOST_BUFFERS = 50 };

/* In OpenBLAS, but in none of its headers. Without them, the buffers are taken later. */
extern void *blas_memory_alloc(int) __attribute__((weak));
extern void blas_memory_free(void *) __attribute__((weak));

static bool is_limited(int resource) {
  struct rlimit limit;
  return getrlimit(resource, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY;
}

/* Whether the kernel refuses memory of which there is too little, even if it is never used. */
static bool is_strict(void) {
  FILE *file = fopen("/proc/sys/vm/overcommit_memory", "r");
  if (!file) return false;
  const int mode = fgetc(file);
  fclose(file);
  return mode == '2';
}

static bool is_free(size_t bytes) {
  void *memory =
      mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) return false;
  munmap(memory, bytes);
  return true;
}

static size_t stack_size(void) {
  pthread_attr_t attributes;
  size_t size = (size_t)8 << 20;
  if (pthread_attr_init(&attributes)) return size;
  pthread_attr_getstacksize(&attributes, &size);
  pthread_attr_destroy(&attributes);
  return size;
}

static size_t need_of(int threads) {
  return slack + (size_t)threads * (buffer_size + stack_size());
}

static void take_buffers(int threads) {
  void *buffers[MOST_BUFFERS];
  if (!blas_memory_alloc || !blas_memory_free) return;
  const int n = threads < MOST_BUFFERS ? threads : MOST_BUFFERS;
  for (int i = 0; i < n; i++) buffers[i] = blas_memory_alloc(0);
  for (int i = 0; i < n; i++) blas_memory_free(buffers[i]); /* they stay with OpenBLAS */
}

cream_status cpu_reserve_blas(int threads, cream_error *err) {
  openblas_set_num_threads(1);
  if (!is_limited(RLIMIT_AS) && !is_limited(RLIMIT_DATA) && !is_strict()) return CREAM_OK;
  if (is_free(need_of(threads))) {
    take_buffers(threads);
    return CREAM_OK;
  }
  int fit = threads;
  while (fit > 0 && !is_free(need_of(fit))) fit--;
  if (fit == 0)
    return cream_fail(
        err, CREAM_FAILED,
        "the address space is limited (ulimit -v or -d): %.2f GB of it must be free for one thread; "
        "raise the limit",
        (double)need_of(1) / 1e9);
  return cream_fail(err, CREAM_FAILED,
                    "threads: %d need %.2f GB of address space, which is limited (ulimit -v or -d); give "
                    "--threads %d, or raise the limit",
                    threads, (double)need_of(threads) / 1e9, fit);
}
