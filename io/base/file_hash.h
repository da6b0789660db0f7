/* A hash of the bytes of a file. */
#ifndef CREAM_IO_FILE_HASH_H
#define CREAM_IO_FILE_HASH_H

#include <stdint.h>

#include "core/base/status.h"

/* XXH3 (64 bits) of the whole file, which is read in pieces, as it may be large. CREAM_FAILED: it cannot be read. */
cream_status cream_file_hash(const char *path, uint64_t *hash, cream_error *);

#endif
