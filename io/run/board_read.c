#include "board_read.h"

#include <jansson.h>
#include <stdlib.h>
#include <unistd.h>

#include "io/base/file.h"
#include "run_names.h"

enum { MAX_BYTES = 16 << 20 };

/* Names of ops by stage. */
static bool read_path(const json_t *stages, const cream_skeleton *skeleton, cream_path *path) {
  *path = (cream_path){.n_layers = skeleton->n_layers};
  for (int l = 0; l < skeleton->n_layers; l++) {
    const cream_layer *layer = &skeleton->layers[l];
    const json_t *stage = json_array_get(stages, (size_t)layer->stage);
    const char *name = json_string_value(json_array_get(stage, (size_t)layer->index));
    int option = name && json_array_size(stage) == (size_t)skeleton->depth[layer->stage]
                     ? cream_layer_find_option(&skeleton->space, layer, name)
                     : -1;
    if (option < 0) return false;
    path->choice[l] = (uint8_t)option;
  }
  return json_array_size(stages) == (size_t)skeleton->space.n_stages;
}

static cream_status read_entries(const char *file, const json_t *entries, const cream_skeleton *skeleton,
                                 cream_path *paths, int most, int *n, cream_error *err) {
  size_t count = json_array_size(entries);
  if (!json_is_array(entries))
    return cream_fail(err, CREAM_BAD_DATA, "%s: entries: expected a list of paths", file);
  for (size_t i = 0; i < count && *n < most; i++)
    if (!read_path(json_object_get(json_array_get(entries, i), "path"), skeleton, &paths[(*n)++]))
      return cream_fail(err, CREAM_BAD_DATA, "%s: entries[%zu].path: expected a path of the supernet", file,
                        i);
  return CREAM_OK;
}

cream_status cream_run_read_board(const char *dir, const char *budget, const cream_skeleton *skeleton,
                                  cream_path *paths, int most, int *n, cream_error *err) {
  char name[64], file[CREAM_MAX_FILE_NAME], *text;
  size_t size;
  *n = 0;
  snprintf(file, sizeof file, "%s/%s", dir, cream_run_budget_name(CREAM_RUN_BOARD, budget, name));
  if (access(file, F_OK)) return CREAM_OK;
  cream_status status = cream_file_read(file, MAX_BYTES, &text, &size, err);
  if (status) return status;
  json_error_t error;
  json_t *json = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);
  free(text);
  if (!json) return cream_fail(err, CREAM_BAD_DATA, "%s:%d: %s", file, error.line, error.text);
  status = read_entries(file, json_object_get(json, "entries"), skeleton, paths, most, n, err);
  json_decref(json);
  return status;
}
