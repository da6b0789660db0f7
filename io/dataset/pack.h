/* Packed images: a data set as one file, which is mapped into memory, with images that were resized once, so that
 * training decodes little. docs/formats.md describes the file.
 */
#ifndef CREAM_IO_PACK_H
#define CREAM_IO_PACK_H

#include <signal.h>

#include "data.h"
#include "skipped_images.h"

/* How images are stored; the values are those in the file. */
typedef enum cream_pack_kind { CREAM_PACK_RAW, CREAM_PACK_JPEG, CREAM_PACK_KINDS } cream_pack_kind;

typedef struct cream_pack_options {
  cream_pack_kind kind;
  int shorter; /* pixels to which the shorter side is reduced (bicubic); smaller images are unchanged */
  int quality; /* of JPEG, 1..100 */
  int threads;
  cream_skipped *skipped; /* records images that cannot be read, which are skipped; NULL: they are errors */
  /* Called at intervals; may be NULL. */
  void (*progress)(void *context, size_t done, size_t all);
  void *context;
  const volatile sig_atomic_t
      *stop; /* if set, packing ends with CREAM_INTERRUPTED and without a file; may be NULL */
} cream_pack_options;

/* Writes both parts of a data set. The file appears when it is complete. */
cream_status cream_pack_write(const char *path, const cream_dataset *, const cream_pack_options *,
                              cream_error *);

#endif
