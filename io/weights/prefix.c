#include "prefix.h"

#include <stdlib.h>
#include <string.h>

static int by_text(const void *a, const void *b) {
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Whether all names of the network are in the sorted list after a prefix. */
static bool has_all(const char **sorted, size_t count, const char *prefix, const cream_param *params,
                    int n_params) {
  char name[CREAM_PREFIX_LENGTH + sizeof params->name];
  const char *key = name;
  for (int i = 0; i < n_params; i++) {
    snprintf(name, sizeof name, "%s%s", prefix, params[i].name);
    if (!bsearch(&key, sorted, count, sizeof *sorted, by_text)) return false;
  }
  return n_params > 0;
}

cream_status cream_prefixes_find(const char *const *names, int count, const cream_param *params, int n_params,
                                 cream_prefixes *found, cream_error *err) {
  size_t total = (size_t)count, tried = 0;
  found->count = 0;
  const char **sorted = calloc(total + 1, sizeof *sorted);
  if (!sorted) return cream_fail_memory(err, total * sizeof *sorted, "the names of tensors");
  for (size_t i = 0; i < total; i++) sorted[i] = names[i];
  qsort(sorted, total, sizeof *sorted, by_text);
  if (has_all(sorted, total, "", params, n_params)) {
    found->count = 1;
    found->text[0][0] = 0;
    total = 0;
  }
  size_t tail = n_params > 0 ? strlen(params[0].name) : 0;
  for (size_t i = 0; i < total && tail && tried < 4 * CREAM_PREFIX_MOST; i++) {
    size_t length = strlen(sorted[i]);
    if (length <= tail || length - tail >= CREAM_PREFIX_LENGTH || sorted[i][length - tail - 1] != '.' ||
        strcmp(sorted[i] + length - tail, params[0].name) != 0)
      continue;
    char prefix[CREAM_PREFIX_LENGTH];
    snprintf(prefix, sizeof prefix, "%.*s", (int)(length - tail), sorted[i]);
    tried++;
    if (!has_all(sorted, total, prefix, params, n_params)) continue;
    if (found->count < CREAM_PREFIX_MOST) strcpy(found->text[found->count], prefix);
    found->count++;
  }
  free(sorted);
  return CREAM_OK;
}

cream_status cream_prefixes_find_any(const char *const *names, int count, const cream_skeleton *net,
                                     const cream_param *params, int n_params, cream_prefixes *found,
                                     cream_naming *naming, cream_error *err) {
  cream_param *renamed = calloc((size_t)n_params + 1, sizeof *renamed);
  if (!renamed) return cream_fail_memory(err, (size_t)n_params * sizeof *renamed, "the names of tensors");
  cream_status status = cream_prefixes_find(names, count, params, n_params, found, err);
  *naming = CREAM_NAMING_TIMM;
  for (int n = 0; net && n < CREAM_NAMING_COUNT && !status && found->count == 0; n++) {
    memcpy(renamed, params, (size_t)n_params * sizeof *renamed);
    if (!cream_naming_apply((cream_naming)n, net, renamed, n_params)) continue;
    status = cream_prefixes_find(names, count, renamed, n_params, found, err);
    if (found->count) *naming = (cream_naming)n;
  }
  free(renamed);
  return status;
}
