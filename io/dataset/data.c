#include "data.h"

#include <string.h>

#include "formats.h"

static const struct {
  const char *name;
  cream_dataset_opener *open;
  const char *usage;
} formats[] = {
#define FORMAT(name, usage, summary) {#name, cream_##name##_open, usage},
    CREAM_DATASET_FORMATS(FORMAT)
#undef FORMAT
};
enum { N_FORMATS = sizeof formats / sizeof *formats };

cream_status cream_dataset_open(const char *spec, cream_dataset **dataset, cream_error *err) {
  const char *colon = strchr(spec, ':');
  size_t length = colon ? (size_t)(colon - spec) : strlen(spec);
  char known[256] = "";
  for (int i = 0; i < N_FORMATS; i++) {
    if (strlen(formats[i].name) == length && strncmp(formats[i].name, spec, length) == 0) {
      if (colon && !colon[1])
        return cream_fail(err, CREAM_BAD_CONFIG, "data: got '%s' with nothing after the colon; expected %s",
                          spec, formats[i].usage);
      return formats[i].open(colon ? colon + 1 : NULL, dataset, err);
    }
    size_t used = strlen(known);
    snprintf(known + used, sizeof known - used, "%s%s", used ? ", " : "", formats[i].usage);
  }
  return cream_fail(err, CREAM_BAD_CONFIG, "data: unknown format '%.200s'; expected one of: %s", spec, known);
}
