#include "run.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "arch.h"
#include "core/complexity.h"
#include "json.h"
#include "settings.h"

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/* ---- the folder ---------------------------------------------------------------------------------- */

/* The name of something in the folder, or "" if it is empty. */
static cream_status first_entry(const char *dir, char name[256], cream_error *err) {
  DIR *stream = opendir(dir);
  if (!stream) return cream_fail(err, CREAM_FAILED, "cannot read run folder %s: %s", dir, strerror(errno));
  name[0] = 0;
  const struct dirent *entry;
  while (!name[0] && (entry = readdir(stream)))
    if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..")) snprintf(name, 256, "%s", entry->d_name);
  closedir(stream);
  return CREAM_OK;
}

cream_status cream_run_open(cream_run *run, const char *dir, bool force, cream_error *err) {
  if (!dir[0]) return cream_fail(err, CREAM_BAD_CONFIG, "out: no run folder given");
  if (strlen(dir) >= sizeof run->dir)
    return cream_fail(err, CREAM_BAD_CONFIG,
                      "out: %.60s... is longer than the %zu bytes of a run folder's name", dir,
                      sizeof run->dir - 1);
  cream_status status = cream_make_directories(dir, err);
  if (status) return status;
  char name[256];
  status = first_entry(dir, name, err);
  if (status) return status;
  if (name[0] && !force)
    return cream_fail(err, CREAM_BAD_CONFIG,
                      "run folder %s is not empty (it has %.60s); choose another, or --force", dir, name);
  if (access(dir, W_OK | X_OK))
    return cream_fail(err, CREAM_FAILED, "cannot write to run folder %s: %s", dir, strerror(errno));
  cream_run opened = {.start = now()};
  strcpy(opened.dir, dir);
  char path[CREAM_MAX_FILE_NAME];
  if (unlink(cream_run_file(&opened, CREAM_RUN_RESULT, path)) && errno != ENOENT)
    return cream_fail(err, CREAM_FAILED, "cannot remove %s: %s", path, strerror(errno));
  *run = opened;
  return CREAM_OK;
}

cream_status cream_run_close(cream_run *run, cream_error *err) {
  if (!run->metrics) return CREAM_OK;
  errno = 0;
  int failed = ferror(run->metrics), closed = fclose(run->metrics);
  run->metrics = NULL;
  if (!failed && !closed) return CREAM_OK;
  return cream_fail(err, CREAM_FAILED, "cannot write %s/%s: %s", run->dir, CREAM_RUN_METRICS,
                    strerror(errno ? errno : EIO));
}

char *cream_run_file(const cream_run *run, const char *name, char path[CREAM_MAX_FILE_NAME]) {
  snprintf(path, CREAM_MAX_FILE_NAME, "%s/%s", run->dir, name);
  return path;
}

/* ---- files written whole ------------------------------------------------------------------------- */

static cream_status create(const cream_run *run, const char *name, cream_file *file, cream_error *err) {
  char path[CREAM_MAX_FILE_NAME];
  return cream_file_create(file, cream_run_file(run, name, path), err);
}

/* A file that holds one object, begun. */
static cream_status create_json(const cream_run *run, const char *name, const char *format, cream_file *file,
                                cream_json *json, cream_error *err) {
  cream_status status = create(run, name, file, err);
  if (status) return status;
  *json = cream_json_to(file->stream);
  cream_json_object(json, NULL, true);
  cream_json_string(json, "format", format);
  cream_json_number(json, "version", 1);
  return CREAM_OK;
}

static cream_status commit_json(cream_file *file, cream_json *json, cream_error *err) {
  cream_json_end(json);
  fputc('\n', file->stream);
  return cream_file_commit(file, err);
}

static void put_path(cream_json *json, const cream_skeleton *skeleton, const cream_path *path) {
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
                                   const cream_board *board, cream_error *err) {
  cream_file file;
  cream_json json;
  cream_status status = create_json(run, CREAM_RUN_BOARD, "cream-board", &file, &json, err);
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
    put_path(&json, skeleton, &entry->path);
    cream_json_end(&json);
  }
  cream_json_end(&json);
  return commit_json(&file, &json, err);
}

static void put_score(cream_json *json, const char *key, const cream_score *score) {
  if (!score) return;
  cream_json_object(json, key, false);
  cream_json_number(json, "top1", score->top1);
  cream_json_number(json, "top5", score->top5);
  cream_json_number(json, "loss", score->loss);
  cream_json_integer(json, "count", score->count);
  cream_json_end(json);
}

cream_status cream_run_write_result(const cream_run *run, const cream_run_result *result, cream_error *err) {
  cream_file file;
  cream_json json;
  cream_status status = create_json(run, CREAM_RUN_RESULT, "cream-result", &file, &json, err);
  if (status) return status;
  cream_json_string(&json, "command", result->command);
  if (result->net) {
    cream_path path = cream_skeleton_first_path(result->net);
    cream_cost cost = cream_arch_cost(result->net);
    put_path(&json, result->net, &path);
    cream_json_number(&json, "resolution", result->net->resolution);
    cream_json_number(&json, "flops", cream_cost_flops(&cost));
    cream_json_number(&json, "macs", cost.macs);
    cream_json_number(&json, "params", cost.params);
  }
  put_score(&json, "heldout", result->heldout);
  put_score(&json, "test", result->test);
  cream_json_integer(&json, "steps", result->steps);
  cream_json_integer(&json, "meta_updates", result->meta_updates);
  cream_json_integer(&json, "memory_bytes", result->memory);
  cream_json_number(&json, "seconds", result->seconds);
  cream_json_number(&json, "images_per_second", result->images_per_second);
  return commit_json(&file, &json, err);
}

