#include "safetensors.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "foreign.h"
#include "io/base/file.h"
#include "io/base/json.h"
#include "torch_magic.h"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "safetensors data are copied to and from memory unchanged, which needs a little-endian machine"
#endif

static const struct {
  const char *name;
  size_t size;
} dtypes[CREAM_ST_DTYPES] = {
#define DTYPE(name, bytes) [CREAM_ST_##name] = {#name, bytes},
    CREAM_ST_DTYPE_LIST(DTYPE)
#undef DTYPE
};

const char *cream_st_dtype_name(cream_st_dtype dtype) {
  return dtypes[dtype].name;
}

size_t cream_st_dtype_size(cream_st_dtype dtype) {
  return dtypes[dtype].size;
}

uint64_t cream_st_count(const cream_st_tensor *tensor) {
  uint64_t count = 1;
  for (int d = 0; d < tensor->n_dims; d++) count *= tensor->dims[d];
  return count;
}

static uint64_t byte_count(const cream_st_tensor *tensor) {
  return cream_st_count(tensor) * dtypes[tensor->dtype].size;
}

/* ---- writing ------------------------------------------------------------------------------------- */

static void write_header(FILE *stream, const cream_st_tensor *tensors, int count, const cream_pair *metadata,
                         int n_metadata) {
  cream_json json = cream_json_to(stream);
  cream_json_object(&json, NULL, false);
  if (n_metadata) {
    cream_json_object(&json, "__metadata__", false);
    for (int i = 0; i < n_metadata; i++) cream_json_string(&json, metadata[i].key, metadata[i].value);
    cream_json_end(&json);
  }
  uint64_t offset = 0;
  for (int i = 0; i < count; i++) {
    cream_json_object(&json, tensors[i].name, false);
    cream_json_string(&json, "dtype", dtypes[tensors[i].dtype].name);
    cream_json_array(&json, "shape", false);
    for (int d = 0; d < tensors[i].n_dims; d++) cream_json_integer(&json, NULL, tensors[i].dims[d]);
    cream_json_end(&json);
    cream_json_array(&json, "data_offsets", false);
    cream_json_integer(&json, NULL, offset);
    offset += byte_count(&tensors[i]);
    cream_json_integer(&json, NULL, offset);
    cream_json_end(&json);
    cream_json_end(&json);
  }
  cream_json_end(&json);
}

cream_status cream_st_head(const char *path, const cream_st_tensor *tensors, int count,
                           const cream_pair *metadata, int n_metadata, char **head, size_t *size,
                           cream_error *err) {
  uint64_t length = 0;
  *head = NULL;
  FILE *memory = open_memstream(head, size);
  if (memory) {
    fwrite(&length, sizeof length, 1, memory);
    write_header(memory, tensors, count, metadata, n_metadata);
    fflush(memory);
    while (*size % 8) {
      fputc(' ', memory);
      fflush(memory);
    }
  }
  if (!memory || ferror(memory) || fclose(memory)) {
    free(*head);
    return cream_fail(err, CREAM_FAILED, "out of memory for the header of %s", path);
  }
  length = *size - sizeof length;
  memcpy(*head, &length, sizeof length);
  return CREAM_OK;
}

cream_status cream_st_write(const char *path, const cream_st_tensor *tensors, int count,
                            const cream_pair *metadata, int n_metadata, cream_error *err) {
  char *head;
  size_t size;
  cream_status status = cream_st_head(path, tensors, count, metadata, n_metadata, &head, &size, err);
  if (status) return status;
  cream_file file;
  status = cream_file_create(&file, path, err);
  if (!status) {
    fwrite(head, 1, size, file.stream);
    for (int i = 0; i < count; i++) {
      size_t bytes = byte_count(&tensors[i]);
      if (bytes) fwrite(tensors[i].data, 1, bytes, file.stream);
    }
    status = cream_file_commit(&file, err);
  }
  free(head);
  return status;
}

/* ---- reading ------------------------------------------------------------------------------------- */

struct cream_st_file {
  unsigned char *map;
  size_t size;
  json_t *header; /* owns the names */
  int count;
  cream_st_tensor *tensors;      /* sorted by data */
  const cream_st_tensor **names; /* sorted by name */
};

static cream_status bad_tensor(cream_error *err, const char *path, const char *name, const char *what) {
  return cream_fail(err, CREAM_BAD_DATA, "%s: tensor '%.100s': %s", path, name, what);
}

/* Reads a whole number >= 0. Returns false for any other value. */
static bool read_unsigned(const json_t *value, uint64_t *out) {
  if (!json_is_integer(value) || json_integer_value(value) < 0) return false;
  *out = (uint64_t)json_integer_value(value);
  return true;
}

