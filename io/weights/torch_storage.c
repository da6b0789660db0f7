#include "torch_storage.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "foreign.h"
#include "torch_magic.h"

/* An archive may unpack to MAX_EXPANSION times its size plus MAX_SMALL bytes. */
enum { MAX_EXPANSION = 64, MAX_SMALL = 1 << 24, MAX_KEY = 64 };

static const cream_pickle_global globals[] = {
#define STORAGE(type, dtype) [TORCH_STORAGE_##type] = {"torch", #type "Storage", CREAM_PICKLE_NAMED},
    TORCH_STORAGES(STORAGE) TORCH_SKIPPED_STORAGES(STORAGE)
#undef STORAGE
#define FUNCTION(function, module, name) [TORCH_##function] = {module, name, CREAM_PICKLE_CALLED},
        TORCH_FUNCTIONS(FUNCTION)
#undef FUNCTION
    /* Containers: tensors in them are found. */
    {"collections", "OrderedDict", CREAM_PICKLE_HOLDS},
    {"collections", "defaultdict", CREAM_PICKLE_HOLDS},
    {"torch", "Size", CREAM_PICKLE_HOLDS},
    {"builtins", "set", CREAM_PICKLE_HOLDS},
    {"__builtin__", "set", CREAM_PICKLE_HOLDS},
    {"argparse", "Namespace", CREAM_PICKLE_HOLDS},
    {"yacs.config", "CfgNode", CREAM_PICKLE_HOLDS},
/* Programs, which no checkpoint needs. Nothing is run in any case, but such a file should not be used with PyTorch. */
#define BUILTIN(name)                                                                                        \
  {"builtins", name, CREAM_PICKLE_REFUSED}, {                                                                \
    "__builtin__", name, CREAM_PICKLE_REFUSED                                                                \
  }
    BUILTIN("eval"),
    BUILTIN("exec"),
    BUILTIN("execfile"),
    BUILTIN("compile"),
    BUILTIN("__import__"),
    BUILTIN("open"),
    BUILTIN("input"),
    BUILTIN("breakpoint"),
#undef BUILTIN
#define PROGRAMS(module)                                                                                     \
  { module, "*", CREAM_PICKLE_REFUSED }
    PROGRAMS("os"),
    PROGRAMS("posix"),
    PROGRAMS("nt"),
    PROGRAMS("subprocess"),
    PROGRAMS("sys"),
    PROGRAMS("shutil"),
    PROGRAMS("socket"),
    PROGRAMS("pty"),
    PROGRAMS("runpy"),
    PROGRAMS("code"),
    PROGRAMS("commands"),
    PROGRAMS("importlib"),
    PROGRAMS("ctypes"),
    PROGRAMS("webbrowser"),
    PROGRAMS("urllib.request"),
#undef PROGRAMS
    /* Anything else that checkpoints have beside the weights: settings, scores, dates, paths, states of generators. */
    {"*", "*", CREAM_PICKLE_SKIPPED},
    {NULL, NULL, CREAM_PICKLE_NAMED},
};

static const struct {
  cream_st_dtype dtype;
  size_t skipped; /* see torch_storage */
} storage_types[TORCH_ALL_STORAGE_TYPES] = {
#define STORAGE(type, dtype) [TORCH_STORAGE_##type] = {dtype, 0},
    TORCH_STORAGES(STORAGE)
#undef STORAGE
#define STORAGE(type, bytes) [TORCH_STORAGE_##type] = {CREAM_ST_U8, bytes},
        TORCH_SKIPPED_STORAGES(STORAGE)
#undef STORAGE
};

/* ---- the table of storages ------------------------------------------------------------------------ */

static bool printable(const char *bytes, size_t length) {
  for (size_t i = 0; i < length; i++)
    if (bytes[i] <= ' ' || bytes[i] > '~') return false;
  return length > 0;
}

/* The most bytes that may be unpacked in total. */
static uint64_t unpacked_limit(const torch_source *s) {
  return (uint64_t)s->size * MAX_EXPANSION + MAX_SMALL;
}

static cream_status bad_id(const torch_source *s, const cream_pickle_value *id, const char *what,
                           cream_error *err) {
  return cream_fail(err, CREAM_BAD_DATA, "%s: pickle, byte %zu: %s", s->path, id->at, what);
}

/* Whether an id has the form of a storage whose type is not known. Only a tensor that
 * is wanted makes that an error. */
