#include "latency_table.h"

#include <string.h>

#include "field.h"
#include "io/base/file.h"
#include "space_yaml.h"

enum { VERSION = 1, MAX_SIDE = 4096, MAX_CHANNELS = 8192 };
static const char format[] = "cream-latency";
#define MAX_MS 1e9

/* The fields of the file itself, and the table. */
typedef struct table_file {
  char format[CREAM_MAX_NAME];
  int version;
  cream_latency_table table;
} table_file;

#define NEEDED(owner, name, member, low, high)                                                               \
  { .key = name, CREAM_FIELD(owner, member), .min = low, .max = high, .required = true }
#define COUNT(fields) (int)(sizeof fields / sizeof fields[0])

static const cream_field top_fields[] = {
    NEEDED(table_file, "format", format, 0, 0),
    NEEDED(table_file, "version", version, 1, 1e6),
    {.key = "space", .type = CREAM_FIELD_MAP, .required = true},
    NEEDED(table_file, "resolution", table.resolution, 8, MAX_SIDE),
    NEEDED(table_file, "classes", table.classes, 1, 1 << 20),
    NEEDED(table_file, "depth", table.depth, 1, CREAM_MAX_LAYERS),
    NEEDED(table_file, "batch", table.batch, 1, 65536),
    NEEDED(table_file, "threads", table.threads, 1, 4096),
    NEEDED(table_file, "device", table.device, 0, 0),
    NEEDED(table_file, "machine", table.machine, 0, 0),
    NEEDED(table_file, "program", table.program, 0, 0),
    NEEDED(table_file, "rest", table.rest, -MAX_MS, MAX_MS),
    {.key = "stem", .type = CREAM_FIELD_MAP, .required = true},
    {.key = "head", .type = CREAM_FIELD_MAP, .required = true},
    {.key = "blocks", .type = CREAM_FIELD_LIST, .required = true},
};

static const cream_field name_fields[] = {
    NEEDED(cream_latency_table, "name", space, 0, 0),
    NEEDED(cream_latency_table, "hash", space_hash, 0, 0),
};

#define MEASURED                                                                                             \
  NEEDED(cream_latency, "ms", ms, 0, MAX_MS), NEEDED(cream_latency, "iqr", iqr, 0, MAX_MS),                  \
      NEEDED(cream_latency, "samples", samples, 1, 1e9)

static const cream_field part_fields[] = {MEASURED};

static const cream_field block_fields[] = {
    NEEDED(cream_latency, "op", op, 0, 0),
    NEEDED(cream_latency, "side", side, 1, MAX_SIDE),
    NEEDED(cream_latency, "cin", cin, 1, MAX_CHANNELS),
    NEEDED(cream_latency, "cout", cout, 1, MAX_CHANNELS),
    NEEDED(cream_latency, "stride", stride, 1, 4),
    MEASURED,
};

const cream_latency *cream_latency_table_find(const cream_latency_table *table, const char *op, int side,
                                              const cream_layer *layer) {
  for (int i = 0; i < table->n_blocks; i++) {
    const cream_latency *block = &table->blocks[i];
    if (block->side == side && block->cin == layer->cin && block->cout == layer->cout &&
        block->stride == layer->stride && !strcmp(block->op, op))
      return block;
  }
  return NULL;
}

/* ---- writing ------------------------------------------------------------------------------------- */

void cream_latency_table_write(FILE *stream, const cream_latency_table *table) {
  table_file top = {.version = VERSION, .table = *table};
  strcpy(top.format, format);
  cream_json json = cream_json_to(stream);
  cream_json_object(&json, NULL, true);
  cream_fields_json(&json, top_fields, COUNT(top_fields), &top);
  cream_fields_json_object(&json, "space", name_fields, COUNT(name_fields), table);
  cream_fields_json_object(&json, "stem", part_fields, COUNT(part_fields), &table->stem);
  cream_fields_json_object(&json, "head", part_fields, COUNT(part_fields), &table->head);
  cream_json_array(&json, "blocks", true);
  for (int i = 0; i < table->n_blocks; i++)
    cream_fields_json_object(&json, NULL, block_fields, COUNT(block_fields), &table->blocks[i]);
  cream_json_end(&json);
  cream_json_end(&json);
  fputc('\n', stream);
}

cream_status cream_latency_table_save(const char *path, const cream_latency_table *table, cream_error *err) {
  cream_file file;
  cream_status status = cream_file_create(&file, path, err);
  if (status) return status;
  cream_latency_table_write(file.stream, table);
  return cream_file_commit(&file, err);
}

/* ---- reading: by the YAML reader, which reports lines; this JSON is also YAML ----------------------- */

/* Errors in format and version are reported before any other. */
static cream_status check_version(const cream_yaml_value *root, cream_error *err) {
  cream_status status = cream_yaml_expect(root, CREAM_YAML_MAP, err);
  if (status) return status;
  cream_yaml_value value = cream_yaml_find(root, "format");
  const char *text = cream_yaml_text(&value);
  if (!text || strcmp(text, format)) return cream_yaml_unexpected(&value, "`cream-latency`", NULL, err);
  value = cream_yaml_find(root, "version");
  text = cream_yaml_text(&value);
  if (text && !strcmp(text, "1")) return CREAM_OK;
  return cream_yaml_unexpected(&value, "1, the version this program reads", NULL, err);
}

