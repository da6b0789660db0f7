#include "fuzz.h"

#include "io/dataset/list.h"

/* Parses a list; inputs of odd length are lists whose labels are names. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  cream_fileset_place place = {.path = "folder/list.txt", .val = 0.3, .names = size % 2};
  cream_error error;
  cream_dataset *set;
  cream_status status = cream_list_parse(&place, fuzz_text(data, size), size, &set, &error);
  fuzz_check(status, &error);
  if (status) return 0;
  char path[2 * CREAM_MAX_FILE_NAME];
  for (int part = 0; part < CREAM_PARTS; part++)
    for (size_t i = 0; i < set->count[part]; i++) {
      int32_t label = set->labels[part][i];
      CREAM_ASSERT(label >= 0 && label < set->classes && set->class_names[label][0]);
      CREAM_ASSERT(set->path(set, (cream_part)part, i, path, sizeof path)[0]);
    }
  set->destroy(set);
  return 0;
}
