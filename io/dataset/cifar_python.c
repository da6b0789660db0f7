#include "cifar_python.h"

#include <stdlib.h>
#include <string.h>

#include "io/weights/pickle.h"

enum { PIXELS = 3 * 32 * 32, MAX_IMAGES = 1 << 20 };

/* ENCODE is how Python 3 writes bytes for Python 2: the bytes as Latin-1 text. */
enum { ENCODE, RECONSTRUCT, RECONSTRUCT_2, NDARRAY, DTYPE };
static const cream_pickle_global globals[] = {
    [ENCODE] = {"_codecs", "encode", CREAM_PICKLE_CALLED},
    [RECONSTRUCT] = {"numpy.core.multiarray", "_reconstruct", CREAM_PICKLE_CALLED},
    [RECONSTRUCT_2] = {"numpy._core.multiarray", "_reconstruct", CREAM_PICKLE_CALLED},
    [NDARRAY] = {"numpy", "ndarray", CREAM_PICKLE_NAMED},
    [DTYPE] = {"numpy", "dtype", CREAM_PICKLE_CALLED},
    {NULL, NULL, CREAM_PICKLE_NAMED},
};

/* The bytes of a str, bytes, or encoded text. `latin`: they are UTF-8 of characters below 256, one for each byte. */
typedef struct bytes {
  const uint8_t *at;
  size_t length;
  bool latin;
} bytes;

static bool bytes_of(const cream_pickle *pickle, const cream_pickle_value *value, bytes *out) {
  bool encoded = value->kind == CREAM_PICKLE_CALL && value->items.global == ENCODE && value->items.count >= 1;
  if (encoded) value = cream_pickle_item(pickle, value, 0);
  if (value->kind != CREAM_PICKLE_TEXT && value->kind != CREAM_PICKLE_BYTES) return false;
  *out = (bytes){(const uint8_t *)value->text.bytes, value->text.length, encoded};
  return true;
}

/* The value of a key of the dict at the root, or NULL. */
static const cream_pickle_value *find(const cream_pickle *pickle, const char *key) {
  const cream_pickle_value *dict = cream_pickle_at(pickle, cream_pickle_root(pickle)), *found = NULL;
  if (dict->kind != CREAM_PICKLE_DICT) return NULL;
  for (uint32_t walk = dict->items.first; walk;) {
    const cream_pickle_value *name = cream_pickle_at(pickle, cream_pickle_next(pickle, &walk));
    bytes text;
    if (!walk) break;
    const cream_pickle_value *value = cream_pickle_at(pickle, cream_pickle_next(pickle, &walk));
    if (bytes_of(pickle, name, &text) && cream_pickle_equal(key, (const char *)text.at, text.length))
      found = value;
  }
  return found && (found->kind == CREAM_PICKLE_LIST || found->kind == CREAM_PICKLE_TUPLE) ? found : NULL;
}

/* Whether a value is the state of a NumPy array of `count` images in C order: a tuple of version, shape, type, order and
 * bytes. */
static bool is_images(const cream_pickle *pickle, const cream_pickle_value *state, size_t count,
                      bytes *pixels) {
  if (state->kind != CREAM_PICKLE_TUPLE || state->items.count != 5) return false;
  const cream_pickle_value *shape = cream_pickle_item(pickle, state, 1),
                           *order = cream_pickle_item(pickle, state, 3);
  if (shape->kind != CREAM_PICKLE_TUPLE || shape->items.count != 2) return false;
  const cream_pickle_value *rows = cream_pickle_item(pickle, shape, 0),
                           *columns = cream_pickle_item(pickle, shape, 1);
  return rows->kind == CREAM_PICKLE_INT && columns->kind == CREAM_PICKLE_INT &&
         rows->integer == (int64_t)count && columns->integer == PIXELS && order->kind == CREAM_PICKLE_BOOL &&
         !order->integer && bytes_of(pickle, cream_pickle_item(pickle, state, 4), pixels);
}

