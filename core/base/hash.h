/* FNV-1a, for fingerprints and tables: it is no protection against anybody. */
#ifndef CREAM_CORE_HASH_H
#define CREAM_CORE_HASH_H

#include <stddef.h>
#include <stdint.h>

/* The hash of nothing. */
#define CREAM_FNV1A_START UINT64_C(0xcbf29ce484222325)

/* The hash of what `hash` is of, and of these bytes after it. */
static inline uint64_t cream_fnv1a(uint64_t hash, const void *bytes, size_t size) {
  for (size_t i = 0; i < size; i++)
    hash = (hash ^ ((const unsigned char *)bytes)[i]) * UINT64_C(0x100000001b3);
  return hash;
}

#endif
