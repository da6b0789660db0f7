#include <limits.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/cgroup.h"
#include "cpu.h"
#include "threads.h"

static bool read_text(void *self, const char *path, char *text, size_t size) {
  (void)self;
  FILE *stream = fopen(path, "r");
  if (!stream) return false;
  const size_t got = fread(text, 1, size - 1, stream);
  text[got] = '\0';
  fclose(stream);
  return got > 0;
}

static int limit; /* 0: none */

/* OMP_NUM_THREADS, of a list the outermost number; 0: not set, or no number. */
static int environment_limit(void) {
  const char *text = getenv("OMP_NUM_THREADS");
  const long threads = text ? strtol(text, NULL, 10) : 0;
  return threads > 0 && threads < INT_MAX ? (int)threads : 0;
}

int cream_cpu_threads(void) {
  const int limits[] = {cream_cgroup_cpus(read_text, NULL), environment_limit(), limit};
  int threads = omp_get_num_procs();
  for (size_t i = 0; i < sizeof limits / sizeof *limits; i++)
    if (limits[i] > 0 && limits[i] < threads) threads = limits[i];
  return threads;
}

void cream_cpu_limit_threads(int threads) {
  limit = threads;
}
