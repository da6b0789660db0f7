#include "known_drivers.h"

#include <stdlib.h>

typedef enum known_action { INFO, WARN, AVOID } known_action;

typedef struct known_driver {
  known_action action;
  const char *platform, *device, *from, *before, *what, *todo, *source;
} known_driver;

#define KNOWN(action_, platform_, device_, from_, before_, what_, todo_, source_)                            \
  _Static_assert(sizeof(what_ todo_) > 2 && sizeof(source_ "") > 1, "a problem, what to do, and a source");  \
  _Static_assert(sizeof(platform_ device_) > 1, "a driver");
OCL_KNOWN_DRIVERS(KNOWN)
#undef KNOWN

#define KNOWN(...) {__VA_ARGS__},
static const known_driver known[] = {OCL_KNOWN_DRIVERS(KNOWN)};
enum { N_KNOWN = sizeof known / sizeof *known };

/* The next number of a version; false: there is none. */
static bool next_number(const char **text, unsigned long *number) {
  *text += strcspn(*text, "0123456789");
  if (!**text) return false;
  char *end;
  *number = strtoul(*text, &end, 10);
  *text = end;
  return true;
}

/* Below 0: a is earlier than b. "22.53" equals "22.53.1" as far as both go. */
static int compare(const char *a, const char *b) {
  unsigned long x, y;
  while (next_number(&a, &x) && next_number(&b, &y))
    if (x != y) return x < y ? -1 : 1;
  return 0;
}

static bool fits(const known_driver *row, const cream_device *device) {
  return cream_text_has(device->platform, row->platform) &&
         (!*row->device || cream_text_has(device->name, row->device)) &&
         (!*row->from || compare(device->driver, row->from) >= 0) &&
         (!*row->before || compare(device->driver, row->before) < 0);
}

void ocl_set_known(cream_device *device) {
  const char *text = getenv("CREAM_OPENCL_KNOWN");
  if (text && strcmp(text, "0") == 0) return;
  for (int i = 0; i < N_KNOWN; i++) {
    if (!fits(&known[i], device)) continue;
    snprintf(device->known, sizeof device->known, "%s; %s (%s)", known[i].what, known[i].todo,
             known[i].source);
    device->avoid = known[i].action == AVOID;
    device->warn = known[i].action != INFO;
    return;
  }
}
