#include "memory.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Reads the number after `key` at the beginning of a line. Returns 0 if there is none, as for "max". */
static int read_number(const char *path, const char *key, size_t *out) {
  FILE *stream = fopen(path, "r");
  char line[256];
  int found = 0;
  while (stream && !found && fgets(line, sizeof line, stream)) {
    size_t skip = strlen(key);
    unsigned long long value;
    if (strncmp(line, key, skip) == 0 && sscanf(line + skip, "%llu", &value) == 1) {
      *out = (size_t)value;
      found = 1;
    }
  }
  if (stream) fclose(stream);
  return found;
}

static size_t least(size_t a, size_t b) {
  return a < b ? a : b;
}

size_t cream_memory_available(void) {
  static const char *const groups[][2] = {
      {"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"},
      {"/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"},
  };
  size_t available = SIZE_MAX, value, used;
  if (read_number("/proc/meminfo", "MemAvailable:", &value) && value < SIZE_MAX / 1024)
    available = value * 1024;
  for (size_t i = 0; i < sizeof groups / sizeof *groups; i++)
    if (read_number(groups[i][0], "", &value) && read_number(groups[i][1], "", &used))
      available = least(available, value > used ? value - used : 0);
  return available;
}
