/* The cache of a teacher's outputs (core/train/external.h): one record for each batch of a training, in their order. A
 * file grows while a first training runs; it can be extended by later ones. Format: docs/formats.md. */
#ifndef CREAM_IO_TEACHER_CACHE_H
#define CREAM_IO_TEACHER_CACHE_H

#include "core/train/external.h"

typedef struct cream_teacher_cache cream_teacher_cache;

typedef struct cream_teacher_cache_shape {
  int batch, top, classes;
  uint64_t batches; /* of the whole training */
} cream_teacher_cache_shape;

/* Opens the file, or creates it. key: lines "name value\n" that describe what the outputs depend on, beside the shape:
 * another file's are compared line by line, but for those that begin with '#' where the file has all batches. Such a file
 * is opened for reading alone; any other is locked, so that one training writes it, and an incomplete record at its end is
 * removed.
 *
 * CREAM_BAD_DATA: it is not a cache, or that of another teacher, seed, data set or the like. CREAM_FAILED: it cannot be
 * read or written, or another training writes it. */
cream_status cream_teacher_cache_open(const char *path, const cream_teacher_cache_shape *, const char *key,
                                      cream_teacher_cache **, cream_error *);
void cream_teacher_cache_close(cream_teacher_cache *);

/* Batches in the file. */
uint64_t cream_teacher_cache_count(const cream_teacher_cache *);
/* The last line that begins with '#' and is another one in the file than in the key, without the '#'; "": none. */
const char *cream_teacher_cache_remark(const cream_teacher_cache *);
/* For a teacher. A batch whose record is damaged is CREAM_BAD_DATA. Batches are added only in their order; others are
 * left out. */
cream_external_store cream_teacher_cache_store(cream_teacher_cache *);

#endif
