#include "checkpoint_rotation.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/base/file.h"

static const char prefix[] = "checkpoint-", suffix[] = ".safetensors";

typedef struct rotation_file {
  uint64_t step;
  double score;
} rotation_file;

struct cream_checkpoints {
  char dir[1024];
  int keep;
  void *memory; /* [bytes] the snapshot */
  size_t bytes;
  bool whole;           /* `memory` holds a complete snapshot, */
  uint64_t step;        /* of this step */
  rotation_file *files; /* [n_files], ascending by step; used by the thread alone while it runs */
  int n_files, capacity;

  pthread_t thread;
  bool running; /* the thread must be joined */
  atomic_bool busy;
  cream_state state; /* that is being written */
  cream_checkpoint_info info;
  cream_status status;
  cream_error error;
};

/* ---- names ------------------------------------------------------------------------------------------- */

bool cream_checkpoint_step_of(const char *name, uint64_t *step) {
  size_t n = strlen(prefix);
  if (strncmp(name, prefix, n)) return false;
  size_t digits = strspn(name + n, "0123456789");
  if (digits < 1 || digits > 19 || strcmp(name + n + digits, suffix)) return false;
  *step = strtoull(name + n, NULL, 10);
  return true;
}

static char *path_of(const char *dir, uint64_t step, char path[CREAM_MAX_FILE_NAME]) {
  snprintf(path, CREAM_MAX_FILE_NAME, "%s/%s%09" PRIu64 "%s", dir, prefix, step, suffix);
  return path;
}

typedef cream_status visitor(void *self, const char *dir, const char *name, cream_error *);

static cream_status visit(const char *dir, visitor *each, void *self, cream_error *err) {
  DIR *stream = opendir(dir);
  if (!stream) return cream_fail(err, CREAM_FAILED, "cannot read run folder %s: %s", dir, strerror(errno));
  cream_status status = CREAM_OK;
  const struct dirent *entry;
  while (!status && (entry = readdir(stream))) status = each(self, dir, entry->d_name, err);
  closedir(stream);
  return status;
}

static cream_status clear_one(void *self, const char *dir, const char *name, cream_error *err) {
  const bool *only_unfinished = self;
  uint64_t step;
  char path[CREAM_MAX_FILE_NAME];
  if (!cream_file_is_temporary(name) && (*only_unfinished || !cream_checkpoint_step_of(name, &step)))
    return CREAM_OK;
  snprintf(path, sizeof path, "%s/%s", dir, name);
  if (!unlink(path) || errno == ENOENT) return CREAM_OK;
  return cream_fail(err, CREAM_FAILED, "cannot remove %s: %s", path, strerror(errno));
}

cream_status cream_checkpoints_clear(const char *dir, bool only_unfinished, cream_error *err) {
  return visit(dir, clear_one, &only_unfinished, err);
}

/* ---- the list of files ------------------------------------------------------------------------------- */

static bool make_room(cream_checkpoints *self) {
  if (self->n_files < self->capacity) return true;
  int capacity = self->capacity ? 2 * self->capacity : 16;
  rotation_file *grown = realloc(self->files, (size_t)capacity * sizeof *grown);
  if (!grown) return false;
  self->files = grown;
  self->capacity = capacity;
  return true;
}

/* make_room() must have succeeded. */
static void insert(cream_checkpoints *self, uint64_t step, double score) {
  int at = self->n_files;
  while (at > 0 && self->files[at - 1].step >= step) at--;
  if (at == self->n_files || self->files[at].step != step) {
    memmove(self->files + at + 1, self->files + at, (size_t)(self->n_files - at) * sizeof *self->files);
    self->n_files++;
  }
  self->files[at] = (rotation_file){step, score};
}

static void remove_at(cream_checkpoints *self, int at) {
  self->n_files--;
  memmove(self->files + at, self->files + at + 1, (size_t)(self->n_files - at) * sizeof *self->files);
}

