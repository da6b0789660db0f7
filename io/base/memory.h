/* The memory of the machine. */
#ifndef CREAM_IO_MEMORY_H
#define CREAM_IO_MEMORY_H

#include <stddef.h>

/* Bytes that a process can still allocate without swapping: the kernel's MemAvailable, or the rest of the control group's
 * limit if that is less. SIZE_MAX if the system reports neither. */
size_t cream_memory_available(void);

#endif
