#include "checkpoint.h"

#include <math.h>
#include <string.h>

#include "io/config/settings.h"
#include "tools/cli/progress.h"

static bool due(void *self, uint64_t step, bool epoch_end) {
  keep *k = self;
  const cream_config *config = &k->info.config;
  int steps = config->checkpoint.every_steps;
  if (!k->checkpoints) return false;
  if (steps > 0 && step % (uint64_t)steps == 0) return true;
  double seconds = 60 * config->checkpoint.every_minutes * (epoch_end ? 0.5 : 1);
  return seconds > 0 && progress_now() - k->saved >= seconds && !cream_checkpoints_busy(k->checkpoints);
}

static cream_status save(void *self, const cream_state *state, cream_error *err) {
  keep *k = self;
  if (!k->checkpoints) return CREAM_OK;
  cream_status status = cream_run_mark(k->folder, &k->info, err);
  if (status == CREAM_OK) status = cream_checkpoints_save(k->checkpoints, state, &k->info, err);
  k->saved = progress_now();
  return status;
}

static cream_status restore(void *self, const cream_state *state, cream_error *err) {
  keep *k = self;
  return cream_checkpoints_restore(k->checkpoints, state, err);
}

cream_checkpointer keep_keeper(keep *k) {
  return (cream_checkpointer){k, due, save, restore};
}

cream_status keep_open(keep *k, cream_run *folder, const char *command, const cream_config *config,
                       cream_error *err) {
  k->folder = folder;
  k->info = (cream_checkpoint_info){.config = *config, .score = NAN};
  snprintf(k->info.command, sizeof k->info.command, "%s", command);
  k->saved = progress_now();
  return cream_checkpoints_create(folder->dir, config->checkpoint.keep, &k->checkpoints, err);
}

static void tell(void *self, const char *line) {
  (void)self;
  fprintf(stderr, "resume: %s\n", line);
}

static const char *const free_in_search[] = {
    "out",    "arch",     "weights", "threads",           "time_budget", "checkpoint.",
    "on_nan", "retrain.", "device",  "opencl.parameters", "rank.",       NULL};
static const char *const free_in_retrain[] = {
    "out",   "arch",  "weights", "threads", "time_budget",       "checkpoint.", "on_nan", "search.",
    "space", "flops", "depth",   "device",  "opencl.parameters", "rank.",       NULL};

const char *const *keep_free(const char *command) {
  return strcmp(command, "search") == 0 ? free_in_search : free_in_retrain;
}

static cream_status check(void *self, const cream_checkpoint_info *found, cream_error *err) {
  const keep *k = self;
  const char *key = cream_settings_differ(&found->config, &k->info.config, keep_free(k->info.command));
  if (!key) return CREAM_OK;
  char was[128], is[128];
  return cream_fail(
      err, CREAM_BAD_CONFIG,
      "--resume: %s is %s, but the run in %s has %s; leave it as it was, or choose another --out", key,
      cream_settings_get(&k->info.config, key, is, sizeof is), k->folder->dir,
      cream_settings_get(&found->config, key, was, sizeof was));
}

cream_status keep_resume(keep *k, const keep_target *target, bool *resumed, cream_error *err) {
  cream_state state;
  cream_checkpoint_info found;
  target->state(target->self, &state);
  const cream_checkpoint_reader reader = {k, target->command, check, tell};
  cream_status status = cream_checkpoints_load(k->checkpoints, &state, &reader, &found, resumed, err);
  if (status != CREAM_OK) return status;
  char note[200];
  if (!*resumed) {
    fprintf(stderr, "resume: no checkpoint in %s, starting from the beginning\n", k->folder->dir);
    return cream_run_rewind(k->folder, NULL, note, sizeof note, err);
  }
  status = target->restored(target->self, err);
  if (status == CREAM_OK) status = cream_run_rewind(k->folder, &found, note, sizeof note, err);
  if (status != CREAM_OK) return status;
  if (*note) fprintf(stderr, "resume: %s\n", note);
  fprintf(stderr, "resume: going on from checkpoint-%09llu.safetensors in %s\n",
          (unsigned long long)found.step, k->folder->dir);
  return CREAM_OK;
}

cream_status keep_close(keep *k, cream_status status, cream_error *err) {
  if (!k->checkpoints) return status;
  cream_error late;
  cream_status waited = cream_checkpoints_wait(k->checkpoints, &late);
  cream_checkpoints_destroy(k->checkpoints);
  k->checkpoints = NULL;
  if (waited == CREAM_OK || (status != CREAM_OK && status != CREAM_INTERRUPTED)) return status;
  *err = late;
  return waited;
}
