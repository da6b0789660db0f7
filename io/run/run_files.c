#include "core/space/complexity.h"
#include "io/config/arch.h"
#include "io/config/settings.h"
#include "run.h"
#include "usage.h"

static cream_status create(const cream_run *run, const char *name, cream_file *file, cream_error *err) {
  char path[CREAM_MAX_FILE_NAME];
  return cream_file_create(file, cream_run_file(run, name, path), err);
}

/* Begins an object with its first keys. */
static cream_json begin_json(FILE *out, const char *format) {
  cream_json json = cream_json_to(out);
  cream_json_object(&json, NULL, true);
  cream_json_string(&json, "format", format);
  cream_json_number(&json, "version", 1);
  return json;
}

/* Creates a file that holds one object and writes its first keys. */
static cream_status create_json(const cream_run *run, const char *name, const char *format, cream_file *file,
                                cream_json *json, cream_error *err) {
  cream_status status = create(run, name, file, err);
  if (status) return status;
  *json = begin_json(file->stream, format);
  return CREAM_OK;
}

static cream_status commit_json(cream_file *file, cream_json *json, cream_error *err) {
  cream_json_end(json);
  fputc('\n', file->stream);
  return cream_file_commit(file, err);
}

void cream_json_path(cream_json *json, const cream_skeleton *skeleton, const cream_path *path) {
  cream_json_array(json, "path", false);
  for (int s = 0; s < skeleton->space.n_stages; s++) cream_json_layers(json, NULL, skeleton, path, s);
  cream_json_end(json);
}

cream_status cream_run_write_config(const cream_run *run, const cream_config *config, cream_error *err) {
  cream_file file;
  cream_status status = create(run, CREAM_RUN_CONFIG, &file, err);
  if (status) return status;
  cream_settings_print(config, file.stream);
  return cream_file_commit(&file, err);
}

cream_status cream_run_write_split(const cream_run *run, const char *data, uint64_t seed, size_t count,
                                   const uint32_t *heldout, size_t n, cream_error *err) {
  cream_file file;
  cream_json json;
  cream_status status = create_json(run, CREAM_RUN_SPLIT, "cream-split", &file, &json, err);
  if (status) return status;
  cream_json_string(&json, "data", data);
  cream_json_integer(&json, "seed", seed);
  cream_json_integer(&json, "count", count);
  cream_json_array(&json, "heldout", false);
  for (size_t i = 0; i < n; i++) cream_json_integer(&json, NULL, heldout[i]);
  cream_json_end(&json);
  return commit_json(&file, &json, err);
}

cream_status cream_run_write_board(const cream_run *run, const cream_skeleton *skeleton,
                                   const cream_board *board, const char *budget, cream_error *err) {
  cream_file file;
  cream_json json;
  char name[64];
  cream_status status = create_json(run, cream_run_budget_name(CREAM_RUN_BOARD, budget, name), "cream-board",
                                    &file, &json, err);
  if (status) return status;
  cream_json_number(&json, "capacity", board->capacity);
  cream_json_array(&json, "entries", true);
  for (int i = 0; i < board->count; i++) {
    const cream_board_entry *entry = &board->entries[i];
    cream_json_object(&json, NULL, false);
    cream_json_number(&json, "score", entry->score);
    cream_json_number(&json, "loss", entry->loss);
    cream_json_number(&json, "flops", entry->flops);
    cream_json_number(&json, "params", entry->params);
    cream_json_integer(&json, "step", entry->step);
    cream_json_path(&json, skeleton, &entry->path);
    cream_json_end(&json);
  }
  cream_json_end(&json);
  return commit_json(&file, &json, err);
}

void cream_json_score(cream_json *json, const char *key, const cream_score *score) {
  if (!score) return;
  cream_json_object(json, key, false);
  if (score->detector) {
    cream_json_number(json, "ap", score->top1);
    cream_json_number(json, "ap50", score->top5);
  } else {
    cream_json_number(json, "top1", score->top1);
    cream_json_number(json, "top5", score->top5);
    cream_json_number(json, "loss", score->loss);
  }
  cream_json_integer(json, "count", score->count);
  cream_json_end(json);
}

static void put_network(cream_json *json, const cream_skeleton *net, double ms) {
  if (!net) return;
  cream_path path = cream_skeleton_first_path(net);
  cream_cost cost = cream_arch_cost(net);
  cream_json_path(json, net, &path);
  cream_json_number(json, "resolution", net->resolution);
  cream_json_number(json, "flops", cream_cost_flops(&cost));
  cream_json_number(json, "macs", cost.macs);
  cream_json_number(json, "params", cost.params);
  if (ms > 0) cream_json_number(json, "ms", ms);
}

static void put_text(cream_json *json, const char *key, const char *text) {
  if (text) cream_json_string(json, key, text);
}

/* How the run ended, and what it was. */
static void put_end(cream_json *json, const cream_run_result *result) {
  put_text(json, "state", result->state);
  put_text(json, "stopped_by", result->stopped_by);
  put_text(json, "reason", result->reason);
  put_text(json, "strategy", result->strategy);
  put_text(json, "supernet", result->supernet);
  put_text(json, "data", result->data);
  if (result->seed) cream_json_integer(json, "seed", *result->seed);
}

static void put_files(cream_json *json, const cream_run_result *result) {
  put_text(json, "resume", result->resume);
  if (!result->files) return;
  cream_json_array(json, "files", false);
  for (const char *const *name = result->files; *name; name++) cream_json_string(json, NULL, *name);
  cream_json_end(json);
}

static void put_result(cream_json *json, const cream_run_result *result) {
  cream_json_string(json, "command", result->command);
  put_end(json, result);
  put_network(json, result->net, result->ms);
  if (result->n_budgets) cream_json_array(json, "budgets", true);
  for (int i = 0; i < result->n_budgets; i++) {
    cream_json_object(json, NULL, true);
    cream_json_string(json, "budget", result->budgets[i].budget);
    put_network(json, &result->budgets[i].net, result->budgets[i].ms);
    cream_json_score(json, "heldout", &result->budgets[i].heldout);
    cream_json_end(json);
  }
  if (result->n_budgets) cream_json_end(json);
  cream_json_score(json, "test", result->test);
  cream_json_score(json, "test_trained", result->test_trained);
  cream_json_score(json, "test_averaged", result->test_averaged);
  put_text(json, "weights", result->weights);
  cream_json_score(json, "heldout", result->heldout);
  cream_json_score(json, "heldout_trained", result->heldout_trained);
  cream_json_score(json, "heldout_averaged", result->heldout_averaged);
  cream_json_integer(json, "steps", result->steps);
  if (result->planned_steps) cream_json_integer(json, "planned_steps", result->planned_steps);
  cream_json_integer(json, "meta_updates", result->meta_updates);
  cream_json_integer(json, "memory_bytes", result->memory);
  cream_json_number(json, "seconds", result->seconds);
  cream_json_number(json, "images_per_second", result->images_per_second);
  cream_json_number(json, "peak_memory", cream_usage_peak_memory());
  put_files(json, result);
}

cream_status cream_run_write_result(const cream_run *run, const cream_run_result *result, cream_error *err) {
  cream_file file;
  cream_json json;
  cream_status status = create_json(run, CREAM_RUN_RESULT, "cream-result", &file, &json, err);
  if (status) return status;
  put_result(&json, result);
  return commit_json(&file, &json, err);
}

void cream_run_print_result(FILE *out, const cream_run_result *result) {
  cream_json json = begin_json(out, "cream-result");
  put_result(&json, result);
  cream_json_end(&json);
  fputc('\n', out);
}
