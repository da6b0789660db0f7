/* Packed pictures: a data set in one file that is mapped into memory, its pictures resized once and for all, so
 * that later epochs decode nothing heavy. docs/formats.md describes the file.
 */
#ifndef CREAM_IO_PACK_H
#define CREAM_IO_PACK_H

#include <signal.h>

#include "skipped_images.h"
#include "data.h"

typedef enum cream_pack_kind { CREAM_PACK_RAW, CREAM_PACK_JPEG } cream_pack_kind;

typedef struct cream_pack_options {
  cream_pack_kind kind;
  int shorter; /* side to which a picture's shorter side is resized (bicubic); smaller ones stay as they are */
  int quality; /* of JPEG, 1..100 */
  int threads;
  cream_bad *bad; /* counts pictures that cannot be read, which are left out */
  /* Called now and then; may be NULL. */
  void (*progress)(void *context, size_t done, size_t all);
  void *context;
  const volatile sig_atomic_t *stop; /* set: CREAM_INTERRUPTED, and no file; may be NULL */
} cream_pack_options;

/* Writes all of the data set. The file appears when it is complete. */
cream_status cream_pack_write(const char *path, const cream_dataset *, const cream_pack_options *,
                              cream_error *);

/* Opens such a file as a data set (`pack:FILE`). Header, names and index are verified here, a picture's bytes
 * when it is loaded; CREAM_BAD_DATA says what is wrong. */
cream_status cream_pack_open(const char *path, cream_dataset **, cream_error *);

#endif
