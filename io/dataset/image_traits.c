#include "image_traits.h"

#include <stdbool.h>
#include <string.h>

enum { ORIENTATION = 0x0112, ENTRY = 12, UPRIGHT = 1, APP1 = 0xe1, START_OF_SCAN = 0xda };

static unsigned number(const uint8_t *at, int bytes, bool big) {
  unsigned value = 0;
  for (int i = 0; i < bytes; i++) value = value << 8 | at[big ? i : bytes - 1 - i];
  return value;
}

/* The orientation in a TIFF header with its first directory, 1 to 8; UPRIGHT if there is none. */
static unsigned orientation(const uint8_t *tiff, size_t size) {
  if (size < 8) return UPRIGHT;
  bool big = tiff[0] == 'M';
  size_t directory = number(tiff + 4, 4, big);
  if (directory > size - 2) return UPRIGHT;
  unsigned entries = number(tiff + directory, 2, big);
  for (size_t at = directory + 2; entries && at + ENTRY <= size; at += ENTRY, entries--)
    if (number(tiff + at, 2, big) == ORIENTATION) return number(tiff + at + 8, 2, big);
  return UPRIGHT;
}

static unsigned of_jpeg(const uint8_t *data, size_t size) {
  for (size_t at = 2; at + 4 <= size && data[at] == 0xff && data[at + 1] != START_OF_SCAN;) {
    size_t length = number(data + at + 2, 2, true), end = at + 2 + length;
    if (data[at + 1] == APP1 && at + 10 <= size && memcmp(data + at + 4, "Exif\0", 6) == 0) {
      size_t last = end < size ? end : size;
      unsigned turned = last > at + 10 ? orientation(data + at + 10, last - at - 10) : UPRIGHT;
      return turned > UPRIGHT && turned <= 8 ? CREAM_TRAIT_ROTATED : 0;
    }
    at = end;
  }
  return 0;
}

unsigned cream_image_traits(const uint8_t *data, size_t size) {
  if (size >= 26 && memcmp(data, "\x89PNG\r\n\x1a\n", 8) == 0)
    return data[24] == 16 && (data[25] == 0 || data[25] == 4) ? CREAM_TRAIT_DEEP_GREY : 0;
  return size >= 4 && data[0] == 0xff && data[1] == 0xd8 ? of_jpeg(data, size) : 0;
}
