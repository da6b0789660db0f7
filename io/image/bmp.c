/* Windows and OS/2 bitmaps: 1, 4 and 8 bits with a palette (also run-length encoded), 16, 24 and 32 bits. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "image_codec.h"

enum { FILE_HEADER = 14, CORE_HEADER = 12, INFO_HEADER = 40, MAX_HEADER = 256, COLOURS = 256 };
enum { RAW = 0, RLE8 = 1, RLE4 = 2, BITFIELDS = 3, ALPHA_BITFIELDS = 6 };

typedef struct bitmap {
  const cream_image_input *input;
  uint32_t header, pixels; /* bytes of the second header; where the pixels begin */
  int width, height, bits;
  bool top_down;
  uint32_t compression;
  uint32_t masks[3]; /* of red, green, blue, for 16 and 32 bits */
  uint8_t palette[COLOURS][3];
} bitmap;

static uint32_t number(const uint8_t *at, int bytes) {
  uint32_t value = 0;
  for (int i = 0; i < bytes; i++) value |= (uint32_t)at[i] << 8 * i;
  return value;
}

static cream_status damaged(const bitmap *b, const char *reason, cream_error *err) {
  return cream_image_damaged(b->input->name, "BMP", reason, err);
}

static cream_status read_masks(bitmap *b, cream_error *err) {
  static const uint32_t masks15[] = {0x7c00, 0x3e0, 0x1f}, masks32[] = {0xff0000, 0xff00, 0xff};
  memcpy(b->masks, b->bits == 16 ? masks15 : masks32, sizeof b->masks);
  if (b->compression != BITFIELDS && b->compression != ALPHA_BITFIELDS) return CREAM_OK;
  if (b->input->size < FILE_HEADER + INFO_HEADER + 12) return damaged(b, "truncated", err);
  for (int c = 0; c < 3; c++) b->masks[c] = number(b->input->data + FILE_HEADER + INFO_HEADER + 4 * c, 4);
  return CREAM_OK;
}

/* Entries that the file lacks are a ramp of greys, as in Pillow. */
static void read_palette(bitmap *b, uint32_t colours) {
  const size_t entry = b->header == CORE_HEADER ? 3 : 4;
  size_t at = FILE_HEADER + (size_t)b->header;
  for (int i = 0; i < COLOURS; i++) memset(b->palette[i], i, 3);
  for (uint32_t i = 0; i < colours && i < COLOURS && at + entry <= b->input->size; i++, at += entry)
    for (int c = 0; c < 3; c++) b->palette[i][c] = b->input->data[at + 2 - (size_t)c];
}

static bool is_supported(const bitmap *b) {
  switch (b->compression) {
  case RAW:
    return b->bits == 1 || b->bits == 4 || b->bits == 8 || b->bits == 16 || b->bits == 24 || b->bits == 32;
  case RLE8:
    return b->bits == 8;
  case RLE4:
    return b->bits == 4;
  case BITFIELDS:
  case ALPHA_BITFIELDS:
    return b->bits == 16 || b->bits == 32;
  }
  return false;
}

static cream_status read_header(bitmap *b, cream_error *err) {
  const uint8_t *data = b->input->data, *info = data + FILE_HEADER;
  if (b->input->size < FILE_HEADER + 4) return damaged(b, "truncated", err);
  b->pixels = number(data + 10, 4);
  b->header = number(info, 4);
  if (b->header != CORE_HEADER && (b->header < INFO_HEADER || b->header > MAX_HEADER))
    return damaged(b, "a header of unknown size", err);
  if (b->input->size < FILE_HEADER + (size_t)b->header) return damaged(b, "truncated", err);
  const bool core = b->header == CORE_HEADER;
  const uint32_t width = number(info + 4, core ? 2 : 4);
  uint32_t height = core ? number(info + 6, 2) : number(info + 8, 4);
  b->top_down = !core && height >> 31;
  if (b->top_down) height = 0 - height;
  cream_status status = cream_image_check_size(b->input->name, width, height, err);
  if (status) return status;
  b->width = (int)width;
  b->height = (int)height;
  b->bits = (int)number(info + (core ? 10 : 14), 2);
  b->compression = core ? RAW : number(info + 16, 4);
  if (!is_supported(b))
    return cream_fail(err, CREAM_BAD_DATA,
                      "%s: a BMP of %d bits with compression %u, which is not supported; save it as PNG",
                      b->input->name, b->bits, b->compression);
  uint32_t colours = core ? 0 : number(info + 32, 4);
  if (colours == 0 && b->bits <= 8) colours = 1u << b->bits;
  if (b->bits <= 8) read_palette(b, colours);
  return read_masks(b, err);
}