static bool unknown_type(const torch_source *s, const cream_pickle_value *id) {
  const cream_pickle_value *tuple = cream_pickle_item(s->pickle, id, 0);
  return tuple->kind == CREAM_PICKLE_TUPLE && tuple->items.count >= 5 &&
         cream_pickle_is(cream_pickle_item(s->pickle, tuple, 0), "storage") &&
         cream_pickle_item(s->pickle, tuple, 1)->kind == CREAM_PICKLE_OBJECT;
}

static const char not_supported[] =
    "a storage of a type that is not supported; convert the tensors to float32 in PyTorch, and save the file "
    "again";

/* Reads the tuple ('storage', type, key, location, elements[, None]). */
static cream_status read_id(const torch_source *s, const cream_pickle_value *id, torch_storage *storage,
                            cream_error *err) {
  const cream_pickle *p = s->pickle;
  const cream_pickle_value *tuple = cream_pickle_item(p, id, 0), *part[6];
  if (tuple->kind != CREAM_PICKLE_TUPLE || tuple->items.count < 5 || tuple->items.count > 6)
    return bad_id(s, id, "a persistent id that is not PyTorch's tuple of a storage", err);
  for (uint32_t i = 0; i < tuple->items.count; i++) part[i] = cream_pickle_item(p, tuple, i);
  if (unknown_type(s, id)) return bad_id(s, id, not_supported, err);
  if (!cream_pickle_is(part[0], "storage") || part[1]->kind != CREAM_PICKLE_NAME ||
      part[1]->items.global >= TORCH_ALL_STORAGE_TYPES || part[2]->kind != CREAM_PICKLE_TEXT ||
      part[4]->kind != CREAM_PICKLE_INT || part[4]->integer < 0)
    return bad_id(s, id, "a persistent id that is not PyTorch's tuple of a storage", err);
  if (tuple->items.count == 6 && part[5]->kind != CREAM_PICKLE_NONE)
    return bad_id(s, id,
                  "a storage that is a view of another one; save the file again with a current PyTorch", err);
  *storage = (torch_storage){.key = part[2]->text.bytes,
                             .key_length = part[2]->text.length,
                             .dtype = storage_types[part[1]->items.global].dtype,
                             .skipped = storage_types[part[1]->items.global].skipped,
                             .count = (uint64_t)part[4]->integer};
  if (storage->key_length >= MAX_KEY || !printable(storage->key, storage->key_length))
    return bad_id(s, id, "got a storage key that is not printable text, expected up to 63 characters", err);
  if (storage->count > unpacked_limit(s))
    return bad_id(s, id, "a storage larger than the file could hold", err);
  return CREAM_OK;
}

static int by_key(const void *a, const void *b) {
  const torch_storage *x = a, *y = b;
  if (x->key_length != y->key_length) return x->key_length < y->key_length ? -1 : 1;
  return memcmp(x->key, y->key, x->key_length);
}

static torch_storage *find(const torch_source *s, const torch_storage *like) {
  if (!s->n_storages) return NULL;
  return bsearch(like, s->storages, (size_t)s->n_storages, sizeof *s->storages, by_key);
}

static size_t byte_count(const torch_storage *storage) {
  return storage->count * (storage->skipped ? storage->skipped : cream_st_dtype_size(storage->dtype));
}

/* Lists every storage once. */
static cream_status list_storages(torch_source *s, cream_error *err) {
  uint32_t count = 0, values = cream_pickle_count(s->pickle);
  for (uint32_t i = 0; i < values; i++)
    count += cream_pickle_at(s->pickle, i)->kind == CREAM_PICKLE_PERSISTENT;
  s->storages = calloc(count + 1, sizeof *s->storages);
  if (!s->storages) return cream_fail_memory(err, count * sizeof *s->storages, "the table of storages");
  for (uint32_t i = 0; i < values; i++) {
    const cream_pickle_value *id = cream_pickle_at(s->pickle, i);
    if (id->kind != CREAM_PICKLE_PERSISTENT || (s->zip && unknown_type(s, id))) continue;
    cream_status status = read_id(s, id, &s->storages[s->n_storages], err);
    if (status) return status;
    s->n_storages++;
  }
  qsort(s->storages, (size_t)s->n_storages, sizeof *s->storages, by_key);
  int kept = 0;
  for (int i = 0; i < s->n_storages; i++) {
    torch_storage *last = kept ? &s->storages[kept - 1] : NULL, *now = &s->storages[i];
    if (!last || by_key(last, now) != 0)
      s->storages[kept++] = *now;
    else if (last->dtype != now->dtype || last->skipped != now->skipped || last->count != now->count)
      return cream_fail(err, CREAM_BAD_DATA, "%s: storage '%.*s' has two types or sizes, expected one",
                        s->path, (int)now->key_length, now->key);
  }
  s->n_storages = kept;
  return CREAM_OK;
}

