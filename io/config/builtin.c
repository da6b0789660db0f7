#include "builtin.h"

#include <string.h>
#include <unistd.h>

cream_status cream_builtin_open(const cream_builtin *list, int count, const char *kind,
                                const char *name_or_path, cream_yaml **yaml, bool *is_builtin,
                                cream_error *err) {
  *is_builtin = false;
  cream_nearest nearest = cream_nearest_to(name_or_path);
  char names[400] = "";
  for (int i = 0; i < count; i++) {
    size_t used = strlen(names);
    snprintf(names + used, sizeof names - used, "%s%s", i ? ", " : "", list[i].name);
    cream_nearest_offer(&nearest, list[i].name);
    if (strcmp(list[i].name, name_or_path)) continue;
    *is_builtin = true;
    return cream_yaml_parse(name_or_path, (const char *)list[i].text, list[i].size, yaml, err);
  }
  if (strpbrk(name_or_path, "/.") || access(name_or_path, F_OK) == 0)
    return cream_yaml_read(name_or_path, yaml, err);
  if (nearest.best)
    return cream_fail(err, CREAM_BAD_CONFIG, "%s `%.200s`: no such file or built-in %s, did you mean `%s`?",
                      kind, name_or_path, kind, nearest.best);
  return cream_fail(err, CREAM_BAD_CONFIG,
                    "%s `%.200s`: no such file or built-in %s; the built-in %ss are %s", kind, name_or_path,
                    kind, kind, names);
}
