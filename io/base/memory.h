/* Memory of the machine. */
#ifndef CREAM_IO_MEMORY_H
#define CREAM_IO_MEMORY_H

#include <stddef.h>

/* Bytes that a process can still take without swapping: what the kernel calls available, and what is left of
 * the control group's limit. SIZE_MAX where the system does not tell. */
size_t cream_memory_available(void);

#endif
