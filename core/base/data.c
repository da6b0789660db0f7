#include "data.h"

#include <stdlib.h>

#include "rng.h"

enum { CLASSES_AT_ONCE = 1024 }; /* counters on the stack; more classes take more passes */

static int ascending(const void *a, const void *b) {
  uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  return (x > y) - (x < y);
}

/* Class c gets floor(heldout * upto(c) / count) - floor(heldout * upto(c-1) / count) places, upto(c) being
 * the images of the classes up to c: within one of its share, and `heldout` in all. In a class, the next
 * image is drawn with probability places left / images left, which makes every set equally likely. */
void cream_split(const int32_t *labels, size_t count, int classes, uint64_t seed, size_t n_heldout,
                 uint32_t *heldout, uint32_t *rest) {
  CREAM_ASSERT(n_heldout <= count && count <= UINT32_MAX);
  uint64_t upto = 0;
  size_t drawn = 0;
  if (count == 0) return;
  for (int first = 0; first < classes; first += CLASSES_AT_ONCE) {
    uint32_t left[CLASSES_AT_ONCE] = {0}, places[CLASSES_AT_ONCE];
    for (size_t i = 0; i < count; i++) {
      CREAM_ASSERT(labels[i] >= 0 && labels[i] < classes);
      if (labels[i] >= first && labels[i] - first < CLASSES_AT_ONCE) left[labels[i] - first]++;
    }
    for (int c = 0; c < CLASSES_AT_ONCE; c++) {
      uint64_t before = n_heldout * upto / count;
      upto += left[c];
      places[c] = (uint32_t)(n_heldout * upto / count - before);
    }
    for (size_t i = 0; i < count; i++) {
      if (labels[i] < first || labels[i] - first >= CLASSES_AT_ONCE) continue;
      int c = labels[i] - first;
      cream_rng rng = cream_rng_at(seed, CREAM_RNG_SPLIT, i);
      if (cream_rng_below(&rng, left[c]--) >= places[c]) continue;
      places[c]--;
      heldout[drawn++] = (uint32_t)i;
    }
  }
  CREAM_ASSERT(drawn == n_heldout);
  if (drawn > 0 && classes > CLASSES_AT_ONCE) qsort(heldout, drawn, sizeof *heldout, ascending);
  for (size_t i = 0, h = 0, r = 0; i < count; i++) {
    if (h < drawn && heldout[h] == i)
      h++;
    else
      rest[r++] = (uint32_t)i;
  }
}
