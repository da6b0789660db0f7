#include "arch.h"

#include <string.h>

#include "arch_list.h"
#include "builtin.h"
#include "io/base/file.h"
#include "space_fields.h"
#include "space_yaml.h"

/* ---- built-in architectures ---------------------------------------------------------------------- */

static const cream_builtin builtin[] = {
#define EMBEDDED CREAM_BUILTIN
#include "archs.inc"
#undef EMBEDDED
};

const char *const *cream_arch_names(void) {
  static const char *const names[] = {
#define EMBEDDED CREAM_BUILTIN_NAME
#include "archs.inc"
#undef EMBEDDED
      NULL,
  };
  return names;
}

/* ---- fields -------------------------------------------------------------------------------------- */

enum { VERSION = 1 };
static const char format[] = "cream-arch";

/* The top level of a file. */
typedef struct arch_top {
  char format[CREAM_MAX_NAME];
  int version, resolution, classes;
  cream_padding padding;
  double bn_eps;
  double flops, macs, params; /* for readers of the file; they follow from the layers and are not read */
} arch_top;

typedef struct arch_space {
  char name[CREAM_MAX_NAME], hash[33];
} arch_space;

static const double max_cost = 1e15;

#define NEEDED(owner, name, member, low, high)                                                               \
  { .key = name, CREAM_FIELD(owner, member), .min = low, .max = high, .required = true }
#define GIVEN(owner, name, member, low, high)                                                                \
  { .key = name, CREAM_FIELD(owner, member), .min = low, .max = high }
#define COUNT(fields) (int)(sizeof fields / sizeof fields[0])

static const cream_field top_fields[] = {
    NEEDED(arch_top, "format", format, 0, 0),
    NEEDED(arch_top, "version", version, 1, 1e6),
    {.key = "space", .type = CREAM_FIELD_MAP, .required = true},
    NEEDED(arch_top, "resolution", resolution, 8, CREAM_MAX_SIDE),
    NEEDED(arch_top, "classes", classes, 1, CREAM_MAX_CLASSES),
    CREAM_NET_FIELD_LIST(arch_top),
    {.key = "stem", .type = CREAM_FIELD_MAP, .required = true},
    {.key = "stages", .type = CREAM_FIELD_LIST, .required = true},
    {.key = "head", .type = CREAM_FIELD_MAP, .required = true},
    {.key = "ops", .type = CREAM_FIELD_MAP, .required = true},
    {.key = "detect", .type = CREAM_FIELD_MAP},
    GIVEN(arch_top, "flops", flops, 0, max_cost),
    GIVEN(arch_top, "macs", macs, 0, max_cost),
    GIVEN(arch_top, "params", params, 0, max_cost),
};

static const cream_field name_fields[] = {
    NEEDED(arch_space, "name", name, 0, 0),
    NEEDED(arch_space, "hash", hash, 0, 0),
};

static const cream_field stage_fields[] = {
    NEEDED(cream_stage, "channels", channels, 1, CREAM_MAX_CHANNELS),
    NEEDED(cream_stage, "stride", stride, 1, CREAM_MAX_STRIDE),
    {.key = "layers", .type = CREAM_FIELD_LIST, .required = true},
};

/* Of a detector; cream_detect_check checks the numbers. */
static const cream_field detect_fields[] = {
    {.key = "head", CREAM_FIELD(cream_detect_spec, kind), .words = cream_detect_words, .required = true},
    NEEDED(cream_detect_spec, "channels", channels, 0, CREAM_MAX_SIDE),
    NEEDED(cream_detect_spec, "levels", levels, 0, 100),
    NEEDED(cream_detect_spec, "cells", cells, 0, 100),
    NEEDED(cream_detect_spec, "convs", convs, 0, 100),
    {.key = "act", CREAM_FIELD(cream_detect_spec, act), .words = cream_act_words, .required = true},
    NEEDED(cream_detect_spec, "anchor_scale", scale, 0, 1000),
    NEEDED(cream_detect_spec, "octaves", octaves, 0, 100),
    NEEDED(cream_detect_spec, "ratios", ratios, 0, 1000),
};