/* Reads and checks one entry; the data part has `bytes` bytes. */
static cream_status parse_tensor(const char *path, const char *name, const json_t *entry,
                                 const unsigned char *data, uint64_t bytes, cream_st_tensor *out,
                                 cream_error *err) {
  out->name = name;
  if (!json_is_object(entry)) return bad_tensor(err, path, name, "its entry is not an object");
  const char *dtype = json_string_value(json_object_get(entry, "dtype"));
  const json_t *shape = json_object_get(entry, "shape"), *offsets = json_object_get(entry, "data_offsets");
  if (!dtype || !json_is_array(shape) || !json_is_array(offsets) || json_object_size(entry) != 3)
    return bad_tensor(err, path, name, "its entry must hold dtype, shape and data_offsets, and nothing else");

  int type = 0;
  while (type < CREAM_ST_DTYPES && strcmp(dtypes[type].name, dtype)) type++;
  if (type == CREAM_ST_DTYPES)
    return cream_fail(err, CREAM_BAD_DATA, "%s: tensor '%.100s': unknown dtype '%.20s'", path, name, dtype);
  out->dtype = (cream_st_dtype)type;

  if (json_array_size(shape) > CREAM_ST_DIMS)
    return bad_tensor(err, path, name, "got more than 8 dimensions, expected at most 8");
  out->n_dims = (int)json_array_size(shape);
  uint64_t needed = dtypes[type].size;
  for (int d = 0; d < out->n_dims; d++) {
    if (!read_unsigned(json_array_get(shape, (size_t)d), &out->dims[d]))
      return bad_tensor(err, path, name, "got a dimension that is not a whole number from 0");
    if (__builtin_mul_overflow(needed, out->dims[d], &needed))
      return bad_tensor(err, path, name, "its shape is too large for memory");
  }

  uint64_t from, to;
  if (json_array_size(offsets) != 2 || !read_unsigned(json_array_get(offsets, 0), &from) ||
      !read_unsigned(json_array_get(offsets, 1), &to) || from > to)
    return bad_tensor(err, path, name,
                      "data_offsets must be two whole numbers, the first not above the second");
  if (to > bytes)
    return cream_fail(
        err, CREAM_BAD_DATA,
        "%s: tensor '%.100s': ends at byte %ju of the data, expected at most %ju; the file may be truncated",
        path, name, (uintmax_t)to, (uintmax_t)bytes);
  if (to - from != needed)
    return cream_fail(err, CREAM_BAD_DATA, "%s: tensor '%.100s': got %ju bytes, expected %ju for its shape",
                      path, name, (uintmax_t)(to - from), (uintmax_t)needed);
  out->data = data + from;
  return CREAM_OK;
}

static int by_data(const void *a, const void *b) {
  const cream_st_tensor *x = a, *y = b;
  if (x->data != y->data) return (const char *)x->data < (const char *)y->data ? -1 : 1;
  uint64_t x_bytes = byte_count(x), y_bytes = byte_count(y);
  if (x_bytes != y_bytes) return x_bytes < y_bytes ? -1 : 1; /* an empty tensor before its neighbour */
  return strcmp(x->name, y->name);
}

static int by_name(const void *a, const void *b) {
  return strcmp((*(const cream_st_tensor *const *)a)->name, (*(const cream_st_tensor *const *)b)->name);
}

/* Reads the length of the header, which lies inside the file. */
static cream_status read_length(const cream_st_file *file, const char *path, uint64_t *length,
                                cream_error *err) {
  bool small = file->size < sizeof *length;
  if (!small) memcpy(length, file->map, sizeof *length);
  if (file->size <= sizeof *length || file->map[sizeof *length] != '{') {
    cream_status status =
        cream_foreign_check(path, file->map, file->size, "a safetensors file, nor one saved by PyTorch", err);
    if (status) return status;
  }
  if (small)
    return cream_fail(err, CREAM_BAD_DATA, "%s: got %zu bytes, too few for a safetensors file", path,
                      file->size);
  if (*length > CREAM_ST_MAX_HEADER && cream_torch_recognise(path))
    return cream_fail(
        err, CREAM_BAD_DATA,
        "%s: got a file saved by PyTorch, expected safetensors; convert it with cream convert %s "
        "weights.safetensors",
        path, path);
  if (*length > CREAM_ST_MAX_HEADER)
    return cream_fail(err, CREAM_BAD_DATA,
                      "%s: not a safetensors file: got a header of %ju bytes, expected at most %d", path,
                      (uintmax_t)*length, CREAM_ST_MAX_HEADER);
  if (*length > file->size - sizeof *length)
    return cream_fail(err, CREAM_BAD_DATA,
                      "%s: got a header of %ju bytes in a file of %zu bytes; the file may be truncated", path,
                      (uintmax_t)*length, file->size);
  return CREAM_OK;
}

/* __metadata__, where there is one, is an object of strings. */
static cream_status check_metadata(const json_t *metadata, const char *path, cream_error *err) {
  const char *key;
  json_t *value;
  if (metadata && !json_is_object(metadata))
    return cream_fail(err, CREAM_BAD_DATA, "%s: __metadata__ is not an object", path);
  json_object_foreach((json_t *)metadata, key, value) {
    if (!json_is_string(value))
      return cream_fail(err, CREAM_BAD_DATA, "%s: __metadata__ '%.100s' is not a string", path, key);
  }
  return CREAM_OK;
}

