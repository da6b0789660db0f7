/* Reads whole files that may be compressed with gzip. */
#ifndef CREAM_IO_GZIP_H
#define CREAM_IO_GZIP_H

#include <stddef.h>

#include "core/base/status.h"

/* Reads a whole gzip or plain file. *data ends with a 0 byte that *size does not count; the caller frees it. Memory grows
 * with the bytes read. CREAM_BAD_DATA for a damaged file or one of more than `limit` bytes when decompressed, CREAM_FAILED
 * for one that cannot be read. */
cream_status cream_gzip_read(const char *path, size_t limit, char **data, size_t *size, cream_error *);

#endif
