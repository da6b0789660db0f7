#include "path_weights.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Whether the name is that of a tensor of some layer: *layer is its index, *rest what follows "blocks.S.L." */
static bool in_layer(const cream_skeleton *supernet, const char *name, int *layer, const char **rest) {
  int stage, index, length = 0;
  if (sscanf(name, "blocks.%d.%d.%n", &stage, &index, &length) != 2 || !length) return false;
  for (int l = 0; l < supernet->n_layers; l++) {
    if (supernet->layers[l].stage != stage || supernet->layers[l].index != index) continue;
    *layer = l;
    *rest = name + length;
    return true;
  }
  return false;
}

/* Writes the name in the path's network; false: the tensor does not belong to the path. */
static bool rename_tensor(const cream_skeleton *supernet, const cream_path *path, const char *name,
                          char *out) {
  int layer, choice, length = 0;
  const char *rest;
  if (strncmp(name, "meta_layer.", strlen("meta_layer.")) == 0) return false;
  if (!in_layer(supernet, name, &layer, &rest) || supernet->layers[layer].n_options == 1) {
    strcpy(out, name);
    return true;
  }
  if (sscanf(rest, "%d.%n", &choice, &length) != 1 || !length || choice != path->choice[layer]) return false;
  memcpy(out, name, (size_t)(rest - name));
  strcpy(out + (rest - name), rest + length);
  return true;
}

cream_status cream_path_weights_select(const cream_skeleton *supernet, const cream_path *path,
                                       const cream_st_tensor *tensors, int n, cream_path_weights *out,
                                       cream_error *err) {
  size_t bytes = 1, count = (size_t)n + 1;
  CREAM_ASSERT(path->n_layers == supernet->n_layers);
  for (int i = 0; i < n; i++) bytes += strlen(tensors[i].name) + 1;
  *out = (cream_path_weights){.tensors = malloc(count * sizeof *out->tensors), .names = malloc(bytes)};
  if (!out->tensors || !out->names)
    return cream_fail_memory(err, bytes + count * sizeof *out->tensors, "the table of tensors");
  char *name = out->names;
  for (int i = 0; i < n; i++) {
    if (!rename_tensor(supernet, path, tensors[i].name, name)) continue;
    out->tensors[out->count] = tensors[i];
    out->tensors[out->count++].name = name;
    name += strlen(name) + 1;
  }
  return CREAM_OK;
}

void cream_path_weights_free(cream_path_weights *selected) {
  free(selected->tensors);
  free(selected->names);
  *selected = (cream_path_weights){0};
}