static cream_status add_file(void *context, const char *dir, const char *name, cream_error *err) {
  cream_checkpoints *self = context;
  uint64_t step;
  cream_checkpoint_info info = {.score = NAN};
  char path[CREAM_MAX_FILE_NAME];
  if (!cream_checkpoint_step_of(name, &step)) return CREAM_OK;
  if (!make_room(self)) return cream_fail_memory(err, sizeof *self->files, "the list of checkpoints");
  snprintf(path, sizeof path, "%s/%s", dir, name);
  /* A broken file stays, without a score. If a file cannot be read, its score is unknown: it might be the
   * best. */
  cream_status status = cream_checkpoint_read(path, NULL, NULL, NULL, &info, err);
  if (status == CREAM_FAILED) return status;
  insert(self, step, status ? NAN : info.score);
  return CREAM_OK;
}

/* Removes all but the newest files and the best. A file that cannot be removed is tried again next time. */
static void remove_old(cream_checkpoints *self) {
  double best = -INFINITY;
  for (int i = 0; i < self->n_files; i++)
    if (self->files[i].score >= best) best = self->files[i].score;
  bool found_best = false;
  for (int i = self->n_files - 1; i >= 0; i--) {
    bool is_best = !found_best && self->files[i].score >= best;
    found_best |= is_best;
    char path[CREAM_MAX_FILE_NAME];
    if (i >= self->n_files - self->keep || is_best) continue;
    if (!unlink(path_of(self->dir, self->files[i].step, path)) || errno == ENOENT) remove_at(self, i);
  }
}

cream_status cream_checkpoints_create(const char *dir, int keep, cream_checkpoints **out, cream_error *err) {
  CREAM_ASSERT(keep >= 1 && strlen(dir) < sizeof((cream_checkpoints *)0)->dir);
  *out = NULL;
  cream_checkpoints *self = calloc(1, sizeof *self);
  if (!self) return cream_fail_memory(err, sizeof *self, "the checkpoints");
  strcpy(self->dir, dir);
  self->keep = keep;
  cream_status status = visit(dir, add_file, self, err);
  if (status)
    cream_checkpoints_destroy(self);
  else
    *out = self;
  return status;
}

void cream_checkpoints_destroy(cream_checkpoints *self) {
  if (!self) return;
  cream_checkpoints_wait(self, NULL);
  free(self->memory);
  free(self->files);
  free(self);
}

/* ---- writing ----------------------------------------------------------------------------------------- */

static void *write_snapshot(void *argument) {
  cream_checkpoints *self = argument;
  char path[CREAM_MAX_FILE_NAME];
  path_of(self->dir, self->info.step, path);
  self->status = cream_checkpoint_write(path, &self->state, self->memory, &self->info, &self->error);
  if (!self->status) {
    insert(self, self->info.step, self->info.score);
    remove_old(self);
  }
  for (int i = 0; i < self->info.n_logs; i++)
    if (self->info.logs[i].fd >= 0) close(self->info.logs[i].fd);
  atomic_store(&self->busy, false);
  return NULL;
}

/* Signals are left to the training thread. If no thread can be created, the run itself writes. */
static void start_writing(cream_checkpoints *self) {
  sigset_t all, before;
  sigfillset(&all);
  atomic_store(&self->busy, true);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  self->running = pthread_create(&self->thread, NULL, write_snapshot, self) == 0;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  if (!self->running) write_snapshot(self);
}

bool cream_checkpoints_busy(cream_checkpoints *self) {
  return atomic_load(&self->busy);
}

cream_status cream_checkpoints_wait(cream_checkpoints *self, cream_error *err) {
  if (self->running) pthread_join(self->thread, NULL);
  self->running = false;
  if (self->status && err) *err = self->error;
  return self->status;
}

static cream_status allocate(cream_checkpoints *self, const cream_state *state, cream_error *err) {
  size_t bytes = cream_state_bytes(state);
  if (self->memory && bytes == self->bytes) return CREAM_OK;
  free(self->memory);
  self->whole = false;
  self->memory = malloc(bytes);
  self->bytes = self->memory ? bytes : 0;
  return self->memory ? CREAM_OK : cream_fail_memory(err, bytes, "a copy of the run's state");
}