static cream_status read_part(const cream_yaml_value *root, const char *key, const cream_field *fields,
                              int count, void *target, cream_error *err) {
  cream_yaml_value value = cream_yaml_find(root, key);
  return cream_fields_read(fields, count, &value, target, err);
}

static cream_status read_blocks(const cream_yaml_value *root, cream_latency_table *table, cream_error *err) {
  cream_yaml_value blocks = cream_yaml_find(root, "blocks");
  int count = cream_yaml_count(&blocks);
  if (count > CREAM_MAX_LATENCIES)
    return cream_yaml_fail(&blocks, err, "got %d blocks, expected at most %d", count, CREAM_MAX_LATENCIES);
  for (int i = 0; i < count; i++) {
    cream_yaml_value item = cream_yaml_item(&blocks, i);
    cream_latency block = {0};
    cream_status status = cream_fields_read(block_fields, COUNT(block_fields), &item, &block, err);
    if (status) return status;
    const cream_layer shape = {.cin = block.cin, .cout = block.cout, .stride = block.stride};
    if (cream_latency_table_find(table, block.op, block.side, &shape))
      return cream_yaml_fail(&item, err, "duplicate of an earlier block: the same op and shape");
    table->blocks[table->n_blocks++] = block;
  }
  return CREAM_OK;
}

cream_status cream_latency_table_load(const char *path, cream_latency_table *table, cream_error *err) {
  cream_yaml *yaml;
  cream_status status = cream_yaml_read(path, &yaml, err);
  if (status) return status;
  cream_yaml_value root = cream_yaml_root(yaml);
  table_file top = {0};
  status = check_version(&root, err);
  if (!status) status = cream_fields_read(top_fields, COUNT(top_fields), &root, &top, err);
  if (!status) status = read_part(&root, "space", name_fields, COUNT(name_fields), &top.table, err);
  if (!status) status = read_part(&root, "stem", part_fields, COUNT(part_fields), &top.table.stem, err);
  if (!status) status = read_part(&root, "head", part_fields, COUNT(part_fields), &top.table.head, err);
  if (!status) status = read_blocks(&root, &top.table, err);
  if (!status) *table = top.table;
  cream_yaml_free(yaml);
  return status;
}

/* ---- use ------------------------------------------------------------------------------------------- */

static cream_status check_same(const cream_latency_table *table, const char *name,
                               const cream_skeleton *skeleton, const char *space_hash, cream_error *err) {
  char own[33];
  if (!space_hash) {
    cream_status status = cream_space_hash(&skeleton->space, own, err);
    if (status) return status;
    space_hash = own;
  }
  if (strcmp(table->space_hash, space_hash))
    return cream_fail(
        err, CREAM_BAD_CONFIG,
        "latency table %s: measured for the space %s (hash %.8s), expected %s (hash %.8s); measure a new "
        "one with cream latency build",
        name, table->space, table->space_hash, skeleton->space.name, space_hash);
  if (table->resolution != skeleton->resolution)
    return cream_fail(
        err, CREAM_BAD_CONFIG,
        "latency table %s: measured at %d pixels, expected %d; measure a new one with cream latency build "
        "--resolution %d",
        name, table->resolution, skeleton->resolution, skeleton->resolution);
  if (table->classes != skeleton->classes)
    return cream_fail(
        err, CREAM_BAD_CONFIG,
        "latency table %s: measured with %d classes, expected %d; measure a new one with cream latency "
        "build --classes %d",
        name, table->classes, skeleton->classes, skeleton->classes);
  return CREAM_OK;
}

cream_status cream_latency_table_apply(const cream_latency_table *table, const char *name,
                                       const cream_skeleton *skeleton, const char *space_hash,
                                       cream_latencies *latencies, cream_error *err) {
  cream_status status = check_same(table, name, skeleton, space_hash, err);
  if (status) return status;
  cream_latencies made = {.n_layers = skeleton->n_layers,
                          .fixed = table->stem.ms + table->head.ms + table->rest};
  int side = cream_out_side(skeleton->resolution, skeleton->space.stem.stride);
  for (int l = 0; l < skeleton->n_layers; l++) {
    const cream_layer *layer = &skeleton->layers[l];
    for (int i = 0; i < layer->n_options; i++) {
      const char *op = skeleton->space.ops[layer->options[i]].name;
      const cream_latency *found = cream_latency_table_find(table, op, side, layer);
      if (!found)
        return cream_fail(err, CREAM_BAD_CONFIG,
                          "latency table %s: no block %s from %d to %d channels, stride %d, at %d pixels; "
                          "measure a new one with cream latency build and the depths of this network",
                          name, op, layer->cin, layer->cout, layer->stride, side);
      made.layer[l][i] = found->ms;
    }
    side = cream_out_side(side, layer->stride);
  }
  *latencies = made;
  return CREAM_OK;
}