/* The part of a value under a mask, scaled to 0..255. */
static uint8_t part(uint32_t value, uint32_t mask) {
  if (!mask) return 0;
  while (!(mask & 1)) mask >>= 1, value >>= 1;
  return (uint8_t)((uint64_t)(value & mask) * 255 / mask);
}

static void read_row(const bitmap *b, const uint8_t *from, uint8_t *to) {
  for (int x = 0; x < b->width; x++, to += 3) {
    if (b->bits <= 8) {
      const int in_byte = 8 / b->bits;
      const int shift = 8 - b->bits * (x % in_byte + 1);
      memcpy(to, b->palette[from[x / in_byte] >> shift & ((1 << b->bits) - 1)], 3);
    } else if (b->bits == 24) {
      for (int c = 0; c < 3; c++) to[c] = from[3 * x + 2 - c];
    } else {
      const uint32_t value = number(from + (size_t)x * (size_t)(b->bits / 8), b->bits / 8);
      for (int c = 0; c < 3; c++) to[c] = part(value, b->masks[c]);
    }
  }
}

static uint8_t *row_of(const bitmap *b, cream_image *image, int y) {
  return image->pixels + (size_t)(b->top_down ? y : b->height - 1 - y) * (size_t)b->width * 3;
}

static cream_status read_rows(const bitmap *b, cream_image *image, cream_error *err) {
  const uint64_t stride = ((uint64_t)b->width * (uint64_t)b->bits + 31) / 32 * 4;
  const uint64_t used =
      ((uint64_t)b->width * (uint64_t)b->bits + 7) / 8; /* the last row may lack its padding */
  const uint64_t size = b->input->size;
  if (b->pixels > size || stride * (uint64_t)(b->height - 1) + used > size - b->pixels)
    return damaged(b, "truncated", err);
  cream_status status = cream_image_resize(image, b->width, b->height, err);
  if (status) return status;
  for (int y = 0; y < b->height; y++)
    read_row(b, b->input->data + b->pixels + stride * (uint64_t)y, row_of(b, image, y));
  return CREAM_OK;
}

/* ---- run-length encoding --------------------------------------------------------------------------------- */

typedef struct position {
  int x, y;
} position;

/* Writes `count` pixels of the indices at `from`: one byte for each (RLE8), or two in a byte (RLE4). `repeat`: from the
 * first byte alone. What lies beyond the row is dropped. */
static void put(const bitmap *b, cream_image *image, position *at, const uint8_t *from, int count,
                bool repeat) {
  for (int i = 0; i < count; i++) {
    const int pair = repeat ? 0 : i / 2;
    const int index = b->bits == 8 ? from[repeat ? 0 : i] : i % 2 ? from[pair] & 15 : from[pair] >> 4;
    if (at->x < b->width && at->y < b->height)
      memcpy(row_of(b, image, at->y) + 3 * (size_t)at->x, b->palette[index], 3);
    if (at->x < b->width) at->x++;
  }
}

static cream_status read_runs(const bitmap *b, cream_image *image, cream_error *err) {
  cream_status status = cream_image_resize(image, b->width, b->height, err);
  if (status) return status;
  for (size_t i = 0; i < (size_t)b->width * (size_t)b->height; i++)
    memcpy(image->pixels + 3 * i, b->palette[0], 3);
  const uint8_t *data = b->input->data;
  size_t size = b->input->size, next = b->pixels;
  position at = {0, 0};
  while (at.y < b->height) {
    if (next > size || size - next < 2) return damaged(b, "truncated", err);
    const int count = data[next], code = data[next + 1];
    next += 2;
    if (count) {
      put(b, image, &at, data + next - 1, count, true);
    } else if (code == 0) { /* end of the row */
      at = (position){0, at.y + 1};
    } else if (code == 1) { /* end of the image */
      break;
    } else if (code == 2) { /* pixels that are left out */
      if (size - next < 2) return damaged(b, "truncated", err);
      at.x = at.x + data[next] < b->width ? at.x + data[next] : b->width;
      at.y += data[next + 1];
      next += 2;
    } else {
      const size_t bytes = b->bits == 8 ? (size_t)code : ((size_t)code + 1) / 2;
      if (size - next < bytes) return damaged(b, "truncated", err);
      put(b, image, &at, data + next, code, false);
      next += bytes + bytes % 2;
    }
  }
  return CREAM_OK;
}

cream_status cream_bmp_decode(const cream_image_input *input, cream_image *image, int *width, int *height,
                              cream_error *err) {
  bitmap b = {.input = input};
  cream_status status = read_header(&b, err);
  if (status) return status;
  *width = b.width;
  *height = b.height;
  if (!image) return CREAM_OK;
  return b.compression == RLE8 || b.compression == RLE4 ? read_runs(&b, image, err)
                                                        : read_rows(&b, image, err);
}
