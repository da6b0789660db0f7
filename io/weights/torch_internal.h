/* What torch_file.c (the state dict) and torch_storage.c (where the numbers lie) share. */
#ifndef CREAM_IO_TORCH_INTERNAL_H
#define CREAM_IO_TORCH_INTERNAL_H

#include <zip.h>

#include "pickle.h"
#include "torch_file.h"

/* The numbers that one or more tensors show. */
typedef struct torch_storage {
  const char *key; /* `key_length` bytes in the pickle */
  size_t key_length;
  cream_st_dtype dtype;
  uint64_t count;   /* elements */
  const void *data; /* NULL: not fetched yet */
  void *owned;      /* its memory, if it does not lie in the map */
} torch_storage;

typedef struct torch_source {
  const char *path;
  const unsigned char *map;
  size_t size;
  zip_t *zip;           /* NULL: the old form */
  char prefix[256];     /* "archive" of archive/data.pkl */
  char *text;           /* data.pkl */
  uint64_t unpacked;    /* bytes that came out of the archive */
  cream_pickle *pickle; /* of the object */
  int n_storages;
  torch_storage *storages; /* by key */
} torch_source;

/* The globals that may occur, and what they stand for by their index. */
enum { TORCH_STORAGE_TYPES = 10, TORCH_REBUILD_V2 = TORCH_STORAGE_TYPES, TORCH_REBUILD, TORCH_PARAMETER };
extern const cream_pickle_global torch_globals[];

/* Maps the file, reads its pickle and lists the storages. `path` is not copied. */
cream_status torch_source_open(torch_source *, const char *path, cream_error *);
void torch_source_close(torch_source *);
/* The storage that a persistent id means, with its data. */
cream_status torch_source_fetch(torch_source *, const cream_pickle_value *id, const torch_storage **,
                                cream_error *);

#endif
