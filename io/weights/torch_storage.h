/* The pickle and the storages of a PyTorch file. Internal to io/weights/torch_*.c; torch_file.h is the interface. */
#ifndef CREAM_IO_TORCH_STORAGE_H
#define CREAM_IO_TORCH_STORAGE_H

#include <zip.h>

#include "pickle.h"
#include "safetensors.h"

/* The numbers behind one or more tensors. */
typedef struct torch_storage {
  const char *key; /* `key_length` bytes, inside the pickle */
  size_t key_length;
  cream_st_dtype dtype;
  size_t skipped;   /* bytes of an element of a type that is only skipped; 0: the type is `dtype` */
  uint64_t count;   /* elements */
  const void *data; /* NULL: not loaded yet */
  void *owned;      /* memory of `data` unless it is in the map; freed by torch_source_close */
} torch_storage;

typedef struct torch_source {
  const char *path;
  const unsigned char *map;
  size_t size;
  zip_t *zip;           /* NULL: the form before PyTorch 1.6 */
  char prefix[256];     /* "archive" of archive/data.pkl */
  char *text;           /* data.pkl */
  uint64_t unpacked;    /* bytes unpacked from the archive so far */
  cream_pickle *pickle; /* the saved object */
  int n_storages;
  torch_storage *storages; /* sorted by key */
} torch_source;

/* The globals that a file may name, by index: the storage types X(TYPE, dtype) of torch.TYPEStorage, then the functions
 * X(FUNCTION, module, name) that make tensors, then containers, programs and all others. */
#define TORCH_STORAGES(X)                                                                                    \
  X(Float, CREAM_ST_F32)                                                                                     \
  X(Double, CREAM_ST_F64)                                                                                    \
  X(Half, CREAM_ST_F16)                                                                                      \
  X(BFloat16, CREAM_ST_BF16)                                                                                 \
  X(Long, CREAM_ST_I64)                                                                                      \
  X(Int, CREAM_ST_I32)                                                                                       \
  X(Short, CREAM_ST_I16)                                                                                     \
  X(Char, CREAM_ST_I8)                                                                                       \
  X(Byte, CREAM_ST_U8)                                                                                       \
  X(Bool, CREAM_ST_BOOL)
/* Storage types X(TYPE, bytes of an element) that tensors beside the weights may have; they are only skipped. */
#define TORCH_SKIPPED_STORAGES(X)                                                                            \
  X(ComplexDouble, 16) X(ComplexFloat, 8) X(QInt8, 1) X(QUInt8, 1) X(QInt32, 4) X(QUInt4x2, 1) X(QUInt2x4, 1)
#define TORCH_FUNCTIONS(X)                                                                                   \
  X(REBUILD_V2, "torch._utils", "_rebuild_tensor_v2")                                                        \
  X(REBUILD, "torch._utils", "_rebuild_tensor")                                                              \
  X(PARAMETER, "torch._utils", "_rebuild_parameter")                                                         \
  X(PARAMETER_STATE, "torch._utils", "_rebuild_parameter_with_state") /* a parameter with attributes */      \
  X(TENSOR_TYPE, "torch._tensor", "_rebuild_from_type_v2")            /* a tensor with attributes */

enum {
#define STORAGE(type, dtype) TORCH_STORAGE_##type,
  TORCH_STORAGES(STORAGE)
#undef STORAGE
      TORCH_STORAGE_TYPES, /* those that can be read */
  TORCH_LAST_STORAGE = TORCH_STORAGE_TYPES - 1,
#define STORAGE(type, bytes) TORCH_STORAGE_##type,
  TORCH_SKIPPED_STORAGES(STORAGE)
#undef STORAGE
      TORCH_ALL_STORAGE_TYPES,
  TORCH_BEFORE_FUNCTIONS = TORCH_ALL_STORAGE_TYPES - 1,
#define FUNCTION(function, module, name) TORCH_##function,
  TORCH_FUNCTIONS(FUNCTION)
#undef FUNCTION
};

/* Maps the file, reads its pickle and lists the storages. `path` must outlive the source. CREAM_BAD_DATA for a file that
 * is damaged or not of PyTorch, CREAM_FAILED for one that cannot be read; nothing is open then. */
cream_status torch_source_open(torch_source *, const char *path, cream_error *);
void torch_source_close(torch_source *);
/* Sets *storage to the storage that a persistent id names, with its data. CREAM_BAD_DATA if the file does not hold it. */
cream_status torch_source_fetch(torch_source *, const cream_pickle_value *id, const torch_storage **storage,
                                cream_error *);

#endif