/* ---- the form before PyTorch 1.6 ---------------------------------------------------------------------- */

static cream_status read_pickle(const torch_source *s, size_t *at, cream_pickle **pickle, cream_error *err) {
  return cream_pickle_read(s->path, s->map, s->size, *at, globals, at, pickle, err);
}

/* The first three pickles: magic number, protocol and byte order of the writer. */
static cream_status check_head(const torch_source *s, size_t *at, cream_error *err) {
  static const unsigned char magic[10] = {0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19};
  for (int i = 0; i < 3; i++) {
    cream_pickle *pickle;
    cream_status status = read_pickle(s, at, &pickle, err);
    if (status) return status;
    const cream_pickle_value *value = cream_pickle_at(pickle, cream_pickle_root(pickle)), *little;
    bool good;
    if (i == 0)
      good = value->kind == CREAM_PICKLE_BIG_INT && value->text.length == sizeof magic &&
             memcmp(value->text.bytes, magic, sizeof magic) == 0;
    else if (i == 1)
      good = value->kind == CREAM_PICKLE_INT && value->integer == 1001;
    else
      good = value->kind == CREAM_PICKLE_DICT &&
             (little = cream_pickle_find(pickle, value, "little_endian")) &&
             little->kind == CREAM_PICKLE_BOOL && little->integer;
    cream_pickle_free(pickle);
    static const char *const wrong[] = {
        "got a pickle without the magic number of PyTorch, expected a checkpoint; save the weights with "
        "torch.save",
        "got a protocol other than 1001, expected 1001",
        "got a file that was not written on a little-endian machine, expected "
        "little-endian data"};
    if (!good) return cream_fail(err, CREAM_BAD_DATA, "%s: %s", s->path, wrong[i]);
  }
  return CREAM_OK;
}

/* The storages follow in the order of the list of keys, each as a count of elements and the elements. */
static cream_status place_storages(torch_source *s, const cream_pickle *keys, size_t at, cream_error *err) {
  const cream_pickle_value *list = cream_pickle_at(keys, cream_pickle_root(keys));
  if (list->kind != CREAM_PICKLE_LIST)
    return cream_fail(err, CREAM_BAD_DATA, "%s: the storage keys are not a list", s->path);
  for (uint32_t walk = list->items.first; walk;) {
    const cream_pickle_value *key = cream_pickle_at(keys, cream_pickle_next(keys, &walk));
    if (key->kind != CREAM_PICKLE_TEXT)
      return cream_fail(err, CREAM_BAD_DATA, "%s: a storage key is not text", s->path);
    torch_storage *storage =
        find(s, &(torch_storage){.key = key->text.bytes, .key_length = key->text.length});
    uint64_t count;
    if (!storage || storage->data)
      return cream_fail(err, CREAM_BAD_DATA,
                        "%s: byte %zu: got a storage that no tensor uses, or a duplicate one", s->path, at);
    if (s->size - at < sizeof count || byte_count(storage) > s->size - at - sizeof count)
      return cream_fail(err, CREAM_BAD_DATA,
                        "%s: byte %zu: expected a storage of %ju bytes, got %zu; the file may be truncated",
                        s->path, at, (uintmax_t)byte_count(storage), s->size - at);
    memcpy(&count, s->map + at, sizeof count);
    if (count != storage->count)
      return cream_fail(err, CREAM_BAD_DATA, "%s: byte %zu: got a storage of %ju elements, expected %ju",
                        s->path, at, (uintmax_t)count, (uintmax_t)storage->count);
    storage->data = s->map + at + sizeof count;
    at += sizeof count + byte_count(storage);
  }
  return CREAM_OK;
}

static cream_status open_old(torch_source *s, cream_error *err) {
  size_t at = 0;
  cream_pickle *keys = NULL;
  cream_status status = check_head(s, &at, err);
  if (!status) status = read_pickle(s, &at, &s->pickle, err);
  if (!status) status = read_pickle(s, &at, &keys, err);
  if (!status) status = list_storages(s, err);
  if (!status) status = place_storages(s, keys, at, err);
  cream_pickle_free(keys);
  return status;
}

/* ---- the zip form ---------------------------------------------------------------------------------- */