/* Writes `size` bytes; false unless there are just so many. */
static bool copy_bytes(const bytes *from, uint8_t *to, size_t size) {
  if (!from->latin) {
    if (from->length == size) memcpy(to, from->at, size);
    return from->length == size;
  }
  size_t n = 0;
  for (size_t i = 0; i < from->length; i++, n++) {
    unsigned value = from->at[i];
    if (value >= 0x80) {
      if ((value != 0xc2 && value != 0xc3) || i + 1 == from->length || (from->at[i + 1] & 0xc0) != 0x80)
        return false;
      value = (value & 3) << 6 | (from->at[++i] & 0x3f);
    }
    if (n == size) return false;
    to[n] = (uint8_t)value;
  }
  return n == size;
}

static cream_status copy_labels(const cream_pickle *pickle, const cream_pickle_value *list, const char *name,
                                int classes, int32_t *labels, cream_error *err) {
  uint32_t walk = list->items.first;
  for (size_t i = 0; walk; i++) {
    const cream_pickle_value *label = cream_pickle_at(pickle, cream_pickle_next(pickle, &walk));
    if (label->kind != CREAM_PICKLE_INT || label->integer < 0 || label->integer >= classes)
      return cream_fail(err, CREAM_BAD_DATA, "%s: image %zu: the label is not an integer from 0 to %d", name,
                        i, classes - 1);
    labels[i] = (int32_t)label->integer;
  }
  return CREAM_OK;
}

static cream_status add(cream_raster *set, cream_part part, const char *name, const cream_pickle *pickle,
                        const char *key, int classes, cream_error *err) {
  const cream_pickle_value *labels = find(pickle, key);
  size_t count = labels ? labels->items.count : 0, first;
  if (count == 0 || count > MAX_IMAGES)
    return cream_fail(err, CREAM_BAD_DATA,
                      "%s: no list `%s` in this pickle; expected a file of the Python version of CIFAR", name,
                      key);
  bytes pixels;
  uint32_t i = 0, n = cream_pickle_count(pickle);
  while (i < n && !is_images(pickle, cream_pickle_at(pickle, i), count, &pixels)) i++;
  if (i == n)
    return cream_fail(err, CREAM_BAD_DATA, "%s: no array of %zu x %d bytes for the %zu labels; expected one",
                      name, count, PIXELS, count);
  if (pixels.length < count * PIXELS)
    return cream_fail(err, CREAM_BAD_DATA, "%s: got %zu bytes of pixels, expected %zu", name, pixels.length,
                      count * PIXELS);
  cream_status status = cream_raster_extend(set, part, count, &first, err);
  if (status) return status;
  if (!copy_bytes(&pixels, set->parts[part].pixels + first * PIXELS, count * PIXELS))
    return cream_fail(err, CREAM_BAD_DATA, "%s: the array of images does not have %zu bytes", name,
                      count * PIXELS);
  return copy_labels(pickle, labels, name, classes, set->parts[part].labels + first, err);
}

cream_status cream_cifar_python_add(cream_raster *set, cream_part part, const char *name, const uint8_t *data,
                                    size_t size, const char *key, int classes, cream_error *err) {
  cream_pickle *pickle;
  size_t end;
  cream_status status = cream_pickle_read(name, data, size, 0, globals, &end, &pickle, err);
  if (status) return status;
  status = add(set, part, name, pickle, key, classes, err);
  cream_pickle_free(pickle);
  return status;
}

static const char **copy_names(const cream_pickle *pickle, const cream_pickle_value *list, size_t size) {
  size_t count = list->items.count;
  const char **names = malloc(count * sizeof *names + size + count);
  char *at = names ? (char *)(names + count) : NULL;
  uint32_t walk = list->items.first;
  for (size_t i = 0; walk && names; i++) {
    bytes name;
    if (!bytes_of(pickle, cream_pickle_at(pickle, cream_pickle_next(pickle, &walk)), &name) || !name.length ||
        name.length > size || memchr(name.at, 0, name.length)) {
      free(names);
      return NULL;
    }
    size -= name.length;
    names[i] = memcpy(at, name.at, name.length);
    at[name.length] = 0;
    at += name.length + 1;
  }
  return names;
}

const char **cream_cifar_python_names(const uint8_t *data, size_t size, const char *key, int classes) {
  cream_pickle *pickle;
  size_t end;
  if (cream_pickle_read("names", data, size, 0, globals, &end, &pickle, NULL)) return NULL;
  const cream_pickle_value *list = find(pickle, key);
  const char **names = list && list->items.count == (uint32_t)classes ? copy_names(pickle, list, size) : NULL;
  cream_pickle_free(pickle);
  return names;
}