/* ---- writing ------------------------------------------------------------------------------------- */

void cream_json_layers(cream_json *json, const char *key, const cream_skeleton *skeleton,
                       const cream_path *path, int stage) {
  cream_json_array(json, key, false);
  for (int l = 0; l < skeleton->n_layers; l++) {
    const cream_layer *layer = &skeleton->layers[l];
    if (layer->stage == stage)
      cream_json_string(json, NULL, skeleton->space.ops[layer->options[path->choice[l]]].name);
  }
  cream_json_end(json);
}

static void put_stages(cream_json *json, const cream_skeleton *net) {
  cream_path path = cream_skeleton_first_path(net);
  cream_json_array(json, "stages", true);
  for (int s = 0; s < net->space.n_stages; s++) {
    cream_json_object(json, NULL, false);
    cream_fields_json(json, stage_fields, COUNT(stage_fields), &net->space.stages[s]);
    cream_json_layers(json, "layers", net, &path, s);
    cream_json_end(json);
  }
  cream_json_end(json);
}

/* Writes the ops that the network uses, in the order of its space. */
static void put_ops(cream_json *json, const cream_skeleton *net) {
  bool used[CREAM_MAX_OPS] = {false};
  for (int l = 0; l < net->n_layers; l++) used[net->layers[l].options[0]] = true;
  cream_json_object(json, "ops", true);
  for (int i = 0; i < net->space.n_ops; i++)
    if (used[i])
      cream_fields_json_object(json, net->space.ops[i].name, cream_op_fields, CREAM_OP_FIELDS,
                               &net->space.ops[i]);
  cream_json_end(json);
}

cream_cost cream_arch_cost(const cream_skeleton *fixed) {
  cream_costs costs;
  cream_path path = cream_skeleton_first_path(fixed);
  cream_costs_init(&costs, fixed, fixed->resolution);
  return cream_costs_path(&costs, &path);
}

static cream_status name_space(const cream_skeleton *fixed, const char *space_hash, arch_space *space,
                               cream_error *err) {
  CREAM_ASSERT(fixed->fixed);
  memset(space, 0, sizeof *space);
  strcpy(space->name, fixed->space.name);
  if (!space_hash) return cream_space_hash(&fixed->space, space->hash, err);
  snprintf(space->hash, sizeof space->hash, "%s", space_hash);
  return CREAM_OK;
}

static void print(FILE *stream, const cream_skeleton *fixed, const arch_space *space) {
  cream_cost cost = cream_arch_cost(fixed);
  cream_json json = cream_json_to(stream);
  cream_json_object(&json, NULL, true);
  cream_json_string(&json, "format", format);
  cream_json_number(&json, "version", VERSION);
  cream_fields_json_object(&json, "space", name_fields, COUNT(name_fields), space);
  cream_json_number(&json, "resolution", fixed->resolution);
  cream_json_number(&json, "classes", fixed->classes);
  for (int f = 0; f < CREAM_NET_FIELDS; f++)
    if (!cream_net_field_usual(&cream_net_fields[f], &fixed->space))
      cream_fields_json(&json, &cream_net_fields[f], 1, &fixed->space);
  cream_fields_json_object(&json, "stem", cream_stem_fields, CREAM_STEM_FIELDS, &fixed->space);
  put_stages(&json, fixed);
  cream_fields_json_object(&json, "head", cream_arch_head_fields, CREAM_ARCH_HEAD_FIELDS, &fixed->space);
  put_ops(&json, fixed);
  if (fixed->detect.kind != CREAM_DETECT_NONE)
    cream_fields_json_object(&json, "detect", detect_fields, COUNT(detect_fields), &fixed->detect);
  cream_json_number(&json, "flops", cream_cost_flops(&cost));
  cream_json_number(&json, "macs", cost.macs);
  cream_json_number(&json, "params", cost.params);
  cream_json_end(&json);
  fputc('\n', stream);
}

