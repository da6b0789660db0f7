#include "checkpoint.h"

#include <math.h>
#include <string.h>

#include "io/config/settings.h"
#include "run_data.h"
#include "tools/cli/progress.h"

static bool due(void *self, uint64_t step, bool epoch_end) {
  checkpointer *c = self;
  const cream_config *config = &c->info.config;
  int steps = config->checkpoint.every_steps;
  if (!c->checkpoints) return false;
  if (steps > 0 && step % (uint64_t)steps == 0) return true;
  double seconds = 60 * config->checkpoint.every_minutes * (epoch_end ? 0.5 : 1);
  return seconds > 0 && progress_now() - c->saved >= seconds && !cream_checkpoints_busy(c->checkpoints);
}

static cream_status save(void *self, const cream_state *state, cream_error *err) {
  checkpointer *c = self;
  if (!c->checkpoints) return CREAM_OK;
  cream_status status = cream_run_mark(c->folder, &c->info, err);
  if (status == CREAM_OK) status = cream_checkpoints_save(c->checkpoints, state, &c->info, err);
  c->saved = progress_now();
  return status;
}

static cream_status restore(void *self, const cream_state *state, cream_error *err) {
  checkpointer *c = self;
  return cream_checkpoints_restore(c->checkpoints, state, err);
}

cream_checkpointer checkpoint_hooks(checkpointer *c) {
  return (cream_checkpointer){c, due, save, restore};
}

cream_status checkpoint_open(checkpointer *c, cream_run *folder, const char *command,
                             const cream_config *config, cream_error *err) {
  c->folder = folder;
  c->info = (cream_checkpoint_info){.config = *config, .score = NAN};
  snprintf(c->info.command, sizeof c->info.command, "%s", command);
  c->saved = progress_now();
  return cream_checkpoints_create(folder->dir, config->checkpoint.keep, &c->checkpoints, err);
}

static void print_line(void *self, const char *line) {
  (void)self;
  fprintf(stderr, "resume: %s\n", line);
}

static const char *const free_in_search[] = {
    "out",    "arch",     "weights", "threads",           "time_budget", "signals", "checkpoint.",
    "on_nan", "retrain.", "device",  "opencl.parameters", "rank.",       "inherit", NULL};
static const char *const free_in_retrain[] = {
    "out",     "arch",  "weights", "threads", "time_budget", "signals",           "checkpoint.", "on_nan",
    "search.", "space", "flops",   "depth",   "device",      "opencl.parameters", "rank.",       NULL};

const char *const *checkpoint_free(const char *command) {
  return strcmp(command, "search") == 0 ? free_in_search : free_in_retrain;
}

/* Whether a retraining is continued beyond the epochs that it had. */
static bool extends(const checkpointer *c, const cream_checkpoint_info *found) {
  return strcmp(c->info.command, "retrain") == 0 &&
         c->info.config.retrain.epochs > found->config.retrain.epochs;
}

static cream_status check(void *self, const cream_checkpoint_info *found, cream_error *err) {
  const checkpointer *c = self;
  cream_config started = found->config;
  run_absolute_paths(&started); /* those of an older program are not */
  if (extends(c, found)) started.retrain.epochs = c->info.config.retrain.epochs;
  const char *key = cream_settings_differ(&started, &c->info.config, checkpoint_free(c->info.command));
  if (!key) return CREAM_OK;
  char was[128], is[128];
  return cream_fail(
      err, CREAM_BAD_CONFIG,
      "--resume: %s is %s, but the run in %s has %s; leave it unchanged, or choose another --out", key,
      cream_settings_get(&c->info.config, key, is, sizeof is), c->folder->dir,
      cream_settings_get(&started, key, was, sizeof was));
}

cream_status checkpoint_resume(checkpointer *c, const checkpoint_target *target, bool *resumed,
                               cream_error *err) {
  cream_state state;
  cream_checkpoint_info found;
  target->state(target->self, &state);
  const cream_checkpoint_reader reader = {c, target->command, check, print_line};
  cream_status status = cream_checkpoints_load(c->checkpoints, &state, &reader, &found, resumed, err);
  if (status != CREAM_OK) return status;
  char note[200];
  if (!*resumed) {
    fprintf(stderr, "resume: no checkpoint in %s, starting from the beginning\n", c->folder->dir);
    return cream_run_rewind(c->folder, NULL, note, sizeof note, err);
  }
  status = target->restored(target->self, err);
  if (status == CREAM_OK) status = cream_run_rewind(c->folder, &found, note, sizeof note, err);
  if (status != CREAM_OK) return status;
  if (*note) fprintf(stderr, "resume: %s\n", note);
  c->folder->extended = extends(c, &found);
  if (c->folder->extended)
    fprintf(stderr,
            "resume: %d epochs in place of %d; the learning rate follows the schedule of %d from here on\n",
            c->info.config.retrain.epochs, found.config.retrain.epochs, c->info.config.retrain.epochs);
  fprintf(stderr, "resume: continuing from checkpoint-%09llu.safetensors in %s\n",
          (unsigned long long)found.step, c->folder->dir);
  return CREAM_OK;
}

cream_status checkpoint_close(checkpointer *c, cream_status status, cream_error *err) {
  if (!c->checkpoints) return status;
  cream_error late;
  cream_status waited = cream_checkpoints_wait(c->checkpoints, &late);
  cream_checkpoints_destroy(c->checkpoints);
  c->checkpoints = NULL;
  if (waited == CREAM_OK || (status != CREAM_OK && status != CREAM_INTERRUPTED)) return status;
  *err = late;
  return waited;
}
