#include "data.h"

#include <string.h>

#include "digits.h"

/* `place` is what follows the colon, or NULL. */
static const struct {
  const char *kind;
  cream_status (*open)(const char *place, cream_dataset **, cream_error *);
} kinds[] = {
    {"digits", cream_digits_open},
};

cream_status cream_dataset_open(const char *spec, cream_dataset **dataset, cream_error *err) {
  const char *colon = strchr(spec, ':');
  size_t length = colon ? (size_t)(colon - spec) : strlen(spec);
  char known[200] = "";
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
    if (strlen(kinds[i].kind) == length && strncmp(kinds[i].kind, spec, length) == 0) {
      if (colon && !colon[1])
        return cream_fail(err, CREAM_BAD_CONFIG, "data '%s': nothing after the colon; expected %s:FILE", spec,
                          kinds[i].kind);
      return kinds[i].open(colon ? colon + 1 : NULL, dataset, err);
    }
    size_t used = strlen(known);
    snprintf(known + used, sizeof known - used, "%s%s, %s:FILE", used ? ", " : "", kinds[i].kind,
             kinds[i].kind);
  }
  return cream_fail(err, CREAM_BAD_CONFIG, "unknown data '%s'; expected one of: %s", spec, known);
}
