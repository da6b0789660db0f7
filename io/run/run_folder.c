#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "checkpoint_rotation.h"
#include "claims.h"
#include "run_logs.h"
#include "usage.h"

/* ---- opening and closing ------------------------------------------------------------------------- */

/* The name of any entry of the folder but the lock and temporary files, which a killed run has left; "": there is none. */
static cream_status first_entry(const char *dir, char name[256], cream_error *err) {
  DIR *stream = opendir(dir);
  if (!stream) return cream_fail(err, CREAM_FAILED, "cannot read run folder %s: %s", dir, strerror(errno));
  name[0] = 0;
  const struct dirent *entry;
  while (!name[0] && (entry = readdir(stream)))
    if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..") && strcmp(entry->d_name, CREAM_RUN_LOCK) &&
        !cream_file_is_temporary(entry->d_name))
      snprintf(name, 256, "%s", entry->d_name);
  closedir(stream);
  return CREAM_OK;
}

/* Creates the folder, if its name is valid. */
static cream_status make_folder(const char *dir, cream_error *err) {
  size_t most = sizeof((cream_run *)0)->dir;
  if (!dir[0]) return cream_fail(err, CREAM_BAD_CONFIG, "out: no run folder given; give one with --out DIR");
  if (strlen(dir) >= most)
    return cream_fail(err, CREAM_BAD_CONFIG,
                      "out: %.60s...: the name is longer than %zu bytes; choose a shorter one", dir,
                      most - 1);
  return cream_make_directories(dir, err);
}

/* On a file system without locks the run is unprotected. A command that looks whether the folder is locked (cream watch)
 * holds the lock for a moment, so a few attempts are made. */
static cream_status lock_folder(cream_run *run, bool shared, cream_error *err) {
  enum { ATTEMPTS = 5, PAUSE = 20000000 };
  char path[CREAM_MAX_FILE_NAME];
  run->lock = open(cream_run_file(run, CREAM_RUN_LOCK, path), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (run->lock < 0)
    return cream_fail(err, CREAM_FAILED, "cannot write to run folder %s: %s", run->dir, strerror(errno));
  for (int i = 0; i < ATTEMPTS; i++) {
    if (!flock(run->lock, (shared ? LOCK_SH : LOCK_EX) | LOCK_NB) || errno != EWOULDBLOCK) return CREAM_OK;
    nanosleep(&(struct timespec){.tv_nsec = PAUSE}, NULL);
  }
  close(run->lock);
  return cream_fail(err, CREAM_BAD_CONFIG,
                    "run folder %s is in use by another run; wait until it ends, or choose another folder",
                    run->dir);
}

bool cream_run_locked(const char *dir) {
  char path[CREAM_MAX_FILE_NAME], holder[128];
  snprintf(path, sizeof path, "%s/%s", dir, CREAM_RUN_LOCK);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  bool locked = flock(fd, LOCK_SH | LOCK_NB) && errno == EWOULDBLOCK;
  close(fd);
  snprintf(path, sizeof path, "%s/" CREAM_CLAIMS_FOLDER, dir);
  return locked || cream_claims_held(path, holder, sizeof holder);
}

static cream_status remove_file(const cream_run *run, const char *name, cream_error *err) {
  char path[CREAM_MAX_FILE_NAME];
  if (!unlink(cream_run_file(run, name, path)) || errno == ENOENT) return CREAM_OK;
  return cream_fail(err, CREAM_FAILED, "cannot remove %s: %s", path, strerror(errno));
}

/* The result and the test of an earlier run: the run that begins has other weights. */
static cream_status remove_result(const cream_run *run, cream_error *err) {
  cream_status status = remove_file(run, CREAM_RUN_RESULT, err);
  return status ? status : remove_file(run, CREAM_RUN_TEST, err);
}

/* The folder is locked, and everything else as in a run that has not begun. */
static cream_status lock_run(cream_run *run, const char *dir, bool shared, cream_error *err) {
  *run = (cream_run){.start = cream_usage_monotonic(),
                     .wall = cream_usage_wall(),
                     .heldout = NAN,
                     .heldout_ema = NAN,
                     .score = NAN};
  strcpy(run->dir, dir);
  return lock_folder(run, shared, err);
}

/* clear: the run starts from the beginning. */
static cream_status open_folder(cream_run *run, const char *dir, bool clear, cream_error *err) {
  cream_run opened;
  cream_status status = lock_run(&opened, dir, false, err);
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
    return cream_fail(
        err, CREAM_BAD_CONFIG,
        "run folder %s is not empty (it has %.60s); choose another folder, or give --resume or --force", dir,
        name);
  return open_folder(run, dir, true, err);
}

cream_status cream_run_reopen(cream_run *run, const char *dir, cream_error *err) {
  cream_status status = make_folder(dir, err);
  return status ? status : open_folder(run, dir, false, err);
}

cream_status cream_run_join(cream_run *run, const char *dir, cream_error *err) {
  cream_run opened;
  cream_status status = make_folder(dir, err);
  if (!status) status = lock_run(&opened, dir, true, err);
  if (!status) *run = opened;
  return status;
}

cream_status cream_run_close(cream_run *run, cream_error *err) {
  cream_status status = CREAM_OK;
  for (int i = 0; i < CREAM_LOGS; i++) {
    cream_status closed = run_log_close(run, (cream_run_log)i, status ? NULL : err);
    if (!status) status = closed;
  }
  close(run->lock);
  return status;
}

char *cream_run_file(const cream_run *run, const char *name, char path[CREAM_MAX_FILE_NAME]) {
  snprintf(path, CREAM_MAX_FILE_NAME, "%s/%s", run->dir, name);
  return path;
}

/* ---- checkpoints --------------------------------------------------------------------------------- */

cream_status cream_run_mark(cream_run *run, cream_checkpoint_info *info, cream_error *err) {
  info->n_logs = 0;
  info->score = run->score;
  for (int i = 0; i < CREAM_LOGS; i++) {
    if (!run->logs[i]) continue;
    cream_status status = run_log_check(run, (cream_run_log)i, true, err);
    if (status) return status;
    cream_checkpoint_log *log = &info->logs[info->n_logs++];
    snprintf(log->name, sizeof log->name, "%s", cream_run_log_names[i]);
    log->bytes = (uint64_t)ftell(run->logs[i]);
    log->fd = fileno(run->logs[i]);
  }
  return CREAM_OK;
}

/* Bytes of a log at the checkpoint; 0: it did not exist. */
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
    uint64_t length = length_of(info, cream_run_log_names[i]);
    char path[CREAM_MAX_FILE_NAME];
    struct stat found = {0};
    bool exists = stat(cream_run_file(run, cream_run_log_names[i], path), &found) == 0;
    if ((uint64_t)found.st_size < length)
      snprintf(note, size, "%s is shorter than when the checkpoint was written; some of its lines are lost",
               cream_run_log_names[i]);
    else if (exists && truncate(path, (off_t)length))
      return cream_fail(err, CREAM_FAILED, "cannot write %s: %s", path, strerror(errno));
    bool fresh;
    status = exists ? run_log_open(run, (cream_run_log)i, &fresh, err) : CREAM_OK;
    if (status) return status;
  }
  return CREAM_OK;
}
