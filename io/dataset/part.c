#include "part.h"

#include <strings.h>

static const char *const part_names[] = {[CREAM_PART_TRAIN] = "training", [CREAM_PART_TEST] = "test"};
_Static_assert(sizeof part_names / sizeof *part_names == CREAM_PARTS, "every part has a name");

static const char *const words[CREAM_PARTS][8] = {
    [CREAM_PART_TRAIN] = {"train", "training"},
    [CREAM_PART_TEST] = {"val", "validation", "valid", "test", "testing", "eval", "dev"},
};

const char *cream_part_name(cream_part part) {
  return part_names[part];
}

bool cream_part_of_word(const char *word, cream_part *out, int *rank) {
  for (int part = 0; part < CREAM_PARTS; part++)
    for (int i = 0; words[part][i]; i++) {
      if (strcasecmp(words[part][i], word) != 0) continue;
      *out = (cream_part)part;
      *rank = i;
      return true;
    }
  return false;
}
