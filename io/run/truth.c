#include "truth.h"

#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/hash.h"
#include "io/base/file.h"
#include "io/config/settings.h"
#include "run.h"

static const char format[] = "cream-table";
enum { MOST_BYTES = 64 << 20 };

/* Identifies the paths of a supernet: layers with their options by name, resolution and classes. */
static uint64_t hash_of(const cream_skeleton *skeleton) {
  char text[160];
  uint64_t hash = CREAM_FNV1A_START;
  int size = snprintf(text, sizeof text, "%d %d", skeleton->resolution, skeleton->classes);
  hash = cream_fnv1a(hash, text, (size_t)size);
  for (int l = 0; l < skeleton->n_layers; l++) {
    const cream_layer *layer = &skeleton->layers[l];
    size = snprintf(text, sizeof text, "\n%d %d %d %d", layer->stage, layer->cin, layer->cout, layer->stride);
    hash = cream_fnv1a(hash, text, (size_t)size);
    for (int o = 0; o < layer->n_options; o++) {
      size = snprintf(text, sizeof text, " %s", skeleton->space.ops[layer->options[o]].name);
      hash = cream_fnv1a(hash, text, (size_t)size);
    }
  }
  return hash;
}

/* ---- writing ----------------------------------------------------------------------------------------- */

static void put_head(cream_json *json, const cream_truth_head *head, const char *config) {
  const cream_skeleton *skeleton = head->skeleton;
  char hash[17];
  snprintf(hash, sizeof hash, "%016" PRIx64, hash_of(skeleton));
  cream_json_string(json, "format", format);
  cream_json_integer(json, "version", 1);
  cream_json_string(json, "data", head->data);
  cream_json_string(json, "space", skeleton->space.name);
  cream_json_array(json, "depth", false);
  for (int s = 0; s < skeleton->space.n_stages; s++)
    cream_json_integer(json, NULL, (uint64_t)skeleton->depth[s]);
  cream_json_end(json);
  cream_json_integer(json, "resolution", (uint64_t)skeleton->resolution);
  cream_json_integer(json, "classes", (uint64_t)skeleton->classes);
  cream_json_string(json, "supernet", hash);
  cream_json_integer(json, "seed", head->config->seed);
  if (head->flops->max > 0) {
    cream_json_array(json, "flops", false);
    cream_json_number(json, NULL, head->flops->min);
    cream_json_number(json, NULL, head->flops->max);
    cream_json_end(json);
  }
  cream_json_integer(json, "epochs", (uint64_t)head->config->retrain.epochs);
  cream_json_integer(json, "batch", (uint64_t)head->config->retrain.batch);
  cream_json_string(json, "config", config);
}

static void put_path(cream_json *json, const cream_skeleton *skeleton, const cream_ranked *ranked) {
  cream_json_object(json, NULL, false);
  cream_json_path(json, skeleton, &ranked->path);
  cream_json_array(json, "choices", false);
  for (int l = 0; l < ranked->path.n_layers; l++) cream_json_integer(json, NULL, ranked->path.choice[l]);
  cream_json_end(json);
  cream_json_number(json, "flops", cream_cost_flops(&ranked->cost));
  cream_json_number(json, "params", ranked->cost.params);
  cream_json_score(json, "heldout", &ranked->heldout);
  cream_json_score(json, "test", &ranked->test);
  if (ranked->again.count) cream_json_score(json, "again", &ranked->again);
  cream_json_end(json);
}

cream_status cream_truth_write(const char *name, const cream_truth_head *head, const cream_ranked *paths,
                               int n, cream_error *err) {
  cream_file file;
  char *config = cream_settings_text(head->config);
  if (!config) return cream_fail_memory(err, sizeof *head->config, "the settings of a table");
  cream_status status = cream_file_create(&file, name, err);
  if (status == CREAM_OK) {
    cream_json json = cream_json_to(file.stream);
    cream_json_object(&json, NULL, true);
    put_head(&json, head, config);
    cream_json_array(&json, "paths", true);
    for (int i = 0; i < n; i++) put_path(&json, head->skeleton, &paths[i]);
    cream_json_end(&json);
    cream_json_end(&json);
    fputc('\n', file.stream);
    status = cream_file_commit(&file, err);
  }
  free(config);
  return status;
}

/* ---- reading ----------------------------------------------------------------------------------------- */

