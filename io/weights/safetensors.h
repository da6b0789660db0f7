/* Safetensors: 8 bytes of header length (little-endian), a JSON header, raw little-endian data.
 * {"__metadata__": {"key": "value"}, "name": {"dtype": "F32", "shape": [..], "data_offsets": [from, to]},
 * ...}
 */
#ifndef CREAM_IO_SAFETENSORS_H
#define CREAM_IO_SAFETENSORS_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"

enum { CREAM_ST_DIMS = 8, CREAM_ST_MAX_HEADER = 100000000 };

typedef enum cream_st_dtype {
  CREAM_ST_BOOL,
  CREAM_ST_U8,
  CREAM_ST_I8,
  CREAM_ST_U16,
  CREAM_ST_I16,
  CREAM_ST_F16,
  CREAM_ST_BF16,
  CREAM_ST_U32,
  CREAM_ST_I32,
  CREAM_ST_F32,
  CREAM_ST_U64,
  CREAM_ST_I64,
  CREAM_ST_F64,
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

uint64_t cream_st_count(const cream_st_tensor *); /* elements */

/* Writes tensors in the given order, atomically; the same input gives the same bytes. Names must differ.
 * Tensors with wider elements should come first, since the data are packed without gaps. */
cream_status cream_st_write(const char *path, const cream_st_tensor *tensors, int count,
                            const cream_pair *metadata, int n_metadata, cream_error *);

/* What such a file begins with: the header's length and the header, padded to a multiple of 8 bytes. For who
 * writes the data by himself. The caller frees *head; `path` stands in errors. */
cream_status cream_st_head(const char *path, const cream_st_tensor *tensors, int count,
                           const cream_pair *metadata, int n_metadata, char **head, size_t *size,
                           cream_error *);

typedef struct cream_st_file cream_st_file;

/* Maps the file and checks all of it: lengths, names, types, and that the tensors' bytes fill the data part
 * exactly, in whatever order. CREAM_BAD_DATA names the file and, where there is one, the tensor. */
cream_status cream_st_open(const char *path, cream_st_file **, cream_error *);
void cream_st_close(cream_st_file *);

/* Tensors in order of their data; names and data live as long as the file is open. */
int cream_st_tensors(const cream_st_file *, const cream_st_tensor **);
/* The whole file as it lies in memory. */
const void *cream_st_bytes(const cream_st_file *, size_t *size);
/* A tensor by name, or NULL. */
const cream_st_tensor *cream_st_find(const cream_st_file *, const char *name);
/* A string of __metadata__, or NULL. */
const char *cream_st_metadata(const cream_st_file *, const char *key);

#endif
