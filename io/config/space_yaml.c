#include "space_yaml.h"

#include <ctype.h>
#include <string.h>
#include <xxhash.h>

#include "builtin.h"
#include "space_fields.h"

/* ---- built-in spaces --------------------------------------------------------------------------------- */

static const cream_builtin builtin[] = {
#define EMBEDDED CREAM_BUILTIN
#include "spaces.inc"
#undef EMBEDDED
};

const char *const *cream_space_names(void) {
  static const char *const names[] = {
#define EMBEDDED CREAM_BUILTIN_NAME
#include "spaces.inc"
#undef EMBEDDED
      NULL,
  };
  return names;
}

/* ---- fields ------------------------------------------------------------------------------------------ */

#define FIELD(owner, name, member, low, high, choice, must)                                                  \
  { .key = name, CREAM_FIELD(owner, member), .min = low, .max = high, .words = choice, .required = must }
#define NUMBER(owner, name, member, low, high) FIELD(owner, name, member, low, high, NULL, true)
#define OPTION(owner, name, member, low, high) FIELD(owner, name, member, low, high, NULL, false)
#define TABLE(fields)                          fields, sizeof fields / sizeof fields[0]

static const cream_field space_fields[] = {
    FIELD(cream_space, "name", name, 0, 0, NULL, true),
    CREAM_NET_FIELD_LIST(cream_space),
    {.key = "defaults", .type = CREAM_FIELD_MAP},
    {.key = "ops", .type = CREAM_FIELD_MAP, .required = true},
    {.key = "stem", .type = CREAM_FIELD_MAP, .required = true},
    {.key = "stages", .type = CREAM_FIELD_LIST, .required = true},
    {.key = "head", .type = CREAM_FIELD_MAP, .required = true},
    {.key = "resolution", .type = CREAM_FIELD_MAP, .required = true},
};

/* `defaults` may give every field of an op but `block`, the first. */
static const cream_field *const default_fields = cream_op_fields + 1;
enum { N_DEFAULTS = CREAM_OP_FIELDS - 1 };

/* A stage as the file gives it. */
typedef struct stage_text {
  int channels, stride;
  int depth[2]; /* least and largest; a single number is both */
  char base[CREAM_MAX_NAME];
} stage_text;

static const cream_field stage_fields[] = {
    NUMBER(stage_text, "channels", channels, 1, CREAM_MAX_CHANNELS),
    NUMBER(stage_text, "stride", stride, 1, CREAM_MAX_STRIDE),
    NUMBER(stage_text, "depth", depth, 1, CREAM_MAX_LAYERS),
    {.key = "choices", .type = CREAM_FIELD_LIST, .required = true},
    OPTION(stage_text, "base", base, 0, 0),
};

static const cream_field resolution_fields[] = {
    NUMBER(cream_space, "min", resolution.min, 8, CREAM_MAX_SIDE),
    NUMBER(cream_space, "max", resolution.max, 8, CREAM_MAX_SIDE),
    NUMBER(cream_space, "step", resolution.step, 1, CREAM_MAX_SIDE),
    NUMBER(cream_space, "scale_at", resolution.scale_at, 1, CREAM_MAX_SIDE),
    NUMBER(cream_space, "scale_flops", resolution.scale_flops, 0, 1e9),
};

/* The keys of a kind of block, beside `block`. */
typedef struct block_keys {
  bool kernel, expand, se; /* kernel: also dilation and act; se: also the other keys that begin with se */
} block_keys;

static block_keys keys_of(cream_block_kind kind) {
  switch (kind) {
  case CREAM_BLOCK_MBCONV:
    return (block_keys){.kernel = true, .expand = true, .se = true};
  case CREAM_BLOCK_SEPARABLE:
    return (block_keys){.kernel = true, .se = true};
  case CREAM_BLOCK_BOTTLENECK:
    return (block_keys){.kernel = true, .expand = true};
  case CREAM_BLOCK_SKIP:
  case CREAM_BLOCK_COUNT:
    break;
  }
  return (block_keys){0};
}

static bool has_field(cream_block_kind kind, const cream_field *field) {
  if (strcmp(field->key, "block") == 0) return true;
  if (strcmp(field->key, "expand") == 0) return keys_of(kind).expand;
  return strncmp(field->key, "se", 2) == 0 ? keys_of(kind).se : keys_of(kind).kernel;
}

/* ---- reading ----------------------------------------------------------------------------------------- */

/* Sets the fields that the op does not use to fixed values, so that hashes do not depend on them. */
static void normalise_op(cream_op *op) {
  const block_keys keys = keys_of(op->kind);
  if (!keys.kernel) {
    op->kernel = op->dilation = 1;
    op->act = CREAM_ACT_NONE;
  }
  if (!keys.expand) op->expand = 1;
  if (!keys.se) op->se = 0;
  if (op->se == 0) {
    op->se_of_input = false;
    op->se_act = op->se_gate = CREAM_ACT_NONE;
  }
}

