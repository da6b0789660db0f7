#include "image.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "image_codec.h"
#include "io/base/file.h"
#include "io/base/name.h"

enum { SHOWN = 320 }; /* bytes of a path in a message */

/* Formats by the first bytes of their files. */
static const struct {
  const char *magic;
  size_t size; /* bytes of `magic` */
  const char *word;
  bool present;
  cream_image_decoder *decode;
} formats[] = {
#define FORMAT(name, word, extensions, magic, present)                                                       \
  {magic, sizeof(magic) - 1, word, present, cream_##name##_decode},
    CREAM_IMAGE_FORMATS(FORMAT)
#undef FORMAT
};
enum { N_FORMATS = sizeof formats / sizeof *formats };

/* Writes the words of the formats that can be decoded: "JPEG or PNG or BMP". Returns `text`. */
static const char *decodable(char *text, size_t size) {
  size_t used = 0;
  *text = '\0';
  for (int i = 0; i < N_FORMATS; i++) {
    if (!formats[i].present || (i && !strcmp(formats[i].word, formats[i - 1].word))) continue;
    snprintf(text + used, size - used, "%s%s", used ? " or " : "", formats[i].word);
    used = strlen(text);
  }
  return text;
}

/* ---- names of files --------------------------------------------------------------------------------- */

static const struct {
  const char *word, *extensions;
  bool present;
} names[] = {
#define NAMES(name, word, extensions, magic, present) {word, extensions, present},
#define OTHER_NAMES(word, extensions)                 {word, extensions, false},
    CREAM_IMAGE_FORMATS(NAMES) CREAM_IMAGE_OTHER_FORMATS(OTHER_NAMES)
#undef NAMES
#undef OTHER_NAMES
};
enum { N_NAMES = sizeof names / sizeof *names };

const char *cream_image_format_of_name(const char *name, bool *present) {
  const char *dot = strrchr(name, '.');
  size_t length = dot ? strlen(dot) : 0;
  for (int i = 0; i < N_NAMES && length > 1; i++)
    for (const char *at = names[i].extensions; *at;) {
      size_t n = strcspn(at, " ");
      if (n == length && strncasecmp(at, dot, n) == 0) {
        *present = names[i].present;
        return names[i].word;
      }
      at += n + strspn(at + n, " ");
    }
  return NULL;
}

const char *cream_image_extensions(char *text, size_t size) {
  size_t used = 0;
  *text = '\0';
  for (int i = 0; i < N_NAMES; i++) {
    if (!*names[i].extensions) continue;
    snprintf(text + used, size - used, "%s%s", used ? " " : "", names[i].extensions);
    used = strlen(text);
  }
  return text;
}

/* ---- content ---------------------------------------------------------------------------------------- */

/* Writes a path for a message: escaped to one line, and shortened at its beginning if it is long. Returns `text`. */
static char *shown(const char *path, char *text, size_t size) {
  char *at = text;
  size_t length = strlen(path);
  if (length >= size) {
    at = stpcpy(text, "...");
    path += length - (size - 4);
  }
  cream_name_show(path, at, size - (size_t)(at - text));
  return text;
}

static cream_status decode(const cream_image_input *input, cream_image *image, int *width, int *height,
                           cream_error *err) {
  char expected[80];
  if (input->size == 0) return cream_fail(err, CREAM_BAD_DATA, "%s: an empty file", input->name);
  for (int i = 0; i < N_FORMATS; i++) {
    if (input->size < formats[i].size || memcmp(input->data, formats[i].magic, formats[i].size) != 0)
      continue;
    return formats[i].decode(input, image, width, height, err);
  }
  return cream_fail(err, CREAM_BAD_DATA, "%s: not an image; expected %s", input->name,
                    decodable(expected, sizeof expected));
}

cream_status cream_image_size(const uint8_t *data, size_t size, const char *name, int *width, int *height,
                              cream_error *err) {
  char text[SHOWN];
  return decode(&(cream_image_input){data, size, shown(name, text, SHOWN), 0}, NULL, width, height, err);
}

cream_status cream_image_decode(const uint8_t *data, size_t size, const char *name, int least_side,
                                cream_image *image, cream_error *err) {
  char text[SHOWN];
  int width, height;
  return decode(&(cream_image_input){data, size, shown(name, text, SHOWN), least_side}, image, &width,
                &height, err);
}

cream_status cream_image_read(const char *path, int least_side, cream_image *image, cream_error *err) {
  struct stat info;
  char text[SHOWN];
  shown(path, text, sizeof text);
  if (stat(path, &info))
    return cream_fail(err, CREAM_BAD_DATA, "%s: cannot be read: %s", text, strerror(errno));
  if (!S_ISREG(info.st_mode)) /* checked before opening: opening a pipe would wait for its writer */
    return cream_fail(err, CREAM_BAD_DATA, "%s: cannot be read: %s", text,
                      S_ISDIR(info.st_mode) ? "it is a folder" : "it is not a regular file");
  char *data;
  size_t size;
  cream_error reason;
  if (cream_file_read(path, CREAM_MAX_IMAGE_BYTES, &data, &size, &reason)) {
    cream_name_show(reason.text, text, sizeof text);
    return cream_fail(err, CREAM_BAD_DATA, "%s", text);
  }
  cream_status status = cream_image_decode((const uint8_t *)data, size, path, least_side, image, err);
  free(data);
  return status;
}