static bool read_score(const json_t *json, cream_score *score) {
  const json_t *top1 = json_object_get(json, "top1"), *top5 = json_object_get(json, "top5");
  const json_t *loss = json_object_get(json, "loss"), *count = json_object_get(json, "count");
  *score = (cream_score){0};
  if (!json_is_number(top1) || !json_is_number(top5) || !json_is_integer(count)) return false;
  *score = (cream_score){.top1 = json_number_value(top1),
                         .top5 = json_number_value(top5),
                         .loss = json_is_number(loss) ? json_number_value(loss)
                                                      : (double)NAN, /* not finite: null */
                         .count = (size_t)json_integer_value(count)};
  return score->top1 >= 0 && score->top1 <= 1 && json_integer_value(count) > 0;
}

static bool read_path(const json_t *json, const cream_skeleton *skeleton, cream_ranked *ranked) {
  const json_t *choices = json_object_get(json, "choices"), *again = json_object_get(json, "again");
  *ranked = (cream_ranked){.path = {.n_layers = skeleton->n_layers}, .ms = NAN};
  if (json_array_size(choices) != (size_t)skeleton->n_layers) return false;
  for (int l = 0; l < skeleton->n_layers; l++) {
    const json_t *item = json_array_get(choices, (size_t)l);
    json_int_t choice = json_integer_value(item);
    if (!json_is_integer(item) || choice < 0 || choice >= skeleton->layers[l].n_options) return false;
    ranked->path.choice[l] = (uint8_t)choice;
  }
  return read_score(json_object_get(json, "heldout"), &ranked->heldout) &&
         read_score(json_object_get(json, "test"), &ranked->test) &&
         (!again || read_score(again, &ranked->again));
}

/* *root: to be released by the caller. */
static cream_status open_table(const char *name, json_t **root, const json_t **paths, cream_error *err) {
  char *text;
  size_t size;
  *root = NULL;
  cream_status status = cream_file_read(name, MOST_BYTES, &text, &size, err);
  if (status) return status;
  *root = json_loadb(text, size, 0, NULL);
  free(text);
  const char *kind = json_string_value(json_object_get(*root, "format"));
  *paths = json_object_get(*root, "paths");
  size_t n = json_array_size(*paths);
  if (kind && !strcmp(kind, format) && json_integer_value(json_object_get(*root, "version")) == 1 && n > 0 &&
      n <= CREAM_RANK_MAX_PATHS)
    return CREAM_OK;
  json_decref(*root);
  *root = NULL;
  return cream_fail(err, CREAM_BAD_DATA,
                    "%s: expected a table of version 1 with up to %d paths, from cream table build", name,
                    CREAM_RANK_MAX_PATHS);
}

cream_status cream_truth_read(const char *name, const cream_skeleton *skeleton, cream_ranked *paths, int *n,
                              cream_error *err) {
  json_t *root;
  const json_t *list, *item;
  char hash[17];
  size_t i;
  cream_costs costs;
  *n = 0;
  cream_status status = open_table(name, &root, &list, err);
  if (status) return status;
  snprintf(hash, sizeof hash, "%016" PRIx64, hash_of(skeleton));
  const char *found = json_string_value(json_object_get(root, "supernet"));
  if (!found || strcmp(found, hash) != 0)
    status = cream_fail(
        err, CREAM_BAD_CONFIG,
        "%s: a table of another supernet than this one of space %s (depths, options, resolution or "
        "classes differ)",
        name, skeleton->space.name);
  cream_costs_init(&costs, skeleton, skeleton->resolution);
  json_array_foreach(list, i, item) {
    if (status) break;
    if (!read_path(item, skeleton, &paths[i]))
      status = cream_fail(err, CREAM_BAD_DATA,
                          "%s: paths[%zu]: expected a path of the supernet with its scores", name, i);
    else
      paths[i].cost = cream_costs_path(&costs, &paths[i].path);
  }
  if (!status) *n = (int)json_array_size(list);
  json_decref(root);
  return status;
}

cream_status cream_truth_count(const char *name, int *n, cream_error *err) {
  json_t *root;
  const json_t *paths;
  *n = 0;
  cream_status status = open_table(name, &root, &paths, err);
  if (status) return status;
  *n = (int)json_array_size(paths);
  json_decref(root);
  return CREAM_OK;
}

int cream_truth_find(const cream_ranked *paths, int n, const cream_path *path) {
  for (int i = 0; i < n; i++)
    if (cream_path_equal(&paths[i].path, path)) return i;
  return -1;
}
