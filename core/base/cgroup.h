/* Limits of the control groups (v1, v2 and both at once) that a process is in. The functions read files through the
 * caller's function, so they work on any text. */
#ifndef CREAM_CORE_CGROUP_H
#define CREAM_CORE_CGROUP_H

#include <stdbool.h>
#include <stddef.h>

/* Reads a file into `text`, cut to size - 1 bytes and ended with a 0 byte. Returns false where it cannot be read. */
typedef bool cream_cgroup_read(void *self, const char *path, char *text, size_t size);

/* Bytes that the process can still allocate before its control group, or any group above it, reaches its limit. Page
 * cache, which the kernel gives up first, does not count as used. SIZE_MAX: there is no limit. */
size_t cream_cgroup_memory(cream_cgroup_read *, void *self);
/* Processors that the quotas of these groups allow, rounded up. 0: there is no quota. */
int cream_cgroup_cpus(cream_cgroup_read *, void *self);

#endif
