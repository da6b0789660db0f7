/* The memory of the machine. */
#ifndef CREAM_IO_MEMORY_H
#define CREAM_IO_MEMORY_H

#include <stddef.h>

/* Bytes that the process can still allocate without swapping: the least of the kernel's MemAvailable, of what its control
 * groups leave (core/base/cgroup.h), and of what its limits on address space and data leave (ulimit -v, -d). SIZE_MAX if
 * the system reports none of them. */
size_t cream_memory_available(void);

#endif
