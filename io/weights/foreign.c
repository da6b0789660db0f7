#include "foreign.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#define AGAIN  "download it again, and look at it in a text editor if that does not help"
#define UNPACK "unpack it first"
#define EXPORT "save the weights in PyTorch with torch.save(model.state_dict(), 'weights.pth')"

/* Formats X(position, bytes, what it is, what to do). */
#define FORMATS(X)                                                                                           \
  X(0, "version https://git-lfs", "a pointer of Git LFS, not the file itself",                               \
    "run `git lfs pull` in the repository, or download the file from its page")                              \
  X(0, "\x1f\x8b", "a gzip file", "unpack it first, with `gunzip` or `tar -xzf`")                            \
  X(0, "BZh", "a bzip2 file", "unpack it first, with `bunzip2` or `tar -xjf`")                               \
  X(0,                                                                                                       \
    "\xfd"                                                                                                   \
    "7zXZ",                                                                                                  \
    "an xz file", "unpack it first, with `unxz` or `tar -xJf`")                                              \
  X(0, "\x28\xb5\x2f\xfd", "a zstd file", "unpack it first, with `unzstd`")                                  \
  X(0, "7z\xbc\xaf\x27\x1c", "a 7-Zip archive", UNPACK)                                                      \
  X(0, "Rar!", "a RAR archive", UNPACK)                                                                      \
  X(257, "ustar", "a tar archive", "unpack it with `tar -xf`, and convert the weights file in it")           \
  X(0, "\x89HDF\r\n", "an HDF5 file, as Keras writes it", EXPORT)                                            \
  X(0, "\x93NUMPY", "a NumPy array", EXPORT)                                                                 \
  X(0, "GGUF", "a GGUF file", EXPORT)                                                                        \
  X(0, "\x08\x03\x12", "an ONNX model", EXPORT)                                                              \
  X(0, "\x08\x04\x12", "an ONNX model", EXPORT)                                                              \
  X(0, "\x08\x05\x12", "an ONNX model", EXPORT)                                                              \
  X(0, "\x08\x06\x12", "an ONNX model", EXPORT)                                                              \
  X(0, "\x08\x07\x12", "an ONNX model", EXPORT)                                                              \
  X(0, "\x08\x08\x12", "an ONNX model", EXPORT)                                                              \
  X(0, "\x08\x09\x12", "an ONNX model", EXPORT)                                                              \
  X(0, "\x08\x0a\x12", "an ONNX model", EXPORT)                                                              \
  X(4, "TFL3", "a TensorFlow Lite model", EXPORT)                                                            \
  X(0, "%PDF", "a PDF document", AGAIN)                                                                      \
  X(0, "\x89PNG", "a PNG image", AGAIN)                                                                      \
  X(0, "\xff\xd8\xff", "a JPEG image", AGAIN)                                                                \
  X(0,                                                                                                       \
    "\x7f"                                                                                                   \
    "ELF",                                                                                                   \
    "a program", AGAIN)

static const struct format {
  size_t at, length;
  const char *bytes, *what, *advice;
} formats[] = {
#define FORMAT(at, bytes, what, advice) {at, sizeof bytes - 1, bytes, what, advice},
    FORMATS(FORMAT)
#undef FORMAT
};

/* Whether the bytes, after blanks, begin with a word, in any case. */
static bool begins(const char *bytes, size_t size, const char *word) {
  size_t at = 0, length = strlen(word);
  if (size >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0) at = 3;
  while (at < size && isspace((unsigned char)bytes[at])) at++;
  if (size - at < length) return false;
  for (size_t i = 0; i < length; i++)
    if (tolower((unsigned char)bytes[at + i]) != word[i]) return false;
  return true;
}

/* Whether all bytes are those of text. */
static bool is_text(const char *bytes, size_t size) {
  for (size_t i = 0; i < size; i++) {
    unsigned char c = (unsigned char)bytes[i];
    if ((c < ' ' && !isspace(c)) || c == 0x7f) return false;
  }
  return size > 0;
}

static bool is_zero(const char *bytes, size_t size) {
  for (size_t i = 0; i < size; i++)
    if (bytes[i]) return false;
  return true;
}

cream_status cream_foreign_check(const char *path, const void *data, size_t size, const char *expected,
                                 cream_error *err) {
  static const char *const pages[] = {"<!doctype", "<html", "<head", "<body", "<?xml", "<error"};
  const char *bytes = data, *what = NULL, *advice = AGAIN;
  if (size > 512) size = 512;
  for (size_t i = 0; i < sizeof pages / sizeof *pages && !what; i++)
    if (begins(bytes, size, pages[i])) what = "a web page or XML";
  for (size_t i = 0; i < sizeof formats / sizeof *formats && !what; i++) {
    const struct format *f = &formats[i];
    if (size < f->at + f->length || memcmp(bytes + f->at, f->bytes, f->length) != 0) continue;
    what = f->what;
    advice = f->advice;
  }
  if (!size) what = "an empty file";
  if (!what && size >= 8 && is_zero(bytes, size)) what = "zeros, as after an interrupted download";
  if (!what && begins(bytes, size, "{")) what = "JSON text";
  if (!what && is_text(bytes, size)) what = "plain text";
  if (!what) return CREAM_OK;
  return cream_fail(err, CREAM_BAD_DATA, "%s: not %s: got %s; %s", path, expected, what, advice);
}