static cream_status read_op(const cream_yaml_value *map, const char *name, const cream_op *defaults,
                            cream_op *op, cream_error *err) {
  *op = *defaults;
  cream_status status = cream_fields_read(TABLE(cream_op_fields), map, op, err);
  if (status) return status;
  for (size_t i = 0; name[i]; i++)
    if (!isalnum((unsigned char)name[i]) && name[i] != '_')
      return cream_yaml_fail(map, err, "the name of an op may have letters, digits and _ only");
  if (!name[0] || strlen(name) >= sizeof op->name)
    return cream_yaml_fail(map, err, "the name of an op must have 1 to %zu characters", sizeof op->name - 1);
  strcpy(op->name, name);
  for (int f = 0; f < N_DEFAULTS; f++) {
    cream_yaml_value value = cream_yaml_find(map, default_fields[f].key);
    if (value.node && !has_field(op->kind, &default_fields[f]))
      return cream_yaml_fail(&value, err, "a %s block has no such key", cream_block_words[op->kind]);
  }
  if (keys_of(op->kind).kernel && op->kernel % 2 == 0) {
    cream_yaml_value value = cream_yaml_find(map, "kernel");
    return cream_yaml_unexpected(&value, "an odd number", NULL, err);
  }
  if (keys_of(op->kind).expand && op->expand == 0) {
    cream_yaml_value value = cream_yaml_find(map, "expand");
    return cream_yaml_unexpected(&value, "a number above 0", NULL, err);
  }
  normalise_op(op);
  return CREAM_OK;
}

static cream_status read_ops(const cream_yaml_value *map, const cream_op *defaults, cream_space *space,
                             cream_error *err) {
  int count = cream_yaml_count(map);
  if (count < 1 || count > CREAM_MAX_OPS)
    return cream_yaml_fail(map, err, "got %d ops, expected 1 to %d", count, CREAM_MAX_OPS);
  for (int i = 0; i < count; i++) {
    const char *name;
    cream_yaml_value value = cream_yaml_pair(map, i, &name);
    cream_status status = cream_yaml_check_key(map, i, err);
    if (!status) status = read_op(&value, name, defaults, &space->ops[i], err);
    if (status) return status;
  }
  space->n_ops = count;
  return CREAM_OK;
}

static cream_status read_stage(const cream_yaml_value *map, const cream_space *space, cream_stage *stage,
                               cream_error *err) {
  stage_text text = {0};
  cream_status status = cream_fields_read(TABLE(stage_fields), map, &text, err);
  if (status) return status;
  *stage = (cream_stage){.channels = text.channels, .stride = text.stride, .base = -1};

  cream_yaml_value depth = cream_yaml_find(map, "depth");
  stage->depth_min = text.depth[0];
  stage->depth_max = cream_yaml_count(&depth) == 2 ? text.depth[1] : text.depth[0];
  if (!cream_yaml_count(&depth))
    return cream_yaml_fail(&depth, err, "got an empty list, expected [DEPTH] or [LEAST, LARGEST]");
  if (stage->depth_max < stage->depth_min)
    return cream_yaml_fail(&depth, err, "got [%d, %d], expected [DEPTH] or [LEAST, LARGEST]", text.depth[0],
                           text.depth[1]);

  cream_yaml_value choices = cream_yaml_find(map, "choices");
  stage->n_choices = cream_yaml_count(&choices);
  if (stage->n_choices < 1 || stage->n_choices > CREAM_MAX_OPS)
    return cream_yaml_fail(&choices, err, "got %d ops, expected 1 to %d", stage->n_choices, CREAM_MAX_OPS);
  for (int i = 0; i < stage->n_choices; i++) {
    int op;
    cream_yaml_value item = cream_yaml_item(&choices, i);
    if ((status = cream_space_read_op(&item, space, &op, err))) return status;
    stage->choices[i] = (uint8_t)op;
  }

  cream_yaml_value base = cream_yaml_find(map, "base");
  return base.node ? cream_space_read_op(&base, space, &stage->base, err) : CREAM_OK;
}

static cream_status read_stages(const cream_yaml_value *list, cream_space *space, cream_error *err) {
  int count = cream_yaml_count(list);
  if (count < 1 || count > CREAM_MAX_STAGES)
    return cream_yaml_fail(list, err, "got %d stages, expected 1 to %d", count, CREAM_MAX_STAGES);
  for (int s = 0; s < count; s++) {
    cream_yaml_value item = cream_yaml_item(list, s);
    cream_status status = read_stage(&item, space, &space->stages[s], err);
    if (status) return status;
  }
  space->n_stages = count;
  return CREAM_OK;
}

