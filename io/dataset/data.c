#include "data.h"

#include <string.h>

#include "cifar.h"
#include "digits.h"
#include "folder.h"
#include "idx.h"
#include "list.h"
#include "pack.h"

/* `place` is what follows the colon, or NULL. */
static const struct {
  const char *kind;
  cream_status (*open)(const char *place, cream_dataset **, cream_error *);
  const char *usage;
} kinds[] = {
    {"digits", cream_digits_open, "digits, digits:FILE"},
    {"folder", cream_folder_open, "folder:PATH"},
    {"list", cream_list_open, "list:FILE"},
    {"cifar10", cream_cifar10_open, "cifar10:PATH"},
    {"cifar100", cream_cifar100_open, "cifar100:PATH"},
    {"idx", cream_idx_open, "idx:PATH"},
    {"pack", cream_pack_open, "pack:FILE"},
};

cream_status cream_dataset_open(const char *spec, cream_dataset **dataset, cream_error *err) {
  const char *colon = strchr(spec, ':');
  size_t length = colon ? (size_t)(colon - spec) : strlen(spec);
  char known[200] = "";
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
    if (strlen(kinds[i].kind) == length && strncmp(kinds[i].kind, spec, length) == 0) {
      if (colon && !colon[1])
        return cream_fail(err, CREAM_BAD_CONFIG, "data '%s': nothing after the colon; expected %s", spec,
                          kinds[i].usage);
      return kinds[i].open(colon ? colon + 1 : NULL, dataset, err);
    }
    size_t used = strlen(known);
    snprintf(known + used, sizeof known - used, "%s%s", used ? ", " : "", kinds[i].usage);
  }
  return cream_fail(err, CREAM_BAD_CONFIG, "unknown data '%.200s'; expected one of: %s", spec, known);
}
