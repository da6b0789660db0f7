#include "classes.h"

#include <stdlib.h>
#include <string.h>

#include "io/base/name.h"

enum { DIGITS = 12 };

/* Marks in `seen`, [classes], by bits 1 << part the parts that have the class. *missing: the first class without
 * training images, or `classes`. */
static cream_status check(const cream_dataset *dataset, const char *place, int classes, uint8_t *seen,
                          int *missing, cream_error *err) {
  for (int part = 0; part < CREAM_PARTS; part++) {
    if (dataset->count[part] == 0 && !(dataset->test_only && part == CREAM_PART_TRAIN))
      return cream_fail(err, CREAM_BAD_DATA, "%.300s: no %s images; expected at least one", place,
                        cream_part_name((cream_part)part));
    for (size_t i = 0; i < dataset->count[part]; i++) {
      int32_t label = dataset->labels[part][i];
      if (label < 0 || label >= classes)
        return cream_fail(err, CREAM_BAD_DATA, "%.300s: %s image %zu: got label %d, expected 0 to %d", place,
                          cream_part_name((cream_part)part), i, label, classes - 1);
      seen[label] |= (uint8_t)(1 << part);
    }
  }
  if (dataset->test_only)
    *missing = classes;
  else
    for (*missing = 0; *missing < classes && seen[*missing] & 1 << CREAM_PART_TRAIN;) ++*missing;
  return CREAM_OK;
}

/* One block with the pointers, followed by the names that they point to; NULL: out of memory. */
static char **copy(const char *const *names, int classes, cream_error *err) {
  size_t pointers = (size_t)classes * sizeof(char *), bytes = pointers;
  for (int c = 0; c < classes; c++)
    bytes += names ? 4 * strlen(names[c]) + 1 : DIGITS; /* \xNN in the worst case */
  char **block = malloc(bytes + 1);
  if (!block) {
    cream_fail_memory(err, bytes, "the names of the classes");
    return NULL;
  }
  char *at = (char *)block + pointers;
  for (int c = 0; c < classes; c++) {
    block[c] = at;
    if (names)
      cream_name_show(names[c], at, 4 * strlen(names[c]) + 1);
    else
      snprintf(at, DIGITS, "%d", c);
    at += strlen(at) + 1;
  }
  return block;
}

cream_status cream_classes_set(cream_dataset *dataset, const char *place, const char *const *names,
                               int classes, cream_error *err) {
  uint8_t *seen = calloc((size_t)classes + 1, 1);
  if (!seen) return cream_fail_memory(err, (size_t)classes, "the classes");
  int missing = 0;
  cream_status status = check(dataset, place, classes, seen, &missing, err);
  free(seen);
  if (status) return status;
  char **block = copy(names, classes, err);
  if (!block) return CREAM_FAILED;
  if (missing < classes) {
    cream_fail(err, CREAM_BAD_DATA, "%.300s: class '%.80s' has no training image; expected at least one",
               place, block[missing]);
    free(block);
    return CREAM_BAD_DATA;
  }
  dataset->classes = classes;
  dataset->class_names = (const char *const *)block;
  if (classes == 1)
    cream_notes_add(&dataset->notes, "%.300s has only one class, '%.80s'; a network needs at least two",
                    place, block[0]);
  return CREAM_OK;
}

void cream_classes_free(cream_dataset *dataset) {
  free((void *)dataset->class_names);
  cream_notes_free(&dataset->notes);
}
