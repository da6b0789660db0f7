#include "session.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cluster.h"
#include "core/train/retrain.h"
#include "files.h"
#include "io/run/checkpoint_rotation.h"
#include "io/run/origin.h"
#include "tools/cli/signals.h"

cream_status session_check_out(const cream_config *config, cream_error *err) {
  if (*config->out) return CREAM_OK;
  return cream_fail(err, CREAM_BAD_CONFIG,
                    "no run folder: expected --out DIR, a folder for the files of the run");
}

/* Tests are not steps of the run: their events have no number of steps. */
static void count_steps(session *run, const cream_event *event) {
  if (event->kind != CREAM_EVENT_START && event->kind != CREAM_EVENT_STEP) return;
  run->step = event->step;
  run->planned_steps = event->steps;
  run->epochs = event->epochs;
  uint64_t per_epoch = event->epochs > 0 ? event->steps / (uint64_t)event->epochs : 0;
  if (per_epoch) run->epoch = (int)((event->step + per_epoch - 1) / per_epoch);
}

static cream_status on_event(void *self, const cream_event *event, cream_error *err) {
  session *run = self;
  if (!cluster_leads()) return CREAM_OK;
  progress_event(&run->progress, event);
  count_steps(run, event);
  if (event->kind == CREAM_EVENT_START) run->trained_from = progress_now();
  if (event->kind == CREAM_EVENT_STEP) {
    run->steps++;
    run->trained = progress_now() - run->trained_from;
  }
  return cream_run_on_event(&run->folder, event, err);
}

/* The share of the initial weights in the averaged ones falls by a factor of retrain.ema a step. */
void session_warn_of_average(const cream_retrain_config *config, uint64_t steps) {
  double kept;
  if (config->ema > 0 && cream_retrain_average_is_young(config, (double)steps, &kept))
    fprintf(stderr,
            "retrain.ema: after %.0f steps, %.0f %% of the averaged weights will still be the initial ones; "
            "for so short a training, set it to %.3g\n",
            (double)steps, 100 * kept, fmax(1 - 10 / (double)steps, 0));
}

/* A checkpoint knows how: the file may be gone. */
static cream_status normalise(const run_options *options, run_data *data, cream_error *err) {
  const cream_config *config = &options->config;
  cream_checkpoint_info info;
  cream_error ignored;
  bool found = false;
  if (!cluster_leads()) return CREAM_OK;
  if (!*config->weights || !options->resume ||
      cream_checkpoints_peek(config->out, &info, &found, &ignored) != CREAM_OK || !found ||
      !info.has_normalisation)
    return run_data_normalise_for(config, data, err);
  run_data_normalise(data, info.mean, info.std);
  return CREAM_OK;
}

/* The file of weights, and the checkpoint, may lie on rank 0's host alone. */
cream_status session_normalise(const run_options *options, run_data *data, cream_error *err) {
  cream_dataset *dataset = data->dataset;
  cream_status status = normalise(options, data, err);
  if (status == CREAM_OK) status = cluster_share(dataset->mean, sizeof dataset->mean, err);
  return status == CREAM_OK ? cluster_share(dataset->std, sizeof dataset->std, err) : status;
}

cream_listener session_listener(session *run) {
  return (cream_listener){on_event, run, signals_catch()};
}

cream_status session_open(session *run, const run_options *options, const run_data *data,
                          const cream_skeleton *skeleton, int images, const checkpoint_target *target,
                          cream_error *err) {
  cream_config kept = options->config;
  const cream_config *config = &kept;
  run_absolute_paths(&kept);
  memset(run, 0, sizeof *run);
  run->images = images;
  cream_status status = cluster_meet(err);                   /* a run that a rank refuses leaves no folder */
  if (status != CREAM_OK || !cluster_leads()) return status; /* rank 0 writes */
  status = options->resume ? cream_run_reopen(&run->folder, config->out, err)
                           : cream_run_open(&run->folder, config->out, options->force, err);
  if (status != CREAM_OK) return status;
  run->open = true;
  progress_init(&run->progress, skeleton);
  bool resumed = false;
  status = checkpoint_open(&run->checkpoints, &run->folder, target->command, config, err);
  cream_checkpoint_info *info = &run->checkpoints.info;
  info->has_normalisation = *config->weights != '\0';
  memcpy(info->mean, data->dataset->mean, sizeof info->mean);
  memcpy(info->std, data->dataset->std, sizeof info->std);
  if (status == CREAM_OK && options->resume)
    status = checkpoint_resume(&run->checkpoints, target, &resumed, err);
  if (status == CREAM_OK) status = cream_run_write_config(&run->folder, config, err);
  if (status == CREAM_OK)
    status =
        cream_run_write_split(&run->folder, config->data, config->seed,
                              data->dataset->count[CREAM_PART_TRAIN], data->heldout, data->n_heldout, err);
  if (status == CREAM_OK && !skeleton->fixed)
    status = cream_run_write_space(&run->folder, &skeleton->space, err);
  char command[sizeof info->command]; /* without its subcommand, the first of the words */
  snprintf(command, sizeof command, "%.*s", (int)strcspn(target->command, " "), target->command);
  const cream_origin origin = {command,         options->line.words, options->line.n_words,
                               config->threads, config->data,        data->dataset};
  return status == CREAM_OK ? cream_origin_write(&run->folder, &origin, resumed, err) : status;
}