cream_status cream_arch_save(const char *path, const cream_skeleton *fixed, const char *space_hash,
                             cream_error *err) {
  arch_space space;
  cream_file file;
  cream_status status = name_space(fixed, space_hash, &space, err);
  if (status == CREAM_OK) status = cream_file_create(&file, path, err);
  if (status) return status;
  print(file.stream, fixed, &space);
  return cream_file_commit(&file, err);
}

cream_status cream_arch_text(const char *path, char **text, cream_error *err) {
  cream_arch *arch = malloc(sizeof *arch);
  if (!arch) return cream_fail_memory(err, sizeof *arch, "an architecture");
  arch_space space;
  cream_status status = cream_arch_load_any(path, arch, err);
  if (status == CREAM_OK)
    status = name_space(&arch->net, *arch->space_hash ? arch->space_hash : NULL, &space, err);
  char *bytes = NULL;
  size_t size = 0;
  FILE *stream = status == CREAM_OK ? open_memstream(&bytes, &size) : NULL;
  bool whole = false;
  if (stream) {
    print(stream, &arch->net, &space);
    whole = !ferror(stream);
    whole = !fclose(stream) && whole;
  }
  free(arch);
  if (status == CREAM_OK && !whole) status = cream_fail_memory(err, size, "an architecture");
  if (status == CREAM_OK)
    *text = bytes;
  else
    free(bytes);
  return status;
}

/* ---- reading: by the YAML reader, which reports lines; this JSON is also YAML ----------------------- */

static cream_status read_map(const cream_yaml_value *root, const char *key, const cream_field *fields,
                             int count, void *target, cream_error *err) {
  cream_yaml_value value = cream_yaml_find(root, key);
  return cream_fields_read_all(fields, count, &value, target, err);
}

/* Errors in format and version are reported before any other. */
static cream_status check_version(const cream_yaml_value *root, cream_error *err) {
  cream_status status = cream_yaml_expect(root, CREAM_YAML_MAP, err);
  if (status) return status;
  cream_yaml_value value = cream_yaml_find(root, "format");
  const char *text = cream_yaml_text(&value);
  if (!text || strcmp(text, format)) return cream_yaml_unexpected(&value, "`cream-arch`", NULL, err);
  value = cream_yaml_find(root, "version");
  text = cream_yaml_text(&value);
  if (!text || strcmp(text, "1"))
    return cream_yaml_unexpected(&value, "1, the version this program reads", NULL, err);
  return CREAM_OK;
}

static cream_status read_ops(const cream_yaml_value *root, cream_space *space, cream_error *err) {
  cream_yaml_value ops = cream_yaml_find(root, "ops");
  int count = cream_yaml_count(&ops);
  if (count > CREAM_MAX_OPS)
    return cream_yaml_fail(&ops, err, "got %d ops, expected at most %d", count, CREAM_MAX_OPS);
  for (int i = 0; i < count; i++) {
    const char *name;
    cream_yaml_value value = cream_yaml_pair(&ops, i, &name);
    cream_status status = cream_yaml_check_key(&ops, i, err);
    if (status) return status;
    if (strlen(name) >= CREAM_MAX_NAME)
      return cream_yaml_fail(&value, err, "the name of an op may have at most %d bytes", CREAM_MAX_NAME - 1);
    cream_op *op = &space->ops[space->n_ops++];
    strcpy(op->name, name);
    status = cream_fields_read_all(cream_op_fields, CREAM_OP_FIELDS, &value, op, err);
    if (status) return status;
  }
  return CREAM_OK;
}

