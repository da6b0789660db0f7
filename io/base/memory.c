#include "memory.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core/base/cgroup.h"

static bool read_text(void *self, const char *path, char *text, size_t size) {
  (void)self;
  FILE *stream = fopen(path, "r");
  if (!stream) return false;
  const size_t got = fread(text, 1, size - 1, stream);
  text[got] = '\0';
  fclose(stream);
  return got > 0;
}

static size_t least(size_t a, size_t b) {
  return a < b ? a : b;
}

static size_t machine_memory(void) {
  char text[4096];
  const char *line;
  unsigned long long kilobytes;
  if (!read_text(NULL, "/proc/meminfo", text, sizeof text) || !(line = strstr(text, "MemAvailable:")) ||
      sscanf(line, "MemAvailable: %llu", &kilobytes) != 1 || kilobytes >= SIZE_MAX / 1024)
    return SIZE_MAX;
  return (size_t)kilobytes * 1024;
}

static size_t below_limit(int resource, unsigned long long pages) {
  struct rlimit limit;
  const unsigned long long used = pages * (unsigned long long)sysconf(_SC_PAGESIZE);
  if (getrlimit(resource, &limit) || limit.rlim_cur == RLIM_INFINITY) return SIZE_MAX;
  return limit.rlim_cur > used ? (size_t)(limit.rlim_cur - used) : 0;
}

/* What the limits of the process itself leave (ulimit -v and -d). */
static size_t process_memory(void) {
  char text[256];
  unsigned long long all = 0, data = 0;
  if (read_text(NULL, "/proc/self/statm", text, sizeof text))
    (void)!sscanf(text, "%llu %*u %*u %*u %*u %llu", &all, &data);
  return least(below_limit(RLIMIT_AS, all), below_limit(RLIMIT_DATA, data));
}

size_t cream_memory_available(void) {
  return least(least(machine_memory(), process_memory()), cream_cgroup_memory(read_text, NULL));
}