static cream_status read_space(const cream_yaml_value *root, cream_space *space, cream_error *err) {
  cream_op defaults = {
      .dilation = 1,
      .act = CREAM_ACT_SWISH,
      .se = 0.25,
      .se_act = CREAM_ACT_RELU,
      .se_gate = CREAM_ACT_HARD_SIGMOID,
  };
  cream_status status = cream_fields_read(TABLE(space_fields), root, space, err);
  if (status) return status;
  cream_yaml_value part = cream_yaml_find(root, "defaults");
  if (part.node && (status = cream_fields_read(default_fields, N_DEFAULTS, &part, &defaults, err)))
    return status;
  space->stem.act = space->head.act = defaults.act;
  part = cream_yaml_find(root, "ops");
  if ((status = read_ops(&part, &defaults, space, err))) return status;
  part = cream_yaml_find(root, "stem");
  if ((status = cream_fields_read(TABLE(cream_stem_fields), &part, space, err))) return status;
  part = cream_yaml_find(root, "stages");
  if ((status = read_stages(&part, space, err))) return status;
  part = cream_yaml_find(root, "head");
  if ((status = cream_fields_read(TABLE(cream_head_fields), &part, space, err))) return status;
  part = cream_yaml_find(root, "resolution");
  return cream_fields_read(TABLE(resolution_fields), &part, space, err);
}

/* Reads the space of a document and frees the document. */
static cream_status take_space(const char *name, cream_yaml *yaml, cream_space *out, cream_error *err) {
  cream_error inner;
  const cream_space usual = {CREAM_NET_DEFAULTS};
  cream_space space;
  memset(&space, 0, sizeof space);
  space.padding = usual.padding;
  space.bn_eps = usual.bn_eps;
  cream_yaml_value root = cream_yaml_root(yaml);
  cream_status status = read_space(&root, &space, err);
  cream_yaml_free(yaml);
  if (status) return status;
  if (cream_space_validate(&space, &inner))
    return cream_fail(err, inner.status, "%.200s: %s", name, inner.text);
  *out = space;
  return CREAM_OK;
}

cream_status cream_space_parse(const char *name, const char *text, size_t size, cream_space *space,
                               cream_error *err) {
  cream_yaml *yaml;
  cream_status status = cream_yaml_parse(name, text, size, &yaml, err);
  return status ? status : take_space(name, yaml, space, err);
}

cream_status cream_space_load(const char *name_or_path, cream_space *space, cream_error *err) {
  cream_yaml *yaml;
  bool is_builtin;
  cream_status status = cream_builtin_open(builtin, sizeof builtin / sizeof builtin[0], "space", name_or_path,
                                           &yaml, &is_builtin, err);
  return status ? status : take_space(name_or_path, yaml, space, err);
}

/* ---- printing ---------------------------------------------------------------------------------------- */

static void print_op(const cream_op *op, FILE *file) {
  fprintf(file, "  %s: {", op->name);
  for (int f = 0; f < CREAM_OP_FIELDS; f++) {
    if (!has_field(op->kind, &cream_op_fields[f])) continue;
    fprintf(file, "%s%s: ", f ? ", " : "", cream_op_fields[f].key);
    cream_field_print(&cream_op_fields[f], op, file);
  }
  fputs("}\n", file);
}

static void print_stage(const cream_space *space, const cream_stage *stage, FILE *file) {
  fprintf(file, "  - {channels: %d, stride: %d, depth: [%d, %d], choices: [", stage->channels, stage->stride,
          stage->depth_min, stage->depth_max);
  for (int i = 0; i < stage->n_choices; i++)
    fprintf(file, "%s%s", i ? ", " : "", space->ops[stage->choices[i]].name);
  fputc(']', file);
  if (stage->base >= 0) fprintf(file, ", base: %s", space->ops[stage->base].name);
  fputs("}\n", file);
}

/* Prints everything except the name. */
static void print_body(const cream_space *space, FILE *file) {
  for (int f = 0; f < CREAM_NET_FIELDS; f++) {
    if (cream_net_field_usual(&cream_net_fields[f], space)) continue;
    fprintf(file, "%s: ", cream_net_fields[f].key);
    cream_field_print(&cream_net_fields[f], space, file);
    fputc('\n', file);
  }
  fputs("ops:\n", file);
  for (int i = 0; i < space->n_ops; i++) print_op(&space->ops[i], file);
  fputs("stem: ", file);
  cream_fields_print(TABLE(cream_stem_fields), space, file);
  fputs("\nstages:\n", file);
  for (int s = 0; s < space->n_stages; s++) print_stage(space, &space->stages[s], file);
  fputs("head: ", file);
  cream_fields_print(TABLE(cream_head_fields), space, file);
  fputs("\nresolution: ", file);
  cream_fields_print(TABLE(resolution_fields), space, file);
  fputc('\n', file);
}

void cream_space_print(const cream_space *space, FILE *file) {
  fputs("name: ", file);
  cream_yaml_print_text(space->name, file);
  fputc('\n', file);
  print_body(space, file);
}

cream_status cream_space_hash(const cream_space *space, char hex[33], cream_error *err) {
  char *text = NULL;
  size_t size = 0;
  FILE *file = open_memstream(&text, &size);
  if (!file) return cream_fail_memory(err, sizeof *space, "the hash of a space");
  print_body(space, file);
  if (fclose(file) != 0) {
    free(text);
    return cream_fail_memory(err, sizeof *space, "the hash of a space");
  }
  XXH128_canonical_t bytes;
  XXH128_canonicalFromHash(&bytes, XXH3_128bits(text, size));
  free(text);
  for (size_t i = 0; i < sizeof bytes.digest; i++) sprintf(hex + 2 * i, "%02x", bytes.digest[i]);
  return CREAM_OK;
}