/* ---- metrics ------------------------------------------------------------------------------------- */

static const char *const kinds[] = {
    [CREAM_EVENT_START] = "start", [CREAM_EVENT_STEP] = "step",     [CREAM_EVENT_META] = "meta",
    [CREAM_EVENT_BOARD] = "board", [CREAM_EVENT_EPOCH] = "epoch",   [CREAM_EVENT_EVAL] = "eval",
    [CREAM_EVENT_NOTE] = "note",   [CREAM_EVENT_SELECT] = "select",
};

static void put_choices(cream_json *json, const cream_path *path) {
  if (!path) return;
  cream_json_array(json, "path", false);
  for (int l = 0; l < path->n_layers; l++) cream_json_number(json, NULL, path->choice[l]);
  cream_json_end(json);
}

/* The means of a step or an epoch. */
static void put_training(cream_json *json, const cream_event *event) {
  cream_json_number(json, "lr", event->lr);
  cream_json_number(json, "loss", event->loss);
  cream_json_number(json, "hard", event->hard);
  cream_json_number(json, "soft", event->soft);
  if (event->rho >= 0) cream_json_number(json, "rho", event->rho);
  cream_json_number(json, "accuracy", event->accuracy);
}

static void put_evaluation(cream_json *json, const cream_event *event) {
  cream_json_number(json, "accuracy", event->accuracy);
  cream_json_number(json, "top5", event->top5);
  cream_json_number(json, "loss", event->eval_loss);
}

static void put_entry(cream_json *json, const cream_event *event) {
  if (!event->board || event->entry < 0 || event->entry >= event->board->count) return;
  const cream_board_entry *entry = &event->board->entries[event->entry];
  cream_json_number(json, "entry", event->entry);
  cream_json_number(json, "score", entry->score);
  cream_json_number(json, "score_loss", entry->loss);
  cream_json_number(json, "flops", entry->flops);
  cream_json_number(json, "params", entry->params);
  cream_json_integer(json, "entered", entry->step);
  put_choices(json, &entry->path);
}

static void put_event(cream_json *json, const cream_event *event) {
  cream_json_string(json, "kind", kinds[event->kind]);
  if (event->phase) cream_json_string(json, "phase", event->phase);
  cream_json_integer(json, "step", event->step);
  cream_json_number(json, "epoch", event->epoch);
  switch (event->kind) {
  case CREAM_EVENT_START:
    cream_json_integer(json, "steps", event->steps);
    cream_json_number(json, "epochs", event->epochs);
    break;
  case CREAM_EVENT_STEP:
    put_training(json, event);
    put_choices(json, event->path);
    break;
  case CREAM_EVENT_META:
    if (event->rho >= 0) cream_json_number(json, "rho", event->rho);
    cream_json_number(json, "meta_gradient", event->meta_gradient);
    break;
  case CREAM_EVENT_BOARD:
    put_entry(json, event);
    break;
  case CREAM_EVENT_EPOCH:
    put_training(json, event);
    if (event->board) cream_json_number(json, "entries", event->board->count);
    if (event->board && event->board->count) cream_json_number(json, "best", event->board->entries[0].score);
    break;
  case CREAM_EVENT_EVAL:
    if (event->split) cream_json_string(json, "split", event->split);
    put_evaluation(json, event);
    break;
  case CREAM_EVENT_SELECT:
    put_evaluation(json, event);
    put_entry(json, event);
    break;
  case CREAM_EVENT_NOTE:
    if (event->note) cream_json_string(json, "note", event->note);
    break;
  }
}

cream_status cream_metrics_on_event(void *self, const cream_event *event, cream_error *err) {
  cream_run *run = self;
  char path[CREAM_MAX_FILE_NAME];
  cream_run_file(run, CREAM_RUN_METRICS, path);
  errno = 0;
  if (!run->metrics) run->metrics = fopen(path, "wb");
  if (!run->metrics) return cream_fail(err, CREAM_FAILED, "cannot write %s: %s", path, strerror(errno));
  cream_json json = cream_json_to(run->metrics);
  cream_json_object(&json, NULL, false);
  put_event(&json, event);
  cream_json_number(&json, "seconds", floor((now() - run->start) * 1000) / 1000);
  cream_json_number(&json, "images_per_second", floor(event->images_per_second * 10) / 10);
  cream_json_end(&json);
  fputc('\n', run->metrics);
  if (event->kind != CREAM_EVENT_STEP) fflush(run->metrics);
  if (ferror(run->metrics))
    return cream_fail(err, CREAM_FAILED, "cannot write %s: %s", path, strerror(errno ? errno : EIO));
  return CREAM_OK;
}
