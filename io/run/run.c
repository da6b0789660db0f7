#include "run.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "io/config/arch.h"
#include "core/space/complexity.h"
#include "io/base/json.h"
#include "io/config/settings.h"
#include "tensorboard.h"

static double now(clockid_t clock) {
  struct timespec time;
  clock_gettime(clock, &time);
  return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static const char *const log_names[CREAM_LOGS] = {
    [CREAM_LOG_METRICS] = CREAM_RUN_METRICS,
    [CREAM_LOG_SUMMARY] = CREAM_RUN_SUMMARY,
    [CREAM_LOG_EVENTS] = CREAM_RUN_EVENTS,
};

/* ---- the folder ---------------------------------------------------------------------------------- */

/* The name of something in the folder, or "" if it is empty. */
static cream_status first_entry(const char *dir, char name[256], cream_error *err) {
  DIR *stream = opendir(dir);
  if (!stream) return cream_fail(err, CREAM_FAILED, "cannot read run folder %s: %s", dir, strerror(errno));
  name[0] = 0;
  const struct dirent *entry;
  while (!name[0] && (entry = readdir(stream)))
    if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..") && strcmp(entry->d_name, CREAM_RUN_LOCK))
      snprintf(name, 256, "%s", entry->d_name);
  closedir(stream);
  return CREAM_OK;
}

/* Makes the folder, if it can be a run's. */
static cream_status make_folder(const char *dir, cream_error *err) {
  size_t most = sizeof((cream_run *)0)->dir;
  if (!dir[0]) return cream_fail(err, CREAM_BAD_CONFIG, "out: no run folder given");
  if (strlen(dir) >= most)
    return cream_fail(err, CREAM_BAD_CONFIG,
                      "out: %.60s... is longer than the %zu bytes of a run folder's name", dir, most - 1);
  return cream_make_directories(dir, err);
}

/* A file system that knows no locks is no reason not to run. */
static cream_status lock_folder(cream_run *run, cream_error *err) {
  char path[CREAM_MAX_FILE_NAME];
  run->lock = open(cream_run_file(run, CREAM_RUN_LOCK, path), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (run->lock < 0)
    return cream_fail(err, CREAM_FAILED, "cannot write to run folder %s: %s", run->dir, strerror(errno));
  if (!flock(run->lock, LOCK_EX | LOCK_NB) || errno != EWOULDBLOCK) return CREAM_OK;
  close(run->lock);
  return cream_fail(err, CREAM_BAD_CONFIG,
                    "run folder %s is in use by another run; wait for its end, or choose another folder",
                    run->dir);
}

bool cream_run_locked(const char *dir) {
  char path[CREAM_MAX_FILE_NAME];
  snprintf(path, sizeof path, "%s/%s", dir, CREAM_RUN_LOCK);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  bool locked = flock(fd, LOCK_SH | LOCK_NB) && errno == EWOULDBLOCK;
  close(fd);
  return locked;
}

static cream_status remove_result(const cream_run *run, cream_error *err) {
  char path[CREAM_MAX_FILE_NAME];
  if (!unlink(cream_run_file(run, CREAM_RUN_RESULT, path)) || errno == ENOENT) return CREAM_OK;
  return cream_fail(err, CREAM_FAILED, "cannot remove %s: %s", path, strerror(errno));
}

static cream_status open_folder(cream_run *run, const char *dir, bool clear, cream_error *err) {
  cream_run opened = {.start = now(CLOCK_MONOTONIC),
                      .wall = now(CLOCK_REALTIME),
                      .heldout = NAN,
                      .heldout_ema = NAN,
                      .score = NAN};
  strcpy(opened.dir, dir);
  cream_status status = lock_folder(&opened, err);
  if (status) return status;
  if (clear) status = remove_result(&opened, err);
  if (!status) status = cream_checkpoints_clear(dir, !clear, err);
  if (status)
    close(opened.lock);
  else
    *run = opened;
  return status;
}

cream_status cream_run_open(cream_run *run, const char *dir, bool force, cream_error *err) {
  char name[256];
  cream_status status = make_folder(dir, err);
  if (!status) status = first_entry(dir, name, err);
  if (status) return status;
  if (name[0] && !force)
    return cream_fail(err, CREAM_BAD_CONFIG,
                      "run folder %s is not empty (it has %.60s); choose another, --resume, or --force", dir,
                      name);
  return open_folder(run, dir, true, err);
}

cream_status cream_run_reopen(cream_run *run, const char *dir, cream_error *err) {
  cream_status status = make_folder(dir, err);
  return status ? status : open_folder(run, dir, false, err);
}

cream_status cream_run_close(cream_run *run, cream_error *err) {
  cream_status status = CREAM_OK;
  for (int i = 0; i < CREAM_LOGS; i++) {
    if (!run->logs[i]) continue;
    errno = 0;
    int failed = ferror(run->logs[i]), closed = fclose(run->logs[i]);
    run->logs[i] = NULL;
    if ((failed || closed) && !status)
      status = cream_fail(err, CREAM_FAILED, "cannot write %s/%s: %s", run->dir, log_names[i],
                          strerror(errno ? errno : EIO));
  }
  close(run->lock);
  return status;
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

char *cream_run_budget_name(const char *name, const char *budget, char text[64]) {
  const char *dot = strchr(name, '.');
  if (budget)
    snprintf(text, 64, "%.*s-%s%s", (int)(dot - name), name, budget, dot);
  else
    snprintf(text, 64, "%s", name);
  return text;
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
  cream_json_number(json, "top1", score->top1);
  cream_json_number(json, "top5", score->top5);
  cream_json_number(json, "loss", score->loss);
  cream_json_integer(json, "count", score->count);
  cream_json_end(json);
}

/* Most bytes that the process ever had in memory. */
static double peak_memory(void) {
  struct rusage usage;
  return getrusage(RUSAGE_SELF, &usage) ? NAN : 1024.0 * (double)usage.ru_maxrss;
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

cream_status cream_run_write_result(const cream_run *run, const cream_run_result *result, cream_error *err) {
  cream_file file;
  cream_json json;
  cream_status status = create_json(run, CREAM_RUN_RESULT, "cream-result", &file, &json, err);
  if (status) return status;
  cream_json_string(&json, "command", result->command);
  put_network(&json, result->net, result->ms);
  if (result->n_budgets) cream_json_array(&json, "budgets", true);
  for (int i = 0; i < result->n_budgets; i++) {
    cream_json_object(&json, NULL, true);
    cream_json_string(&json, "budget", result->budgets[i].budget);
    put_network(&json, &result->budgets[i].net, result->budgets[i].ms);
    cream_json_score(&json, "heldout", &result->budgets[i].heldout);
    cream_json_end(&json);
  }
  if (result->n_budgets) cream_json_end(&json);
  cream_json_score(&json, "heldout", result->heldout);
  cream_json_score(&json, "test", result->test);
  cream_json_score(&json, "test_trained", result->test_trained);
  cream_json_integer(&json, "steps", result->steps);
  cream_json_integer(&json, "meta_updates", result->meta_updates);
  cream_json_integer(&json, "memory_bytes", result->memory);
  cream_json_number(&json, "seconds", result->seconds);
  cream_json_number(&json, "images_per_second", result->images_per_second);
  cream_json_number(&json, "peak_memory", peak_memory());
  return commit_json(&file, &json, err);
}

/* ---- metrics ------------------------------------------------------------------------------------- */

static const char *const kinds[] = {
    [CREAM_EVENT_START] = "start", [CREAM_EVENT_STEP] = "step",     [CREAM_EVENT_META] = "meta",
    [CREAM_EVENT_SCORE] = "score", [CREAM_EVENT_BOARD] = "board",   [CREAM_EVENT_EPOCH] = "epoch",
    [CREAM_EVENT_EVAL] = "eval",   [CREAM_EVENT_SELECT] = "select", [CREAM_EVENT_NOTE] = "note",
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

static void put_scored(cream_json *json, const cream_board_entry *entry) {
  cream_json_number(json, "score", entry->score);
  cream_json_number(json, "score_loss", entry->loss);
  cream_json_number(json, "flops", entry->flops);
  cream_json_number(json, "params", entry->params);
}

static void put_entry(cream_json *json, const cream_event *event) {
  if (event->budget) cream_json_string(json, "budget", event->budget);
  if (!event->board || event->entry < 0 || event->entry >= event->board->count) return;
  const cream_board_entry *entry = &event->board->entries[event->entry];
  cream_json_number(json, "entry", event->entry);
  put_scored(json, entry);
  cream_json_integer(json, "entered", entry->step);
  put_choices(json, &entry->path);
}

/* What the board holds now, best first. */
static void put_board(cream_json *json, const cream_board *board) {
  if (!board) return;
  cream_json_array(json, "board_scores", false);
  for (int i = 0; i < board->count; i++) cream_json_number(json, NULL, board->entries[i].score);
  cream_json_end(json);
  cream_json_array(json, "board_flops", false);
  for (int i = 0; i < board->count; i++) cream_json_number(json, NULL, board->entries[i].flops);
  cream_json_end(json);
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
  case CREAM_EVENT_SCORE:
    put_scored(json, event->candidate);
    put_choices(json, &event->candidate->path);
    break;
  case CREAM_EVENT_BOARD:
    put_entry(json, event);
    put_board(json, event->board);
    break;
  case CREAM_EVENT_EPOCH:
    put_training(json, event);
    if (event->budget) cream_json_string(json, "budget", event->budget);
    if (event->board) cream_json_number(json, "entries", event->board->count);
    if (event->board && event->board->count) cream_json_number(json, "best", event->board->entries[0].score);
    put_board(json, event->board);
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

/* Opens the log if it is not yet; *fresh: nothing was written to it so far. */
static cream_status open_log(cream_run *run, cream_run_log log, bool *fresh, cream_error *err) {
  if (!run->logs[log]) {
    char path[CREAM_MAX_FILE_NAME];
    cream_run_file(run, log_names[log], path);
    run->logs[log] = fopen(path, run->resumed ? "ab" : "wb");
    if (!run->logs[log]) return cream_fail(err, CREAM_FAILED, "cannot write %s: %s", path, strerror(errno));
    fseek(run->logs[log], 0, SEEK_END);
  }
  *fresh = ftell(run->logs[log]) == 0;
  return CREAM_OK;
}

static cream_status check_log(cream_run *run, cream_run_log log, bool flush, cream_error *err) {
  if (flush) fflush(run->logs[log]);
  if (!ferror(run->logs[log])) return CREAM_OK;
  return cream_fail(err, CREAM_FAILED, "cannot write %s/%s: %s", run->dir, log_names[log],
                    strerror(errno ? errno : EIO));
}

cream_status cream_metrics_on_event(void *self, const cream_event *event, cream_error *err) {
  cream_run *run = self;
  bool fresh;
  errno = 0;
  cream_status status = open_log(run, CREAM_LOG_METRICS, &fresh, err);
  if (status) return status;
  cream_json json = cream_json_to(run->logs[CREAM_LOG_METRICS]);
  cream_json_object(&json, NULL, false);
  put_event(&json, event);
  cream_json_number(&json, "seconds", floor((now(CLOCK_MONOTONIC) - run->start) * 1000) / 1000);
  cream_json_number(&json, "images_per_second", floor(event->images_per_second * 10) / 10);
  if (event->kind == CREAM_EVENT_EPOCH) {
    cream_json_number(&json, "waited", floor(event->waited * 1000) / 1000);
    cream_json_number(&json, "peak_memory", peak_memory());
  }
  cream_json_end(&json);
  fputc('\n', run->logs[CREAM_LOG_METRICS]);
  return check_log(run, CREAM_LOG_METRICS, event->kind != CREAM_EVENT_STEP, err);
}

/* ---- summary and TensorBoard --------------------------------------------------------------------- */

static void put_cell(FILE *stream, double value) {
  fputc(',', stream);
  if (isfinite(value)) fprintf(stream, "%.9g", value);
}

static double best_of(const cream_event *event) {
  return event->board && event->board->count ? event->board->entries[0].score : NAN;
}

/* A line at the end of each epoch. */
static cream_status summarise(cream_run *run, const cream_event *event, cream_error *err) {
  bool fresh;
  cream_status status = open_log(run, CREAM_LOG_SUMMARY, &fresh, err);
  if (status) return status;
  FILE *stream = run->logs[CREAM_LOG_SUMMARY];
  if (fresh)
    fputs("epoch,step,lr,loss,accuracy,heldout,heldout_ema,board_best,seconds,images_per_second\n", stream);
  fprintf(stream, "%d,%llu", event->epoch, (unsigned long long)event->step);
  const double cells[] = {event->lr,
                          event->loss,
                          event->accuracy,
                          run->heldout,
                          run->heldout_ema,
                          best_of(event),
                          now(CLOCK_MONOTONIC) - run->start,
                          event->images_per_second};
  for (size_t i = 0; i < sizeof cells / sizeof *cells; i++) put_cell(stream, cells[i]);
  fputc('\n', stream);
  return check_log(run, CREAM_LOG_SUMMARY, true, err);
}

/* Steps are many: TensorBoard gets every tenth. */
static cream_status put_scalars(cream_run *run, const cream_event *event, cream_error *err) {
  enum { STEPS = 10 };
  cream_scalar scalars[8];
  int n = 0;
  if (event->kind == CREAM_EVENT_STEP && event->step % STEPS == 0) {
    scalars[n++] = (cream_scalar){"train/loss", event->loss};
    scalars[n++] = (cream_scalar){"train/accuracy", event->accuracy};
    scalars[n++] = (cream_scalar){"train/learning_rate", event->lr};
    if (event->rho >= 0) scalars[n++] = (cream_scalar){"train/rho", event->rho};
  } else if (event->kind == CREAM_EVENT_EVAL) {
    bool ema = event->split && strcmp(event->split, "heldout-ema") == 0;
    bool test = event->split && strcmp(event->split, "test") == 0;
    scalars[n++] = (cream_scalar){test  ? "test/top1"
                                  : ema ? "heldout_ema/top1"
                                        : "heldout/top1",
                                  event->accuracy};
    scalars[n++] = (cream_scalar){test  ? "test/loss"
                                  : ema ? "heldout_ema/loss"
                                        : "heldout/loss",
                                  event->eval_loss};
  } else if (event->kind == CREAM_EVENT_EPOCH && isfinite(best_of(event))) {
    scalars[n++] = (cream_scalar){"board/best", best_of(event)};
    scalars[n++] = (cream_scalar){"board/entries", event->board->count};
  }
  if (n == 0) return CREAM_OK;
  bool fresh;
  double wall = run->wall + now(CLOCK_MONOTONIC) - run->start;
  cream_status status = open_log(run, CREAM_LOG_EVENTS, &fresh, err);
  if (!status && fresh) status = cream_tensorboard_begin(run->logs[CREAM_LOG_EVENTS], wall, err);
  if (!status)
    status = cream_tensorboard_write(run->logs[CREAM_LOG_EVENTS], wall, event->step, scalars, n, err);
  return status ? status : check_log(run, CREAM_LOG_EVENTS, event->kind != CREAM_EVENT_STEP, err);
}

cream_status cream_run_on_event(void *self, const cream_event *event, cream_error *err) {
  cream_run *run = self;
  if (event->kind == CREAM_EVENT_START && run->resumed) return CREAM_OK;
  if (event->kind == CREAM_EVENT_EVAL && event->split && strncmp(event->split, "heldout", 7) == 0)
    run->score = *(event->split[7] ? &run->heldout_ema : &run->heldout) = event->accuracy;
  errno = 0;
  cream_status status = cream_metrics_on_event(run, event, err);
  if (!status) status = put_scalars(run, event, err);
  if (!status && event->kind == CREAM_EVENT_EPOCH) {
    status = summarise(run, event, err);
    run->heldout = run->heldout_ema = NAN;
    if (event->board) run->score = best_of(event);
  }
  return status;
}

/* ---- going on ------------------------------------------------------------------------------------ */

cream_status cream_run_mark(cream_run *run, cream_checkpoint_info *info, cream_error *err) {
  info->n_logs = 0;
  info->score = run->score;
  for (int i = 0; i < CREAM_LOGS; i++) {
    if (!run->logs[i]) continue;
    cream_status status = check_log(run, (cream_run_log)i, true, err);
    if (status) return status;
    cream_checkpoint_log *log = &info->logs[info->n_logs++];
    snprintf(log->name, sizeof log->name, "%s", log_names[i]);
    log->bytes = (uint64_t)ftell(run->logs[i]);
    log->fd = fileno(run->logs[i]);
  }
  return CREAM_OK;
}

static uint64_t length_of(const cream_checkpoint_info *info, const char *name) {
  for (int i = 0; i < info->n_logs; i++)
    if (!strcmp(info->logs[i].name, name)) return info->logs[i].bytes;
  return 0;
}

cream_status cream_run_rewind(cream_run *run, const cream_checkpoint_info *info, char *note, size_t size,
                              cream_error *err) {
  note[0] = 0;
  cream_status status = remove_result(run, err);
  if (status || !info) return status;
  run->resumed = true;
  run->score = info->score;
  run->start -= info->seconds;
  run->wall -= info->seconds;
  for (int i = 0; i < CREAM_LOGS; i++) {
    uint64_t length = length_of(info, log_names[i]);
    char path[CREAM_MAX_FILE_NAME];
    struct stat now_has = {0};
    bool exists = stat(cream_run_file(run, log_names[i], path), &now_has) == 0;
    if ((uint64_t)now_has.st_size < length)
      snprintf(note, size, "%s is shorter than when the checkpoint was written: some of its lines are lost",
               log_names[i]);
    else if (exists && truncate(path, (off_t)length))
      return cream_fail(err, CREAM_FAILED, "cannot write %s: %s", path, strerror(errno));
    bool fresh;
    status = exists ? open_log(run, (cream_run_log)i, &fresh, err) : CREAM_OK;
    if (status) return status;
  }
  return CREAM_OK;
}
