#include <omp.h>
#include <stdio.h>

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

int cream_cpu_threads(void) {
  const int processors = omp_get_num_procs(), quota = cream_cgroup_cpus(read_text, NULL);
  const int threads = quota > 0 && quota < processors ? quota : processors;
  return limit > 0 && limit < threads ? limit : threads;
}

void cream_cpu_limit_threads(int threads) {
  limit = threads;
}
