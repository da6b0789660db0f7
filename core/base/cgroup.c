#include "cgroup.h"

#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_MOUNTS = 1 << 18, MOST_GROUPS = 1 << 14, MOST_STATISTICS = 1 << 14, PATH = 4096 };

typedef struct reader {
  cream_cgroup_read *read;
  void *self;
} reader;

/* Called for the folder of the process's own group and of each group above it. */
typedef void visitor(const reader *, const char *folder, void *result);

/* ---- values ------------------------------------------------------------------------------------------ */

static bool read_file(const reader *r, const char *folder, const char *name, char *text, size_t size) {
  char path[PATH + 64];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  return r->read(r->self, path, text, size);
}

/* The number at the beginning of a file. Fails on "max" and on -1. */
static bool read_number(const reader *r, const char *folder, const char *name, uint64_t *value) {
  char text[128];
  unsigned long long number;
  if (!read_file(r, folder, name, text, sizeof text)) return false;
  if (text[0] < '0' || text[0] > '9' || sscanf(text, "%llu", &number) != 1) return false;
  *value = number;
  return true;
}

/* The number after `key` and a blank at the beginning of a line. */
static bool find_number(const char *text, const char *key, uint64_t *value) {
  const size_t length = strlen(key);
  unsigned long long number;
  for (const char *line = text; line; line = strchr(line, '\n')) {
    if (*line == '\n') line++;
    if (strncmp(line, key, length) != 0 || line[length] != ' ') continue;
    if (sscanf(line + length, "%llu", &number) != 1) return false;
    *value = number;
    return true;
  }
  return false;
}

static uint64_t sum_of(const char *text, const char *const *keys) {
  uint64_t sum = 0, value;
  for (; *keys; keys++)
    if (find_number(text, *keys, &value) && value <= UINT64_MAX - sum) sum += value;
  return sum;
}

static uint64_t difference(uint64_t a, uint64_t b) {
  return a > b ? a - b : 0;
}

/* ---- lists separated by commas ------------------------------------------------------------------------- */

/* Whether one of the words of list[0..length) is `word`. */
static bool has_word(const char *list, size_t length, const char *word) {
  const size_t wanted = strlen(word);
  for (size_t at = 0; at < length;) {
    size_t end = at;
    while (end < length && list[end] != ',') end++;
    if (end - at == wanted && memcmp(list + at, word, wanted) == 0) return true;
    at = end + 1;
  }
  return false;
}

/* ---- the groups of the process -------------------------------------------------------------------------- */

