#include "session.h"

#include <string.h>

#include "files.h"
#include "io/run/origin.h"
#include "tools/cli/signals.h"

cream_status session_check_out(const cream_config *config, cream_error *err) {
  if (*config->out) return CREAM_OK;
  return cream_fail(err, CREAM_BAD_CONFIG,
                    "no run folder: expected --out DIR, a folder for the files of the run");
}

static cream_status on_event(void *self, const cream_event *event, cream_error *err) {
  session *run = self;
  progress_event(&run->progress, event);
  if (event->kind == CREAM_EVENT_START) run->trained_from = progress_now();
  if (event->kind == CREAM_EVENT_STEP) {
    run->steps++;
    run->trained = progress_now() - run->trained_from;
  }
  return cream_run_on_event(&run->folder, event, err);
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
  cream_status status = options->resume ? cream_run_reopen(&run->folder, config->out, err)
                                        : cream_run_open(&run->folder, config->out, options->force, err);
  if (status != CREAM_OK) return status;
  run->open = true;
  progress_init(&run->progress, skeleton);
  bool resumed = false;
  status = checkpoint_open(&run->checkpoints, &run->folder, target->command, config, err);
  if (status == CREAM_OK && options->resume)
    status = checkpoint_resume(&run->checkpoints, target, &resumed, err);
  if (status == CREAM_OK) status = cream_run_write_config(&run->folder, config, err);
  if (status == CREAM_OK)
    status =
        cream_run_write_split(&run->folder, config->data, config->seed,
                              data->dataset->count[CREAM_PART_TRAIN], data->heldout, data->n_heldout, err);
  if (status == CREAM_OK && !skeleton->fixed)
    status = cream_run_write_space(&run->folder, &skeleton->space, err);
  const cream_origin origin = {target->command, options->line.words, options->line.n_words,
                               config->threads, config->data,        data->dataset};
  return status == CREAM_OK ? cream_origin_write(&run->folder, &origin, resumed, err) : status;
}

cream_status session_close(session *run, cream_status status, cream_error *err) {
  if (!run->open) return status;
  run->open = false;
  progress_end(&run->progress);
  status = checkpoint_close(&run->checkpoints, status, err);
  cream_error close_error;
  if (cream_run_close(&run->folder, &close_error) == CREAM_OK || status != CREAM_OK) return status;
  *err = close_error;
  return close_error.status;
}

cream_status session_tested(session *run, const char *split, const run_test *test, cream_error *err) {
  cream_event event = {.kind = CREAM_EVENT_EVAL,
                       .phase = "test",
                       .split = split,
                       .accuracy = test->score.top1,
                       .top5 = test->score.top5,
                       .eval_loss = test->score.loss,
                       .images_per_second = test->images_per_second};
  return on_event(run, &event, err);
}

cream_status session_result(const session *run, const run_options *options, cream_net *net,
                            cream_run_result *result, cream_error *err) {
  result->memory = cream_net_memory(net);
  result->seconds = progress_now() - run->folder.start;
  if (run->steps) result->images_per_second = (double)run->steps * (double)run->images / run->trained;
  cream_status status = cream_run_write_result(&run->folder, result, err);
  char path[CREAM_MAX_FILE_NAME];
  if (status == CREAM_OK && options->json)
    status = files_print(cream_run_file(&run->folder, CREAM_RUN_RESULT, path), err);
  return status;
}