/* Reads the ops of a stage's layers to ops[], and makes `stage` a stage with these choices only. */
static cream_status read_layers(const cream_yaml_value *value, const cream_space *space, cream_stage *stage,
                                uint8_t *ops, int room, cream_error *err) {
  cream_yaml_value layers = cream_yaml_find(value, "layers");
  int depth = cream_yaml_count(&layers);
  if (depth < 1 || depth > room)
    return cream_yaml_fail(&layers, err, "got %d layers, expected at least 1 and at most %d in all stages",
                           depth, CREAM_MAX_LAYERS);
  stage->depth_min = stage->depth_max = depth;
  stage->base = -1;
  for (int i = 0; i < depth; i++) {
    cream_yaml_value item = cream_yaml_item(&layers, i);
    int op;
    cream_status status = cream_space_read_op(&item, space, &op, err);
    if (status) return status;
    ops[i] = (uint8_t)op;
    if (!memchr(stage->choices, op, (size_t)stage->n_choices))
      stage->choices[stage->n_choices++] = (uint8_t)op;
  }
  return CREAM_OK;
}

static cream_status read_stages(const cream_yaml_value *root, cream_space *space,
                                uint8_t ops[CREAM_MAX_LAYERS], cream_error *err) {
  cream_yaml_value stages = cream_yaml_find(root, "stages");
  int count = cream_yaml_count(&stages), n_layers = 0;
  if (count < 1 || count > CREAM_MAX_STAGES)
    return cream_yaml_fail(&stages, err, "got %d stages, expected 1 to %d", count, CREAM_MAX_STAGES);
  for (int s = 0; s < count; s++) {
    cream_yaml_value value = cream_yaml_item(&stages, s);
    cream_stage *stage = &space->stages[space->n_stages++];
    cream_status status = cream_fields_read(stage_fields, COUNT(stage_fields), &value, stage, err);
    if (!status) status = read_layers(&value, space, stage, ops + n_layers, CREAM_MAX_LAYERS - n_layers, err);
    if (status) return status;
    n_layers += stage->depth_min;
  }
  return CREAM_OK;
}

/* Restricts a space to one resolution. */
static void set_side(cream_space *space, int side) {
  space->resolution.min = space->resolution.max = space->resolution.scale_at = side;
  space->resolution.step = 1;
  space->resolution.scale_flops = 1;
}

void cream_arch_set_resolution(cream_arch *arch, int side) {
  arch->net.resolution = side;
  set_side(&arch->net.space, side);
  cream_cost cost = cream_arch_cost(&arch->net);
  arch->net.space.resolution.scale_flops = cream_cost_flops(&cost) / 1e6;
}

static cream_status read_space(const cream_yaml_value *root, cream_space *space, arch_top *top,
                               arch_space *name, uint8_t ops[CREAM_MAX_LAYERS], cream_error *err) {
  cream_status status = check_version(root, err);
  if (!status) status = cream_fields_read(top_fields, COUNT(top_fields), root, top, err);
  if (!status) status = read_map(root, "space", name_fields, COUNT(name_fields), name, err);
  if (!status && (strlen(name->hash) != 32 || name->hash[strspn(name->hash, "0123456789abcdef")])) {
    cream_yaml_value found = cream_yaml_find(root, "space"), hash = cream_yaml_find(&found, "hash");
    status = cream_yaml_unexpected(&hash, "32 hexadecimal digits", NULL, err);
  }
  if (!status) status = read_map(root, "stem", cream_stem_fields, CREAM_STEM_FIELDS, space, err);
  if (!status) status = read_map(root, "head", cream_arch_head_fields, CREAM_ARCH_HEAD_FIELDS, space, err);
  if (!status) status = read_ops(root, space, err);
  if (!status) status = read_stages(root, space, ops, err);
  if (status) return status;
  strcpy(space->name, name->name);
  space->padding = top->padding;
  space->bn_eps = top->bn_eps;
  space->head.classes = top->classes;
  set_side(space, top->resolution);
  return CREAM_OK;
}