/* Reads a whole entry of at most `limit` bytes; the caller frees *data. Reading to the end compares the checksum. */
static cream_status read_entry(torch_source *s, zip_uint64_t index, const char *name, zip_uint64_t limit,
                               void **data, size_t *size, cream_error *err) {
  zip_stat_t info;
  const zip_uint64_t wanted = ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE | ZIP_STAT_COMP_METHOD;
  if (zip_stat_index(s->zip, index, 0, &info) || (info.valid & wanted) != wanted)
    return cream_fail(err, CREAM_BAD_DATA, "%s: %s: %s", s->path, name, zip_strerror(s->zip));
  if (info.comp_method != ZIP_CM_STORE && info.comp_method != ZIP_CM_DEFLATE)
    return cream_fail(err, CREAM_BAD_DATA, "%s: %s: unsupported compression, expected stored or deflated",
                      s->path, name);
  if (info.comp_size > s->size || info.size > limit || info.size > unpacked_limit(s) - s->unpacked)
    return cream_fail(err, CREAM_BAD_DATA, "%s: %s: got %ju bytes, more than a file of %zu bytes may hold",
                      s->path, name, (uintmax_t)info.size, s->size);
  s->unpacked += info.size;
  *size = (size_t)info.size;
  *data = malloc(*size + 1);
  if (!*data) return cream_fail_memory(err, *size, name);
  zip_file_t *entry = zip_fopen_index(s->zip, index, 0);
  zip_int64_t got = entry ? zip_fread(entry, *data, *size) : -1;
  char more;
  bool whole = got >= 0 && (size_t)got == *size && zip_fread(entry, &more, 1) == 0;
  const char *problem = entry ? zip_error_strerror(zip_file_get_error(entry)) : zip_strerror(s->zip);
  cream_status status =
      whole ? CREAM_OK : cream_fail(err, CREAM_BAD_DATA, "%s: %s: %s", s->path, name, problem);
  if (entry) zip_fclose(entry);
  if (status) free(*data);
  return status;
}

static cream_status find_pickle(torch_source *s, zip_uint64_t *index, cream_error *err) {
  static const char tail[] = "/data.pkl";
  zip_int64_t count = zip_get_num_entries(s->zip, 0);
  for (zip_int64_t i = 0; i < count; i++) {
    const char *name = zip_get_name(s->zip, (zip_uint64_t)i, ZIP_FL_ENC_RAW);
    size_t length = name ? strlen(name) : 0, prefix = length - (sizeof tail - 1);
    if (length < sizeof tail || prefix >= sizeof s->prefix || strcmp(name + prefix, tail) ||
        memchr(name, '/', prefix) || !printable(name, prefix))
      continue;
    memcpy(s->prefix, name, prefix);
    *index = (zip_uint64_t)i;
    return CREAM_OK;
  }
  const char *first = count > 0 ? zip_get_name(s->zip, 0, ZIP_FL_ENC_RAW) : NULL;
  return cream_fail(
      err, CREAM_BAD_DATA,
      "%s: got a zip archive without data.pkl (its first entry is `%.60s`), expected a file saved "
      "by PyTorch; if a weights file is in the archive, unpack it first",
      s->path, first && printable(first, strlen(first)) ? first : "?");
}

static cream_status check_byte_order(torch_source *s, cream_error *err) {
  char name[sizeof s->prefix + 16];
  snprintf(name, sizeof name, "%s/byteorder", s->prefix);
  zip_int64_t index = zip_name_locate(s->zip, name, ZIP_FL_ENC_RAW);
  if (index < 0) return CREAM_OK;
  void *order;
  size_t size;
  cream_status status = read_entry(s, (zip_uint64_t)index, name, 16, &order, &size, err);
  if (status) return status;
  if (size != 6 || memcmp(order, "little", 6))
    status = cream_fail(
        err, CREAM_BAD_DATA,
        "%s: got a file that was not written on a little-endian machine, expected little-endian data",
        s->path);
  free(order);
  return status;
}