/* Lists the tensors in the order of the header; the data part has `bytes` bytes. */
static cream_status parse_tensors(cream_st_file *file, const char *path, const unsigned char *data,
                                  uint64_t bytes, cream_error *err) {
  const json_t *metadata = json_object_get(file->header, "__metadata__");
  size_t count = json_object_size(file->header) - (metadata != NULL);
  file->tensors = calloc(count + 1, sizeof *file->tensors);
  file->names = calloc(count + 1, sizeof *file->names);
  if (!file->tensors || !file->names)
    return cream_fail(err, CREAM_FAILED, "out of memory: the table of %zu tensors of %s", count, path);
  const char *name;
  json_t *entry;
  json_object_foreach(file->header, name, entry) {
    if (entry == metadata) continue;
    cream_status status = parse_tensor(path, name, entry, data, bytes, &file->tensors[file->count], err);
    if (status) return status;
    file->count++;
  }
  return CREAM_OK;
}

/* Sorts the tensors by data and by name. They must fill the data part without gaps. */
static cream_status sort_tensors(cream_st_file *file, const char *path, const unsigned char *data,
                                 uint64_t bytes, cream_error *err) {
  qsort(file->tensors, (size_t)file->count, sizeof *file->tensors, by_data);
  const unsigned char *end = data;
  for (int i = 0; i < file->count; i++) {
    const cream_st_tensor *tensor = &file->tensors[i];
    if (tensor->data != (const void *)end)
      return bad_tensor(err, path, tensor->name,
                        (const unsigned char *)tensor->data < end ? "its data overlap another tensor's"
                                                                  : "there is a gap before its data");
    end += byte_count(tensor);
    file->names[i] = tensor;
  }
  if (end != data + bytes)
    return cream_fail(err, CREAM_BAD_DATA, "%s: got %zu bytes after the last tensor, expected none", path,
                      (size_t)(data + bytes - end));
  qsort(file->names, (size_t)file->count, sizeof *file->names, by_name);
  return CREAM_OK;
}

static cream_status parse_header(cream_st_file *file, const char *path, cream_error *err) {
  uint64_t length = 0;
  cream_status status = read_length(file, path, &length, err);
  if (status) return status;
  const unsigned char *text = file->map + sizeof length, *data = text + length;
  uint64_t bytes = file->size - sizeof length - length;
  json_error_t problem;
  file->header = json_loadb((const char *)text, length, JSON_REJECT_DUPLICATES, &problem);
  if (!file->header)
    return cream_fail(err, CREAM_BAD_DATA, "%s: header, byte %d: %s", path, problem.position, problem.text);
  if (!json_is_object(file->header))
    return cream_fail(err, CREAM_BAD_DATA, "%s: the header is not an object", path);
  status = check_metadata(json_object_get(file->header, "__metadata__"), path, err);
  if (!status) status = parse_tensors(file, path, data, bytes, err);
  return status ? status : sort_tensors(file, path, data, bytes, err);
}

cream_status cream_st_open(const char *path, cream_st_file **out, cream_error *err) {
  cream_st_file *file = calloc(1, sizeof *file);
  if (!file) return cream_fail(err, CREAM_FAILED, "out of memory to open %s", path);
  cream_status status = CREAM_OK;
  struct stat info;
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0 || fstat(fd, &info)) {
    status = cream_fail(err, CREAM_FAILED, "cannot open %s: %s", path, strerror(errno));
    goto fail;
  }
  if (!S_ISREG(info.st_mode)) {
    status = cream_fail(err, CREAM_FAILED, "cannot read %s: it is not a regular file", path);
    goto fail;
  }
  if (info.st_size > 0) {
    void *map = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (map == MAP_FAILED) {
      status = cream_fail(err, CREAM_FAILED, "cannot read %s: %s", path, strerror(errno));
      goto fail;
    }
    file->map = map;
    file->size = (size_t)info.st_size;
  }
  status = parse_header(file, path, err);
  if (status) goto fail;
  close(fd);
  *out = file;
  return CREAM_OK;
fail:
  if (fd >= 0) close(fd);
  cream_st_close(file);
  return status;
}

void cream_st_close(cream_st_file *file) {
  if (!file) return;
  json_decref(file->header);
  free(file->tensors);
  free(file->names);
  if (file->map) munmap(file->map, file->size);
  free(file);
}

int cream_st_tensors(const cream_st_file *file, const cream_st_tensor **tensors) {
  *tensors = file->tensors;
  return file->count;
}

const void *cream_st_bytes(const cream_st_file *file, size_t *size) {
  *size = file->size;
  return file->map;
}

const cream_st_tensor *cream_st_find(const cream_st_file *file, const char *name) {
  const cream_st_tensor key = {.name = name}, *pointer = &key;
  const cream_st_tensor **found =
      bsearch(&pointer, file->names, (size_t)file->count, sizeof *file->names, by_name);
  return found ? *found : NULL;
}

const char *cream_st_metadata(const cream_st_file *file, const char *key) {
  return json_string_value(json_object_get(json_object_get(file->header, "__metadata__"), key));
}