/* Copies text[0..length), in which mountinfo writes blanks and the like as \040. */
static void copy_name(char *to, size_t size, const char *text, size_t length) {
  size_t used = 0;
  for (size_t i = 0; i < length && used + 1 < size; i++) {
    if (text[i] == '\\' && i + 3 < length) {
      to[used++] = (char)((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0'));
      i += 3;
    } else {
      to[used++] = text[i];
    }
  }
  to[used] = '\0';
}

/* The path of the group in /proc/self/cgroup. controller "": version 2. "/" where it is not listed. */
static void find_group(const char *groups, const char *controller, char *path, size_t size) {
  snprintf(path, size, "/");
  for (const char *line = groups; *line;) {
    const size_t length = strcspn(line, "\n");
    const char *list = memchr(line, ':', length);
    const char *name = list ? memchr(list + 1, ':', length - (size_t)(list + 1 - line)) : NULL;
    if (name) {
      const size_t words = (size_t)(name - list - 1);
      if (*controller ? has_word(list + 1, words, controller) : words == 0) {
        snprintf(path, size, "%.*s", (int)(length - (size_t)(name + 1 - line)), name + 1);
        return;
      }
    }
    line += length + (line[length] == '\n');
  }
}

/* Visits the group and those above it below a mount of which `root` is the group at its top. */
static void visit(const reader *r, const char *mount, const char *root, const char *path, visitor *each,
                  void *result) {
  char folder[PATH];
  const size_t base = strlen(mount), skipped = strcmp(root, "/") ? strlen(root) : 0;
  const char *below = "";
  if (strncmp(path, root, skipped) == 0 && path[skipped] == '/') below = path + skipped;
  if (strstr(below, "/..") || base + strlen(below) >= sizeof folder) below = "";
  if (base >= sizeof folder) return;
  snprintf(folder, sizeof folder, "%s%s", mount, below);
  for (;;) {
    if (folder[strlen(folder) - 1] != '/') each(r, folder, result);
    if (strlen(folder) <= base) return;
    *strrchr(folder, '/') = '\0';
  }
}

/* One line of mountinfo: "ID PARENT DEVICE ROOT MOUNT OPTIONS [TAG...] - TYPE SOURCE OPTIONS". */
static void visit_line(const reader *r, const char *line, size_t length, const char *controller,
                       const char *path, visitor *each, void *result) {
  enum { FIELDS = 64 };
  const char *fields[FIELDS];
  size_t lengths[FIELDS];
  int n = 0, dash = 0;
  for (size_t at = 0; at < length && n < FIELDS;) {
    size_t end = at;
    while (end < length && line[end] != ' ') end++;
    fields[n] = line + at;
    lengths[n] = end - at;
    if (n > 5 && !dash && lengths[n] == 1 && line[at] == '-') dash = n;
    n++;
    at = end + 1;
  }
  if (!dash || dash + 3 >= n) return;
  const char *type = *controller ? "cgroup" : "cgroup2";
  if (lengths[dash + 1] != strlen(type) || strncmp(fields[dash + 1], type, strlen(type)) != 0) return;
  if (*controller && !has_word(fields[dash + 3], lengths[dash + 3], controller)) return;
  char root[PATH], mount[PATH];
  copy_name(root, sizeof root, fields[3], lengths[3]);
  copy_name(mount, sizeof mount, fields[4], lengths[4]);
  if (root[0] && mount[0]) visit(r, mount, root, path, each, result);
}

/* Visits the groups of a controller (""; version 2) at all mounts, and where they are usually mounted: mountinfo may be
 * hidden, or lack a mount. A group that is visited twice changes nothing. */
static void visit_all(const reader *r, const char *controller, visitor *each, void *result) {
  char path[PATH], usual[PATH];
  char *text = calloc(1, MOST_MOUNTS);
  if (!text) return;
  if (!r->read(r->self, "/proc/self/cgroup", text, MOST_GROUPS)) text[0] = '\0';
  find_group(text, controller, path, sizeof path);
  if (!r->read(r->self, "/proc/self/mountinfo", text, MOST_MOUNTS)) text[0] = '\0';
  for (const char *line = text; *line;) {
    const size_t length = strcspn(line, "\n");
    visit_line(r, line, length, controller, path, each, result);
    line += length + (line[length] == '\n');
  }
  free(text);
  snprintf(usual, sizeof usual, "/sys/fs/cgroup%s%s", *controller ? "/" : "", controller);
  visit(r, usual, "/", path, each, result);
}

/* ---- memory -------------------------------------------------------------------------------------------- */

static void limit_memory(size_t *available, uint64_t limit, uint64_t used, uint64_t reclaimable) {
  if (limit >= UINT64_MAX / 4) return; /* version 1 writes "no limit" as a large number */
  const uint64_t left = difference(limit, difference(used, reclaimable));
  if (left < *available) *available = (size_t)left;
}

static void memory_v2(const reader *r, const char *folder, void *available) {
  static const char *const keys[] = {"inactive_file", "active_file", "slab_reclaimable", NULL};
  char text[MOST_STATISTICS];
  uint64_t limit, used;
  if (!read_number(r, folder, "memory.max", &limit) || !read_number(r, folder, "memory.current", &used))
    return;
  if (!read_file(r, folder, "memory.stat", text, sizeof text)) text[0] = '\0';
  limit_memory(available, limit, used, sum_of(text, keys));
}

static void memory_v1(const reader *r, const char *folder, void *available) {
  static const char *const all[] = {"total_inactive_file", "total_active_file", NULL};
  static const char *const own[] = {"inactive_file", "active_file", NULL};
  char text[MOST_STATISTICS];
  uint64_t limit, used, above;
  if (!read_number(r, folder, "memory.limit_in_bytes", &limit) ||
      !read_number(r, folder, "memory.usage_in_bytes", &used))
    return;
  if (!read_file(r, folder, "memory.stat", text, sizeof text)) text[0] = '\0';
  if (find_number(text, "hierarchical_memory_limit", &above) && above < limit) limit = above;
  limit_memory(available, limit, used, sum_of(text, find_number(text, all[0], &above) ? all : own));
}

size_t cream_cgroup_memory(cream_cgroup_read *read, void *self) {
  const reader r = {read, self};
  size_t available = SIZE_MAX;
  visit_all(&r, "", memory_v2, &available);
  visit_all(&r, "memory", memory_v1, &available);
  return available;
}

/* ---- processors ---------------------------------------------------------------------------------------- */

static void limit_cpus(int *cpus, uint64_t quota, uint64_t period) {
  if (quota == 0 || period == 0) return;
  const uint64_t allowed = quota / period + (quota % period != 0);
  if (allowed <= INT_MAX && (*cpus == 0 || (int)allowed < *cpus)) *cpus = (int)allowed;
}

static void cpus_v2(const reader *r, const char *folder, void *cpus) {
  char text[128];
  unsigned long long quota, period;
  if (read_file(r, folder, "cpu.max", text, sizeof text) && text[0] >= '0' && text[0] <= '9' &&
      sscanf(text, "%llu %llu", &quota, &period) == 2)
    limit_cpus(cpus, quota, period);
}

static void cpus_v1(const reader *r, const char *folder, void *cpus) {
  uint64_t quota, period;
  if (read_number(r, folder, "cpu.cfs_quota_us", &quota) &&
      read_number(r, folder, "cpu.cfs_period_us", &period))
    limit_cpus(cpus, quota, period);
}

int cream_cgroup_cpus(cream_cgroup_read *read, void *self) {
  const reader r = {read, self};
  int cpus = 0;
  visit_all(&r, "", cpus_v2, &cpus);
  visit_all(&r, "cpu", cpus_v1, &cpus);
  visit(&r, "/sys/fs/cgroup/cpu,cpuacct", "/", "/", cpus_v1, &cpus);
  return cpus;
}
