/* Files that people have in place of a weights file, by their first bytes: pages of a failed download, pointers of Git LFS,
 * archives, and the files of other programs. */
#ifndef CREAM_IO_FOREIGN_H
#define CREAM_IO_FOREIGN_H

#include "core/base/status.h"

/* Fails with CREAM_BAD_DATA if the file, which begins with these bytes, is recognised: the message says what it is instead of
 * `expected`, and what to do. CREAM_OK for all others. 512 bytes are enough. */
cream_status cream_foreign_check(const char *path, const void *bytes, size_t size, const char *expected,
                                 cream_error *);

#endif