cream_status cream_checkpoints_save(cream_checkpoints *self, const cream_state *state,
                                    const cream_checkpoint_info *info, cream_error *err) {
  cream_status status = cream_checkpoints_wait(self, err);
  if (!status && self->whole && self->step == state->step) return CREAM_OK;
  if (!status) status = allocate(self, state, err);
  if (!status && !make_room(self))
    status = cream_fail_memory(err, sizeof *self->files, "the list of checkpoints");
  if (status) return status;
  self->whole = false;
  status = cream_state_snapshot(state, self->memory, err);
  if (status) return status;
  self->whole = true;
  self->state = *state;
  self->info = *info;
  self->step = self->info.step = state->step;
  if (state->seconds) self->info.seconds = *state->seconds;
  for (int i = 0; i < info->n_logs; i++)
    if (info->logs[i].fd >= 0) self->info.logs[i].fd = dup(info->logs[i].fd);
  start_writing(self);
  return CREAM_OK;
}

/* ---- reading ----------------------------------------------------------------------------------------- */

cream_status cream_checkpoints_restore(cream_checkpoints *self, const cream_state *state, cream_error *err) {
  cream_status status = cream_checkpoints_wait(self, err);
  if (status) return status;
  if (!self->whole && self->n_files) {
    char path[CREAM_MAX_FILE_NAME];
    cream_checkpoint_info info;
    uint64_t step = self->files[self->n_files - 1].step;
    status = allocate(self, state, err);
    if (!status)
      status = cream_checkpoint_read(path_of(self->dir, step, path), state, self->memory, NULL, &info, err);
    if (status) return status;
    self->whole = true;
    self->step = step;
  }
  if (!self->whole)
    return cream_fail(err, CREAM_FAILED, "%s: there is no checkpoint yet to restore", self->dir);
  return cream_state_restore(state, self->memory, err);
}

/* Renames a broken checkpoint, so that it is not read again, and logs it. */
static void set_aside(const char *path, const cream_checkpoint_reader *reader, const char *reason) {
  char aside[CREAM_MAX_FILE_NAME + 16], line[1200];
  snprintf(aside, sizeof aside, "%s.broken", path);
  bool renamed = rename(path, aside) == 0;
  snprintf(line, sizeof line, "skipped a broken checkpoint: %.500s%s", reason,
           renamed ? "; renamed to *.broken" : "");
  if (reader && reader->log) reader->log(reader->self, line);
}

cream_status cream_checkpoints_load(cream_checkpoints *self, const cream_state *state,
                                    const cream_checkpoint_reader *reader, cream_checkpoint_info *info,
                                    bool *found, cream_error *err) {
  *found = false;
  self->whole = false;
  cream_status status = allocate(self, state, err);
  while (!status && self->n_files && !*found) {
    char path[CREAM_MAX_FILE_NAME];
    uint64_t step = self->files[self->n_files - 1].step;
    cream_error reason;
    status =
        cream_checkpoint_read(path_of(self->dir, step, path), state, self->memory, reader, info, &reason);
    if (!status && info->step != step)
      status = cream_fail(&reason, CREAM_BAD_DATA,
                          "%s: it is of step %" PRIu64 "; expected the step in its name", path, info->step);
    *found = !status;
    if (status == CREAM_BAD_DATA) {
      set_aside(path, reader, reason.text);
      remove_at(self, self->n_files - 1);
      status = CREAM_OK;
    } else if (status && err) {
      *err = reason;
    }
  }
  if (!*found) return status;
  self->whole = true;
  self->step = info->step;
  status = cream_state_restore(state, self->memory, err);
  if (!status && state->seconds) *state->seconds = info->seconds;
  return status;
}

/* *self: one more than the newest step so far; 0: none. */
static cream_status newest(void *self, const char *dir, const char *name, cream_error *err) {
  (void)dir, (void)err;
  uint64_t step, *last = self;
  if (cream_checkpoint_step_of(name, &step) && step >= *last) *last = step + 1;
  return CREAM_OK;
}

cream_status cream_checkpoints_peek(const char *dir, cream_checkpoint_info *info, bool *found,
                                    cream_error *err) {
  uint64_t after = 0;
  char path[CREAM_MAX_FILE_NAME];
  cream_status status = visit(dir, newest, &after, err);
  *found = !status && after > 0;
  return *found ? cream_checkpoint_read(path_of(dir, after - 1, path), NULL, NULL, NULL, info, err) : status;
}