/* Builds the network of a space at its least depths whose layers have the ops `ops`. */
static cream_status build(const cream_space *space, const arch_top *top, const uint8_t *ops,
                          cream_skeleton *net, cream_error *err) {
  int depth[CREAM_MAX_STAGES];
  for (int s = 0; s < space->n_stages; s++) depth[s] = space->stages[s].depth_min;
  cream_skeleton open;
  cream_status status = cream_skeleton_init(&open, space, depth, top->resolution, top->classes, err);
  if (status) return status;
  cream_path path = cream_skeleton_first_path(&open);
  for (int l = 0; l < open.n_layers; l++)
    while (open.layers[l].options[path.choice[l]] != ops[l]) path.choice[l]++;
  *net = cream_skeleton_fix(&open, &path);
  return CREAM_OK;
}

/* What makes the network a detector, if the file has it. */
static cream_status read_detector(const cream_yaml_value *root, cream_detect_spec *spec, cream_error *err) {
  cream_yaml_value value = cream_yaml_find(root, "detect");
  if (!value.node) return CREAM_OK;
  cream_error problem;
  cream_status status = cream_fields_read_all(detect_fields, COUNT(detect_fields), &value, spec, err);
  if (status) return status;
  cream_yaml_value head = cream_yaml_find(&value, "head");
  if (spec->kind == CREAM_DETECT_NONE) return cream_yaml_unexpected(&head, "a kind of detector", NULL, err);
  while (spec->n_ratios < CREAM_DETECT_RATIOS && spec->ratios[spec->n_ratios] > 0) spec->n_ratios++;
  status = cream_detect_check(spec, "detect", &problem);
  return status ? cream_yaml_fail(&value, err, "%s", problem.text) : CREAM_OK;
}

cream_status cream_arch_load(const char *path, cream_arch *arch, cream_error *err) {
  cream_arch *loaded = malloc(sizeof *loaded);
  if (!loaded) return cream_fail_memory(err, sizeof *loaded, "an architecture");
  cream_status status = cream_arch_load_any(path, loaded, err);
  if (status == CREAM_OK && loaded->net.detect.kind != CREAM_DETECT_NONE)
    status = cream_fail(
        err, CREAM_BAD_CONFIG,
        "%s: the network is a detector, expected one that classifies images; see cream detect", path);
  if (status == CREAM_OK) *arch = *loaded;
  free(loaded);
  return status;
}

cream_status cream_arch_load_any(const char *path, cream_arch *arch, cream_error *err) {
  cream_yaml *yaml;
  bool is_builtin;
  cream_status status;
  if (cream_arch_is_list(path)) {
    if ((status = cream_arch_parse_list(path, &arch->net, arch->space_hash, err))) return status;
    arch->builtin = true;
    return CREAM_OK;
  }
  status =
      cream_builtin_open(builtin, sizeof builtin / sizeof builtin[0], "arch", path, &yaml, &is_builtin, err);
  if (status) return status;
  cream_yaml_value root = cream_yaml_root(yaml);
  cream_space space = {0};
  arch_top top = {CREAM_NET_DEFAULTS};
  arch_space name = {0};
  uint8_t ops[CREAM_MAX_LAYERS];
  cream_skeleton net;
  status = read_space(&root, &space, &top, &name, ops, err);
  if (!status) {
    cream_error problem;
    status = build(&space, &top, ops, &net, &problem);
    if (status) cream_fail(err, status, "%s: %s", path, problem.text);
  }
  if (!status) status = read_detector(&root, &net.detect, err);
  if (!status) {
    cream_cost cost = cream_arch_cost(&net);
    net.space.resolution.scale_flops = cream_cost_flops(&cost) / 1e6;
    arch->net = net;
    strcpy(arch->space_hash, name.hash);
    arch->builtin = is_builtin;
  }
  cream_yaml_free(yaml);
  return status;
}
