/* Safetensors files: 8 bytes of header length (little-endian), a JSON header, raw little-endian data. The header is
 *   {"__metadata__": {"key": "value"}, "name": {"dtype": "F32", "shape": [..], "data_offsets": [from, to]}, ...}
 */
#ifndef CREAM_IO_SAFETENSORS_H
#define CREAM_IO_SAFETENSORS_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"

enum { CREAM_ST_DIMS = 8, CREAM_ST_MAX_HEADER = 100000000 };

/* Types of elements X(NAME, bytes), as files name them. */
#define CREAM_ST_DTYPE_LIST(X)                                                                               \
  X(BOOL, 1)                                                                                                 \
  X(U8, 1)                                                                                                   \
  X(I8, 1)                                                                                                   \
  X(U16, 2)                                                                                                  \
  X(I16, 2)                                                                                                  \
  X(F16, 2)                                                                                                  \
  X(BF16, 2)                                                                                                 \
  X(U32, 4)                                                                                                  \
  X(I32, 4)                                                                                                  \
  X(F32, 4)                                                                                                  \
  X(U64, 8)                                                                                                  \
  X(I64, 8)                                                                                                  \
  X(F64, 8)

typedef enum cream_st_dtype {
#define CREAM_ST_DTYPE(name, bytes) CREAM_ST_##name,
  CREAM_ST_DTYPE_LIST(CREAM_ST_DTYPE)
#undef CREAM_ST_DTYPE
      CREAM_ST_DTYPES
} cream_st_dtype;

const char *cream_st_dtype_name(cream_st_dtype); /* "F32" */
size_t cream_st_dtype_size(cream_st_dtype);      /* bytes of an element */

typedef struct cream_st_tensor {
  const char *name;
  cream_st_dtype dtype;
  int n_dims; /* 0: a scalar */
  uint64_t dims[CREAM_ST_DIMS];
  const void *data; /* elements in C order, not necessarily aligned */
} cream_st_tensor;

/* A string of the header's __metadata__. */
typedef struct cream_pair {
  const char *key, *value;
} cream_pair;

uint64_t cream_st_count(const cream_st_tensor *); /* number of elements */

/* Writes tensors in the given order, atomically; the same input gives the same bytes. Names must be unique. Tensors with
 * wider elements should come first to be aligned, since the data are packed without gaps. */
cream_status cream_st_write(const char *path, const cream_st_tensor *tensors, int count,
                            const cream_pair *metadata, int n_metadata, cream_error *);

/* Builds the beginning of a file, for callers that write the data themselves: the length of the header and the header,
 * padded to a multiple of 8 bytes. The caller frees *head; errors name `path`. */
cream_status cream_st_head(const char *path, const cream_st_tensor *tensors, int count,
                           const cream_pair *metadata, int n_metadata, char **head, size_t *size,
                           cream_error *);

typedef struct cream_st_file cream_st_file;

/* Maps the file and checks all of it: lengths, names, types, and that the tensors fill the data part exactly, in any
 * order. CREAM_BAD_DATA, with the file and the tensor, for a malformed file; CREAM_FAILED for one that cannot be read. */
cream_status cream_st_open(const char *path, cream_st_file **, cream_error *);
void cream_st_close(cream_st_file *);

/* The tensors in the order of their data; names and data live as long as the file is open. Returns their number. */
int cream_st_tensors(const cream_st_file *, const cream_st_tensor **);
/* The bytes of the whole file. */
const void *cream_st_bytes(const cream_st_file *, size_t *size);
/* A tensor by name, or NULL. */
const cream_st_tensor *cream_st_find(const cream_st_file *, const char *name);
/* A string of __metadata__, or NULL. */
const char *cream_st_metadata(const cream_st_file *, const char *key);

#endif
