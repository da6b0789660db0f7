#include "data.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "formats.h"
#include "io/base/file.h"

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

cream_status cream_dataset_open_to_test(const char *spec, cream_dataset **dataset, cream_error *err) {
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

cream_status cream_dataset_open(const char *spec, cream_dataset **dataset, cream_error *err) {
  cream_status status = cream_dataset_open_to_test(spec, dataset, err);
  if (status || !(*dataset)->test_only) return status;
  (*dataset)->destroy(*dataset);
  *dataset = NULL;
  return cream_fail(err, CREAM_BAD_DATA,
                    "data: %.300s: no training images, only test images; expected a training part too", spec);
}

cream_status cream_dataset_absolute(const char *spec, char *text, size_t size, cream_error *err) {
  char folder[CREAM_MAX_FILE_NAME], whole[2 * CREAM_MAX_FILE_NAME];
  const char *colon = strchr(spec, ':'), *place = colon ? colon + 1 : "";
  if (!*place || *place == '/') {
    folder[0] = '\0';
  } else {
    while (place[0] == '.' && place[1] == '/') place += 2 + strspn(place + 2, "/");
    if (!getcwd(folder, sizeof folder - 1))
      return cream_fail(err, CREAM_FAILED, "cannot find the current folder: %s", strerror(errno));
    if (*place && folder[strlen(folder) - 1] != '/') strcat(folder, "/");
  }
  int head = colon ? (int)(colon + 1 - spec) : (int)strlen(spec);
  int length = snprintf(whole, sizeof whole, "%.*s%s%s", head, spec, folder, place);
  if (length < 0 || (size_t)length >= size || (size_t)length >= sizeof whole)
    return cream_fail(err, CREAM_BAD_CONFIG, "data: the path of '%.60s' is longer than %zu bytes", spec,
                      size - 1);
  memcpy(text, whole, (size_t)length + 1);
  return CREAM_OK;
}