static cream_status close_session(session *run, cream_status status, cream_error *err) {
  if (!run->open) return status;
  run->open = false;
  progress_end(&run->progress);
  status = checkpoint_close(&run->checkpoints, status, err);
  cream_error close_error;
  if (cream_run_close(&run->folder, &close_error) == CREAM_OK || status != CREAM_OK) return status;
  *err = close_error;
  return close_error.status;
}

/* What every result has. */
static void complete(const session *run, const run_options *options, cream_run_result *result) {
  result->data = options->config.data;
  result->seed = &options->config.seed;
  result->steps = run->step;
  result->planned_steps = run->planned_steps;
}

/* The files that an unfinished run can leave, as far as they exist: names[n + 1], ended by NULL. */
enum { MOST_FILES = 8 };
static void list_files(const session *run, const char *names[MOST_FILES + 1]) {
  static const char *const files[MOST_FILES] = {CREAM_RUN_CONFIG,   CREAM_RUN_METRICS, CREAM_RUN_SUMMARY,
                                                CREAM_RUN_EVENTS,   CREAM_RUN_BOARD,   CREAM_RUN_ARCH,
                                                CREAM_RUN_SUPERNET, CREAM_RUN_WEIGHTS};
  int n = 0;
  for (int i = 0; i < MOST_FILES; i++) {
    char path[CREAM_MAX_FILE_NAME];
    if (run->folder.dir[0] && !access(cream_run_file(&run->folder, files[i], path), F_OK))
      names[n++] = files[i];
  }
  names[n] = NULL;
}

/* The command that continues the run; "": it has no checkpoint. */
static void resume_command(const session *run, const char *command, char *text, size_t size) {
  cream_checkpoint_info info;
  bool found = false;
  text[0] = '\0';
  if (!run->folder.dir[0] || cream_checkpoints_peek(run->folder.dir, &info, &found, NULL) != CREAM_OK ||
      !found)
    return;
  snprintf(text, size, "cream %s --resume --out %s", command, run->folder.dir);
}

cream_status session_end(session *run, const run_options *options, cream_run_result *result, const char *left,
                         cream_status status, cream_error *err) {
  status = close_session(run, status, err);
  if (status == CREAM_OK) return CREAM_OK;
  char resume[1100];
  resume_command(run, result->command, resume, sizeof resume);
  if (status == CREAM_INTERRUPTED) {
    const cream_error reason = *err;
    cream_fail(err, status, "%.150s%s%.200s%s%s", reason.text, left ? "; " : "", left ? left : "",
               *resume ? "; continue with " : "", resume);
  }
  if (!options->json || run->printed) return status;
  const char *files[MOST_FILES + 1];
  list_files(run, files);
  complete(run, options, result);
  result->state = status == CREAM_INTERRUPTED ? "interrupted" : "failed";
  result->stopped_by = status == CREAM_INTERRUPTED ? "signal" : "error";
  result->reason = err->text;
  result->resume = *resume ? resume : NULL;
  result->files = files;
  if (run->folder.dir[0]) result->seconds = progress_now() - run->folder.start;
  cream_run_print_result(stdout, result);
  return status;
}

cream_status session_tested(session *run, const char *split, const run_test *test, cream_error *err) {
  cream_event event = {.kind = CREAM_EVENT_EVAL,
                       .phase = "test",
                       .step = run->step,
                       .epoch = run->epoch,
                       .split = split,
                       .detector = test->score.detector,
                       .accuracy = test->score.top1,
                       .top5 = test->score.top5,
                       .eval_loss = test->score.loss,
                       .images_per_second = test->images_per_second};
  return on_event(run, &event, err);
}

cream_status session_result(session *run, const run_options *options, cream_net *net,
                            cream_run_result *result, cream_error *err) {
  complete(run, options, result);
  result->state = "finished";
  result->stopped_by = run->step < run->planned_steps ? "time_budget" : "epochs";
  result->memory = cream_net_memory(net);
  result->seconds = progress_now() - run->folder.start;
  if (run->steps) result->images_per_second = (double)run->steps * (double)run->images / run->trained;
  cream_status status = cream_run_write_result(&run->folder, result, err);
  char path[CREAM_MAX_FILE_NAME];
  run->printed = status == CREAM_OK && options->json;
  if (run->printed) status = files_print(cream_run_file(&run->folder, CREAM_RUN_RESULT, path), err);
  return status;
}
