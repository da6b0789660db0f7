#include "torch_file.h"

#include <string.h>

#include "torch_choose.h"
#include "torch_storage.h"

struct cream_torch_file {
  char *path;
  torch_source source;
  bool by_key; /* the choice's key led to the dict */
  int count;
  cream_st_tensor *tensors; /* their names and data are owned by the two arrays below or by the source */
  char **names;
  void **copies;                  /* data of tensors that were not contiguous; else NULL */
  uint64_t copied, storage_bytes; /* bytes copied so far; bytes of all storages */
};

/* ---- tensors --------------------------------------------------------------------------------------- */

/* The arguments of _rebuild_tensor. */
typedef struct view {
  const torch_storage *storage;
  int n_dims;
  uint64_t offset, dims[CREAM_ST_DIMS], strides[CREAM_ST_DIMS], count;
} view;

static cream_status bad_tensor(const cream_torch_file *file, const char *name, const char *what,
                               cream_error *err) {
  return cream_fail(err, CREAM_BAD_DATA, "%s: tensor '%.100s': %s", file->path, name, what);
}

/* Reads a tuple of non-negative integers. Returns their number, or -1 for any other value. */
static int read_numbers(const cream_pickle *p, const cream_pickle_value *tuple,
                        uint64_t numbers[CREAM_ST_DIMS]) {
  if (tuple->kind != CREAM_PICKLE_TUPLE || tuple->items.count > CREAM_ST_DIMS) return -1;
  for (uint32_t i = 0; i < tuple->items.count; i++) {
    const cream_pickle_value *item = cream_pickle_item(p, tuple, i);
    if (item->kind != CREAM_PICKLE_INT || item->integer < 0) return -1;
    numbers[i] = (uint64_t)item->integer;
  }
  return (int)tuple->items.count;
}

/* Whether every element is inside the storage, and the view has no more elements than the storage. */
static bool fits(view *v) {
  uint64_t last = v->offset;
  v->count = 1;
  for (int d = 0; d < v->n_dims; d++)
    if (__builtin_mul_overflow(v->count, v->dims[d], &v->count)) return false;
  if (v->count == 0) return true;
  for (int d = 0; d < v->n_dims; d++) {
    uint64_t reach;
    if (__builtin_mul_overflow(v->dims[d] - 1, v->strides[d], &reach) ||
        __builtin_add_overflow(last, reach, &last))
      return false;
  }
  return last < v->storage->count && v->count <= v->storage->count;
}

static bool contiguous(const view *v) {
  uint64_t stride = 1;
  for (int d = v->n_dims - 1; d >= 0; d--) {
    if (v->dims[d] != 1 && v->strides[d] != stride) return false;
    stride *= v->dims[d];
  }
  return true;
}

/* Copies the elements in C order. */
static void gather(const view *v, size_t size, char *to) {
  const char *from = (const char *)v->storage->data + v->offset * size;
  uint64_t index[CREAM_ST_DIMS] = {0}, at = 0;
  for (uint64_t i = 0; i < v->count; i++) {
    memcpy(to + i * size, from + at * size, size);
    for (int d = v->n_dims - 1; d >= 0; d--) {
      at += v->strides[d];
      if (++index[d] < v->dims[d]) break;
      at -= v->strides[d] * v->dims[d];
      index[d] = 0;
    }
  }
}

static cream_status put_data(cream_torch_file *file, const view *v, cream_st_tensor *tensor, void **copy,
                             cream_error *err) {
  size_t size = cream_st_dtype_size(tensor->dtype), bytes = v->count * size;
  if (contiguous(v) || v->count == 0) {
    tensor->data = v->count ? (const char *)v->storage->data + v->offset * size : NULL;
    return CREAM_OK;
  }
  file->copied += bytes;
  if (file->copied > file->storage_bytes)
    return bad_tensor(file, tensor->name, "the tensors have more elements than their storages", err);
  *copy = malloc(bytes);
  if (!*copy) return cream_fail_memory(err, bytes, tensor->name);
  gather(v, size, *copy);
  tensor->data = *copy;
  return CREAM_OK;
}

/* The value whose items are the arguments of _rebuild_tensor[_v2], in the calls that wrap it: a parameter, with or without
 * attributes, (data, requires_grad, hooks[, state]), and a tensor with attributes, (function, type, arguments, state). Returns
 * NULL for other values. */
static const cream_pickle_value *rebuild_arguments(const cream_pickle *p, const cream_pickle_value *value) {
  if (value->kind != CREAM_PICKLE_CALL) return NULL;
  uint32_t function = value->items.global;
  if ((function == TORCH_PARAMETER || function == TORCH_PARAMETER_STATE) && value->items.count > 0) {
    value = cream_pickle_item(p, value, 0);
    if (value->kind != CREAM_PICKLE_CALL) return NULL;
    function = value->items.global;
  }
  if (function == TORCH_TENSOR_TYPE && value->items.count >= 3) {
    const cream_pickle_value *inner = cream_pickle_item(p, value, 0);
    value = cream_pickle_item(p, value, 2);
    if (inner->kind != CREAM_PICKLE_NAME || value->kind != CREAM_PICKLE_TUPLE) return NULL;
    function = inner->items.global;
  }
  return function == TORCH_REBUILD || function == TORCH_REBUILD_V2 ? value : NULL;
}

