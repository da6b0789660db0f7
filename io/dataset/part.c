#include "part.h"

static const char *const part_names[] = {[CREAM_PART_TRAIN] = "training", [CREAM_PART_TEST] = "test"};
_Static_assert(sizeof part_names / sizeof *part_names == CREAM_PARTS, "every part has a name");

const char *cream_part_name(cream_part part) {
  return part_names[part];
}
