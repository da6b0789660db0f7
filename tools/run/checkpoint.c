#include "checkpoint.h"

#include <math.h>
#include <string.h>

#include "cluster.h"
#include "core/search/search.h"
#include "io/config/settings.h"
#include "old_paths.h"
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

/* Rank 0 alone writes and reads; the others take part. */
static cream_status save(void *self, const cream_state *state, cream_error *err) {
  checkpointer *c = self;
  cream_status status = CREAM_OK;
  if (cluster_leads() && c->checkpoints) {
    status = cream_run_mark(c->folder, &c->info, err);
    if (status == CREAM_OK) status = cream_checkpoints_save(c->checkpoints, state, &c->info, err);
    c->saved = progress_now();
  }
  return cluster_share_status(status, err);
}

static cream_status restore(void *self, const cream_state *state, cream_error *err) {
  checkpointer *c = self;
  cream_status status = cluster_leads() ? cream_checkpoints_restore(c->checkpoints, state, err) : CREAM_OK;
  status = cluster_share_status(status, err);
  return status == CREAM_OK ? cluster_share_state(state, err) : status;
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

static const char *const free_in_search[] = {"out",
                                             "arch",
                                             "weights",
                                             "threads",
                                             "time_budget",
                                             "signals",
                                             "checkpoint.",
                                             "cluster.timeout",
                                             "cluster.check_every",
                                             "on_nan",
                                             "retrain.",
                                             "device",
                                             "opencl.parameters",
                                             "rank.",
                                             "search.oracle",
                                             "search.snapshots",
                                             "inherit",
                                             NULL};
static const char *const free_in_retrain[] = {"out",
                                              "arch",
                                              "weights",
                                              "threads",
                                              "time_budget",
                                              "signals",
                                              "cluster.timeout",
                                              "cluster.check_every",
                                              "checkpoint.",
                                              "on_nan",
                                              "search.",
                                              "retrain.weights",
                                              "space",
                                              "flops",
                                              "depth",
                                              "device",
                                              "opencl.parameters",
                                              "rank.",
                                              NULL};

const char *const *checkpoint_free(const char *command) {
  return strcmp(command, "search") == 0 ? free_in_search : free_in_retrain;
}

static bool is_search(const checkpointer *c) {
  return strcmp(c->info.command, "search") == 0;
}

static int *epochs_of(const checkpointer *c, cream_config *config) {
  return is_search(c) ? &config->search.epochs : &config->retrain.epochs;
}

/* Whether a run is continued beyond the epochs that it had. */
static bool extends(const checkpointer *c, const cream_checkpoint_info *found) {
  cream_config is = c->info.config, was = found->config;
  return *epochs_of(c, &is) > *epochs_of(c, &was);
}

/* Gives the settings that a run was started with those of more epochs. The first epoch with a teacher stays where it is. */
static cream_status extend(const checkpointer *c, const cream_checkpoint_info *found, cream_config *started,
                           cream_error *err) {
  cream_config is = c->info.config;
  *epochs_of(c, started) = *epochs_of(c, &is);
  if (!is_search(c)) return CREAM_OK;
  started->search.start_epoch = cream_search_start_epoch(&found->config.search);
  if (cream_strategy_has_supernet(is.search.strategy)) return CREAM_OK;
  return cream_fail(
      err, CREAM_BAD_CONFIG,
      "--resume: search.epochs is %d, but the run in %s has %d, which a %s search has divided among its "
      "paths; leave it unchanged, or choose another --out",
      is.search.epochs, c->folder->dir, found->config.search.epochs, cream_strategy_name(is.search.strategy));
}

static cream_status check(void *self, const cream_checkpoint_info *found, cream_error *err) {
  const checkpointer *c = self;
  cream_config started = found->config;
  old_paths_find(&started, c->folder->dir);
  run_absolute_paths(&started); /* those of an older program are not */
  cream_status status = extends(c, found) ? extend(c, found, &started, err) : CREAM_OK;
  if (status != CREAM_OK) return status;
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
  const int epochs = *epochs_of(c, &c->info.config);
  if (c->folder->extended)
    fprintf(stderr,
            "resume: %d epochs in place of %d; the learning rate follows the schedule of %d from here on\n",
            epochs, *epochs_of(c, &found.config), epochs);
  fprintf(stderr, "resume: continuing from checkpoint-%09llu.safetensors in %s\n",
          (unsigned long long)found.step, c->folder->dir);
  return CREAM_OK;
}

cream_status checkpoint_share(const checkpoint_target *target, bool resumed, cream_error *err) {
  cream_state state;
  if (cream_cluster_alone(cluster_ranks())) return CREAM_OK;
  target->state(target->self, &state);
  cream_status status = cluster_share(&resumed, sizeof resumed, err);
  if (status == CREAM_OK) status = cluster_share_state(&state, err);
  return status == CREAM_OK && resumed && !cluster_leads() ? target->restored(target->self, err) : status;
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