static cream_status read_tensor(cream_torch_file *file, const cream_pickle_value *given,
                                cream_st_tensor *tensor, void **copy, cream_error *err) {
  const cream_pickle *p = file->source.pickle;
  const cream_pickle_value *value = rebuild_arguments(p, given);
  if (!value) {
    char text[80];
    snprintf(text, sizeof text, "got %s, expected a tensor", cream_pickle_kind_name(given->kind));
    return bad_tensor(file, tensor->name, text, err);
  }
  static const char malformed[] = "unexpected arguments, expected storage, offset, size, stride";
  if (value->items.count < 4) return bad_tensor(file, tensor->name, malformed, err);
  const cream_pickle_value *id = cream_pickle_item(p, value, 0), *offset = cream_pickle_item(p, value, 1);
  view v;
  v.n_dims = read_numbers(p, cream_pickle_item(p, value, 2), v.dims);
  if (id->kind != CREAM_PICKLE_PERSISTENT || offset->kind != CREAM_PICKLE_INT || offset->integer < 0 ||
      v.n_dims < 0 || read_numbers(p, cream_pickle_item(p, value, 3), v.strides) != v.n_dims)
    return bad_tensor(file, tensor->name, malformed, err);
  v.offset = (uint64_t)offset->integer;
  cream_status status = torch_source_fetch(&file->source, id, &v.storage, err);
  if (status) return status;
  if (!fits(&v))
    return bad_tensor(file, tensor->name, "its elements are not all inside its storage, or they overlap",
                      err);
  tensor->dtype = v.storage->dtype;
  tensor->n_dims = v.n_dims;
  memcpy(tensor->dims, v.dims, sizeof tensor->dims);
  return put_data(file, &v, tensor, copy, err);
}

/* ---- the state dict -------------------------------------------------------------------------------- */

/* Copies a key as a name. It must be printable ASCII without blanks. */
static cream_status read_name(const cream_torch_file *file, const cream_pickle_value *key, char **name,
                              cream_error *err) {
  bool plain = key->kind == CREAM_PICKLE_TEXT && key->text.length > 0 && key->text.length < 256;
  for (size_t i = 0; plain && i < key->text.length; i++)
    plain = key->text.bytes[i] > ' ' && key->text.bytes[i] <= '~';
  if (!plain)
    return cream_fail(
        err, CREAM_BAD_DATA,
        "%s: pickle, byte %zu: got %s as the name of a tensor, expected printable text of up to 255 bytes",
        file->path, key->at, cream_pickle_kind_name(key->kind));
  *name = strndup(key->text.bytes, key->text.length);
  return *name ? CREAM_OK : cream_fail_memory(err, key->text.length, "a tensor's name");
}

static int by_text(const void *a, const void *b) {
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static cream_status check_names(const cream_torch_file *file, cream_error *err) {
  size_t count = (size_t)file->count;
  const char **sorted = malloc((count + 1) * sizeof *sorted);
  if (!sorted) return cream_fail_memory(err, count * sizeof *sorted, "the names of tensors");
  for (size_t i = 0; i < count; i++) sorted[i] = file->names[i];
  qsort(sorted, count, sizeof *sorted, by_text);
  cream_status status = CREAM_OK;
  for (size_t i = 1; i < count && !status; i++)
    if (strcmp(sorted[i - 1], sorted[i]) == 0) status = bad_tensor(file, sorted[i], "duplicate name", err);
  free(sorted);
  return status;
}

static cream_status read_state(cream_torch_file *file, const cream_pickle_value *state, cream_error *err) {
  const cream_pickle *p = file->source.pickle;
  size_t count = state->items.count / 2;
  file->tensors = calloc(count + 1, sizeof *file->tensors);
  file->names = calloc(count + 1, sizeof *file->names);
  file->copies = calloc(count + 1, sizeof *file->copies);
  if (!file->tensors || !file->names || !file->copies)
    return cream_fail_memory(err, count * sizeof *file->tensors, "the table of tensors");
  for (uint32_t walk = state->items.first; walk;) {
    const cream_pickle_value *key = cream_pickle_at(p, cream_pickle_next(p, &walk));
    const cream_pickle_value *value = cream_pickle_at(p, cream_pickle_next(p, &walk));
    if (!torch_is_tensor(value)) continue;
    cream_st_tensor *tensor = &file->tensors[file->count];
    cream_status status = read_name(file, key, &file->names[file->count], err);
    tensor->name = file->names[file->count];
    if (!status) status = read_tensor(file, value, tensor, &file->copies[file->count], err);
    file->count++; /* so that cream_torch_close frees it */
    if (status) return status;
  }
  return check_names(file, err);
}

cream_status cream_torch_open(const char *path, const cream_torch_choice *choice, cream_torch_file **out,
                              cream_error *err) {
  cream_torch_file *file = calloc(1, sizeof *file);
  if (file) file->path = strdup(path);
  if (!file || !file->path) {
    free(file);
    return cream_fail_memory(err, sizeof *file, path);
  }
  const cream_pickle_value *state = NULL;
  cream_status status = torch_source_open(&file->source, file->path, err);
  for (int i = 0; !status && i < file->source.n_storages; i++)
    file->storage_bytes +=
        file->source.storages[i].count * cream_st_dtype_size(file->source.storages[i].dtype);
  if (!status) status = torch_choose(file->path, file->source.pickle, choice, &state, &file->by_key, err);
  if (!status) status = read_state(file, state, err);
  if (status)
    cream_torch_close(file);
  else
    *out = file;
  return status;
}

void cream_torch_close(cream_torch_file *file) {
  if (!file) return;
  for (int i = 0; i < file->count; i++) {
    free(file->names[i]);
    free(file->copies[i]);
  }
  free(file->names);
  free(file->copies);
  free(file->tensors);
  torch_source_close(&file->source);
  free(file->path);
  free(file);
}

int cream_torch_tensors(const cream_torch_file *file, const cream_st_tensor **tensors) {
  *tensors = file->tensors;
  return file->count;
}

bool cream_torch_by_key(const cream_torch_file *file) {
  return file->by_key;
}
