/* The layout of a packed file, for its writer and its reader. All numbers are little-endian.
 *
 *   header | images | class names, each ended by a 0 byte | index: an entry per image, training part first
 */
#ifndef CREAM_IO_PACK_INTERNAL_H
#define CREAM_IO_PACK_INTERNAL_H

#include <stdint.h>
#include <string.h>

#include <xxhash.h>

#include "pack.h"

#define CREAM_PACK_MAGIC UINT64_C(0x4b43504d41455243) /* "CREAMPCK" */

enum {
  CREAM_PACK_VERSION = 1,
  CREAM_PACK_HEADER = 96,
  CREAM_PACK_ENTRY = 32,
  CREAM_PACK_ALIGNMENT = 64, /* of images */
  CREAM_PACK_MAX_CLASSES = 1 << 20,
};

/* Offsets in the header. */
enum {
  PACK_AT_MAGIC = 0,
  PACK_AT_VERSION = 8,
  PACK_AT_KIND = 12,
  PACK_AT_CLASSES = 16,
  PACK_AT_SHORTER = 20,
  PACK_AT_COUNTS = 24,   /* images of both parts, 8 bytes each */
  PACK_AT_NAMES = 40,    /* offset of the names */
  PACK_AT_INDEX = 48,    /* offset of the index, which ends the file */
  PACK_AT_MEAN = 56,     /* 3 floats, followed by 3 of the deviation */
  PACK_AT_RESERVED = 80, /* 0 */
  PACK_AT_CHECKSUM = 88, /* pack_checksum */
};

/* Offsets in an entry. */
enum {
  PACK_ENTRY_OFFSET = 0,
  PACK_ENTRY_CHECKSUM = 8, /* XXH3 of the image's bytes */
  PACK_ENTRY_WIDTH = 16,
  PACK_ENTRY_HEIGHT = 20,
  PACK_ENTRY_SIZE = 24,
  PACK_ENTRY_LABEL = 28,
};

static inline void pack_put(uint8_t *at, uint64_t value, int bytes) {
  for (int i = 0; i < bytes; i++) at[i] = (uint8_t)(value >> 8 * i);
}

static inline uint64_t pack_get(const uint8_t *at, int bytes) {
  uint64_t value = 0;
  for (int i = 0; i < bytes; i++) value |= (uint64_t)at[i] << 8 * i;
  return value;
}

static inline void pack_put_float(uint8_t *at, float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  pack_put(at, bits, 4);
}

static inline float pack_get_float(const uint8_t *at) {
  uint32_t bits = (uint32_t)pack_get(at, 4);
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

/* XXH3 (64 bits) of the header up to its checksum, seeded by that of the index, seeded by that of the names. */
static inline uint64_t pack_checksum(const void *names, size_t names_size, const void *index,
                                     size_t index_size, const uint8_t *header) {
  uint64_t seed = XXH3_64bits_withSeed(index, index_size, XXH3_64bits(names, names_size));
  return XXH3_64bits_withSeed(header, PACK_AT_CHECKSUM, seed);
}

#endif
