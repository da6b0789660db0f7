#include "arch_list.h"

#include <string.h>

#include "field.h"
#include "space_yaml.h"

bool cream_arch_is_list(const char *text) {
  return text[strspn(text, " ")] == '[';
}

/* Whether the list gives the stage's layers; other stages have one layer and no choice. */
static bool is_open(const cream_stage *stage) {
  return stage->n_choices > 1;
}

static cream_status read_stage(const cream_yaml_value *list, const cream_stage *stage, uint8_t *choices,
                               int *depth, cream_error *err) {
  const cream_field index = {
      .key = "choice", .type = CREAM_FIELD_INT, .size = sizeof(int), .max = stage->n_choices - 1};
  cream_status status = cream_yaml_expect(list, CREAM_YAML_LIST, err);
  *depth = cream_yaml_count(list);
  if (!status && (*depth < stage->depth_min || *depth > stage->depth_max))
    status = cream_yaml_fail(list, err, "got %d layers, expected %d to %d", *depth, stage->depth_min,
                             stage->depth_max);
  for (int i = 0; i < *depth && !status; i++) {
    cream_yaml_value item = cream_yaml_item(list, i);
    int choice = 0;
    status = cream_field_read(&index, &item, &choice, err);
    choices[i] = (uint8_t)choice;
  }
  return status;
}

/* Whether item i of the list is [0]. */
static bool is_zero(const cream_yaml_value *root, int i) {
  cream_yaml_value stage = cream_yaml_item(root, i);
  if (cream_yaml_kind_of(&stage) != CREAM_YAML_LIST || cream_yaml_count(&stage) != 1) return false;
  cream_yaml_value item = cream_yaml_item(&stage, 0);
  const char *text = cream_yaml_text(&item);
  return text && strcmp(text, "0") == 0;
}

/* Reads the depths of all stages, and the choices of all layers of open stages in order. */
static cream_status read_list(const cream_yaml_value *root, const cream_space *space, int *depth,
                              uint8_t choices[CREAM_MAX_LAYERS], cream_error *err) {
  int lists = 0, layers = 0;
  cream_status status = cream_yaml_expect(root, CREAM_YAML_LIST, err);
  for (int s = 0; s < space->n_stages; s++) lists += is_open(&space->stages[s]);
  int count = status ? 0 : cream_yaml_count(root);
  /* The authors also list the stem's stage and the head, which have no choice. */
  bool full = count == lists + 2 && is_zero(root, 0) && is_zero(root, count - 1);
  if (!status && count != lists && !full)
    status =
        cream_yaml_fail(root, err,
                        "got %d stages, expected the %d that have choices in space `%s`, or these between "
                        "[0] and [0]",
                        count, lists, space->name);
  for (int s = 0, list = full; s < space->n_stages && !status; s++) {
    depth[s] = space->stages[s].depth_min;
    if (!is_open(&space->stages[s])) continue;
    cream_yaml_value stage = cream_yaml_item(root, list++);
    status = read_stage(&stage, &space->stages[s], choices + layers, &depth[s], err);
    layers += depth[s];
  }
  return status;
}

cream_status cream_arch_parse_list(const char *text, cream_skeleton *net, char space_hash[33],
                                   cream_error *err) {
  cream_space space;
  cream_yaml *yaml;
  int depth[CREAM_MAX_STAGES];
  uint8_t choices[CREAM_MAX_LAYERS];
  cream_skeleton open;
  cream_status status = cream_space_load("cream", &space, err);
  if (!status) status = cream_yaml_parse("--arch", text, strlen(text), &yaml, err);
  if (status) return status;
  cream_yaml_value root = cream_yaml_root(yaml);
  status = read_list(&root, &space, depth, choices, err);
  cream_yaml_free(yaml);
  if (!status)
    status = cream_skeleton_init(&open, &space, depth, space.resolution.max, space.head.classes, err);
  char hash[33];
  if (!status) status = cream_space_hash(&space, hash, err);
  if (status) return status;
  cream_path path = cream_skeleton_first_path(&open);
  for (int l = 0, next = 0; l < open.n_layers; l++) {
    if (!is_open(&space.stages[open.layers[l].stage])) continue;
    uint8_t choice = choices[next++];
    if (open.layers[l].n_options > 1) path.choice[l] = choice;
  }
  *net = cream_skeleton_fix(&open, &path);
  memcpy(space_hash, hash, sizeof hash);
  return CREAM_OK;
}