static cream_status open_zip(torch_source *s, cream_error *err) {
  int code;
  s->zip = zip_open(s->path, ZIP_RDONLY, &code);
  if (!s->zip) {
    zip_error_t problem;
    zip_error_init_with_code(&problem, code);
    cream_fail(err, CREAM_BAD_DATA, "%s: %s; the file may be truncated", s->path,
               zip_error_strerror(&problem));
    zip_error_fini(&problem);
    return CREAM_BAD_DATA;
  }
  zip_uint64_t index = 0;
  size_t size, end;
  void *text;
  cream_status status = find_pickle(s, &index, err);
  if (!status) status = check_byte_order(s, err);
  if (!status) status = read_entry(s, index, "data.pkl", CREAM_PICKLE_MAX_BYTES, &text, &size, err);
  if (status) return status;
  s->text = text;
  char name[300];
  snprintf(name, sizeof name, "%.250s: data.pkl", s->path);
  status = cream_pickle_read(name, s->text, size, 0, globals, &end, &s->pickle, err);
  return status ? status : list_storages(s, err);
}

static cream_status fetch_zipped(torch_source *s, torch_storage *storage, cream_error *err) {
  char name[sizeof s->prefix + MAX_KEY + 8];
  snprintf(name, sizeof name, "%s/data/%.*s", s->prefix, (int)storage->key_length, storage->key);
  zip_int64_t index = zip_name_locate(s->zip, name, ZIP_FL_ENC_RAW);
  if (index < 0)
    return cream_fail(err, CREAM_BAD_DATA, "%s: %s, the storage of a tensor, is missing from the archive",
                      s->path, name);
  size_t size;
  cream_status status =
      read_entry(s, (zip_uint64_t)index, name, byte_count(storage), &storage->owned, &size, err);
  if (status) {
    storage->owned = NULL;
    return status;
  }
  if (size != byte_count(storage))
    return cream_fail(err, CREAM_BAD_DATA, "%s: %s: got %zu bytes, expected %ju", s->path, name, size,
                      (uintmax_t)byte_count(storage));
  storage->data = storage->owned;
  return CREAM_OK;
}

/* ---- both forms -------------------------------------------------------------------------------------- */

static cream_status map_file(torch_source *s, cream_error *err) {
  struct stat info;
  int fd = open(s->path, O_RDONLY | O_CLOEXEC);
  cream_status status = CREAM_OK;
  void *map = MAP_FAILED;
  if (fd < 0 || fstat(fd, &info))
    status = cream_fail(err, CREAM_FAILED, "cannot open %s: %s", s->path, strerror(errno));
  else if (!S_ISREG(info.st_mode) || info.st_size == 0)
    status = cream_fail(err, CREAM_BAD_DATA,
                        "%s: got an empty file or one that is not regular, expected a file saved by PyTorch",
                        s->path);
  else if ((map = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, fd, 0)) == MAP_FAILED)
    status = cream_fail(err, CREAM_FAILED, "cannot read %s: %s", s->path, strerror(errno));
  if (fd >= 0) close(fd);
  if (status) return status;
  s->map = map;
  s->size = (size_t)info.st_size;
  return CREAM_OK;
}

cream_status torch_source_open(torch_source *s, const char *path, cream_error *err) {
  *s = (torch_source){.path = path};
  cream_status status = map_file(s, err);
  if (status) return status;
  switch (cream_torch_form_of(s->map, s->size)) {
  case CREAM_TORCH_ZIP:
    status = open_zip(s, err);
    break;
  case CREAM_TORCH_PICKLES:
    status = open_old(s, err);
    break;
  case CREAM_TORCH_NONE:
    status = cream_foreign_check(path, s->map, s->size, "a file saved by PyTorch", err);
    if (!status)
      status = cream_fail(err, CREAM_BAD_DATA,
                          "%s: not a file saved by PyTorch, expected a zip archive or a pickle at its "
                          "beginning; download it again",
                          path);
    break;
  }
  if (status) torch_source_close(s);
  return status;
}

void torch_source_close(torch_source *s) {
  for (int i = 0; i < s->n_storages; i++) free(s->storages[i].owned);
  free(s->storages);
  cream_pickle_free(s->pickle);
  free(s->text);
  if (s->zip) zip_discard(s->zip);
  if (s->map) munmap((void *)s->map, s->size);
  *s = (torch_source){0};
}

cream_status torch_source_fetch(torch_source *s, const cream_pickle_value *id, const torch_storage **out,
                                cream_error *err) {
  torch_storage like;
  cream_status status = read_id(s, id, &like, err);
  if (status) return status;
  torch_storage *storage = find(s, &like);
  CREAM_ASSERT(storage);
  *out = storage;
  if (storage->skipped) return bad_id(s, id, not_supported, err);
  if (storage->data) return CREAM_OK;
  if (s->zip) return fetch_zipped(s, storage, err);
  return bad_id(s, id, "the storage is missing from the file", err);
}
