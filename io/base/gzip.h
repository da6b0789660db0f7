/* Whole files that may be compressed. */
#ifndef CREAM_IO_GZIP_H
#define CREAM_IO_GZIP_H

#include <stddef.h>

#include "core/base/status.h"

/* All of a gzip or plain file, with a 0 byte after it that *size does not count; the caller frees *data.
 * Memory grows as bytes arrive. CREAM_BAD_DATA: damaged, or more than `limit` bytes when expanded. */
cream_status cream_gzip_read(const char *path, size_t limit, char **data, size_t *size, cream_error *);

#endif
