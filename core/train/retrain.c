#include "retrain.h"

#include <math.h>

#include "core/base/elementary.h"
#include "freeze.h"
#include "retrain_task.h"
#include "schedule.h"

struct cream_retrain {
  cream_config config;
  cream_skeleton skeleton;
  cream_path path;
  cream_backend *backend;
  cream_train train;
  retrain_task task;
  cream_buf ema_statistics;     /* averaged as the weights are, as timm does it */
  cream_buf spare, spare_stats; /* the trained values while the net holds averaged ones */
  cream_retrain_kind held;      /* by the net */
  cream_retrain_choice choice;  /* its scores are those of step `scored` */
  uint64_t scored, step;
  cream_external *teacher; /* NULL: none */
  uint64_t taught_by;      /* its fingerprint, in the state */
};

/* The largest batch of forward passes. */
static int largest_batch(const cream_retrain_inputs *inputs, bool detector) {
  int batch = inputs->config->retrain.batch,
      evaluated = detector ? retrain_boxes_evaluated(inputs) : retrain_images_evaluated(inputs);
  return evaluated > batch ? evaluated : batch;
}

static cream_status alloc_average(cream_retrain *run, cream_error *err) {
  cream_backend *backend = run->backend;
  size_t statistics = cream_net_statistic_count(run->train.net);
  cream_status status = backend->alloc(backend, statistics, &run->ema_statistics, err);
  if (!status) status = backend->alloc(backend, statistics, &run->spare_stats, err);
  return status ? status : backend->alloc(backend, cream_net_weight_count(run->train.net), &run->spare, err);
}

cream_status cream_retrain_create(cream_backend *backend, const cream_retrain_inputs *inputs,
                                  cream_retrain **out, cream_error *err) {
  *out = NULL;
  cream_retrain *run = calloc(1, sizeof *run);
  if (!run) return cream_fail_memory(err, sizeof *run, "a training run");
  run->backend = backend;
  run->config = *inputs->config;
  run->skeleton = *inputs->skeleton;
  run->path = cream_skeleton_first_path(&run->skeleton);
  const cream_retrain_config *config = &run->config.retrain;
  const bool ema = config->ema > 0, detector = run->skeleton.detect.kind != CREAM_DETECT_NONE;
  int frozen = 0;
  cream_status status = cream_freeze_parse(&run->skeleton, config->freeze, &frozen, err);
  cream_train_options options = {.skeleton = &run->skeleton,
                                 .net = {.batch = largest_batch(inputs, detector),
                                         .train = true,
                                         .seed = run->config.seed,
                                         .drop_path = config->drop_path,
                                         .frozen = frozen},
                                 .optim = config->optim,
                                 .ema = ema,
                                 .batch = config->batch,
                                 .accumulate = config->accumulate,
                                 .cluster = inputs->cluster,
                                 .half = run->config.cluster.exchange == CREAM_EXCHANGE_HALF,
                                 .check_every = run->config.cluster.check_every,
                                 .time_budget = run->config.time_budget,
                                 .listener = inputs->listener,
                                 .checkpointer = inputs->checkpointer,
                                 .on_nan = run->config.on_nan};
  const retrain_scope scope = {&run->config, &run->path, &run->train, &run->teacher};
  if (!status) status = detector ? retrain_boxes_check(inputs, err) : retrain_images_check(inputs, err);
  if (!status) status = cream_train_init(&run->train, backend, &options, err);
  if (!status)
    status = detector ? retrain_boxes_create(inputs, &scope, &run->task, err)
                      : retrain_images_create(inputs, &scope, &run->task, err);
  if (!status && ema) status = alloc_average(run, err);
  if (status)
    cream_retrain_destroy(run);
  else
    *out = run;
  return status;
}

void cream_retrain_destroy(cream_retrain *run) {
  if (!run) return;
  cream_buf *buffers[] = {&run->ema_statistics, &run->spare, &run->spare_stats};
  for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++)
    if (cream_buf_present(*buffers[i])) run->backend->release(run->backend, *buffers[i]);
  if (run->task.destroy) run->task.destroy(run->task.self);
  cream_train_destroy(&run->train);
  free(run);
}

static void copy_values(cream_retrain *run, cream_buf weights, cream_buf statistics, cream_buf from_weights,
                        cream_buf from_statistics) {
  run->backend->copy(run->backend, weights, from_weights, cream_net_weight_count(run->train.net));
  run->backend->copy(run->backend, statistics, from_statistics, cream_net_statistic_count(run->train.net));
}

static bool has_average(const cream_retrain *run) {
  return cream_buf_present(run->spare);
}

/* The trained values are in `spare` while the net holds averaged ones. */
bool cream_retrain_use(cream_retrain *run, cream_retrain_kind kind) {
  cream_buf weights = cream_net_weights(run->train.net), statistics = cream_net_statistics(run->train.net);
  if (!has_average(run)) return false;
  if (run->held == kind) return true;
  run->held = kind;
  if (kind == CREAM_RETRAIN_AVERAGED) {
    copy_values(run, run->spare, run->spare_stats, weights, statistics);
    copy_values(run, weights, statistics, run->train.blocks.ema, run->ema_statistics);
  } else {
    copy_values(run, weights, statistics, run->spare, run->spare_stats);
  }
  return true;
}

static const char *const splits[] = {"heldout", "heldout-ema"};
_Static_assert(sizeof splits / sizeof *splits == CREAM_RETRAIN_KINDS, "a word for each kind of weights");

/* Trained and averaged weights on the held-out images. Emits the scores if `event` is not NULL. */
static cream_status evaluate_both(cream_retrain *run, const cream_event *event, cream_error *err) {
  cream_status status = CREAM_OK;
  run->choice.evaluated = false;
  for (int kind = 0; kind < (has_average(run) ? CREAM_RETRAIN_KINDS : 1) && !status; kind++) {
    cream_score *score = &run->choice.heldout[kind];
    cream_retrain_use(run, (cream_retrain_kind)kind);
    status = run->task.evaluate(run->task.self, score, err);
    if (status || !event) continue;
    cream_event scored = *event;
    scored.kind = CREAM_EVENT_EVAL;
    scored.accuracy = score->top1;
    scored.top5 = score->top5;
    scored.eval_loss = score->loss;
    scored.split = splits[kind];
    status = cream_train_emit(&run->train, &scored, err);
  }
  cream_retrain_use(run, CREAM_RETRAIN_TRAINED);
  run->choice.evaluated = !status;
  run->scored = run->step;
  return status;
}

bool cream_retrain_average_is_young(const cream_retrain_config *config, double steps, double *share) {
  *share = cream_pow(config->ema, steps);
  return *share > 0.05;
}

static cream_retrain_kind choose(const cream_retrain *run) {
  const cream_score *trained = &run->choice.heldout[CREAM_RETRAIN_TRAINED];
  const cream_score *averaged = &run->choice.heldout[CREAM_RETRAIN_AVERAGED];
  double share;
  if (!has_average(run)) return CREAM_RETRAIN_TRAINED;
  switch (run->config.retrain.weights) {
  case CREAM_FINAL_TRAINED:
    return CREAM_RETRAIN_TRAINED;
  case CREAM_FINAL_AVERAGED:
    return CREAM_RETRAIN_AVERAGED;
  case CREAM_FINAL_BEST:
  case CREAM_FINAL_COUNT:
    break;
  }
  bool better;
  if (!run->choice.evaluated)
    better = cream_retrain_average_is_young(&run->config.retrain, (double)run->step, &share);
  else if (trained->top1 != averaged->top1)
    better = trained->top1 > averaged->top1;
  else
    better = trained->loss < averaged->loss;
  return better ? CREAM_RETRAIN_TRAINED : CREAM_RETRAIN_AVERAGED;
}

/* Leaves the weights of retrain.weights in the net. A training that was resumed after its last step has evaluated
 * nothing, and logs nothing again. `ended`: it was not interrupted. */
static cream_status finish(cream_retrain *run, bool ended, cream_error *err) {
  cream_status status = CREAM_OK;
  if (ended && run->task.heldout && !(run->choice.evaluated && run->scored == run->step))
    status = evaluate_both(run, NULL, err);
  run->choice.kind = choose(run);
  cream_retrain_use(run, run->choice.kind);
  if (!ended) run->choice.evaluated = false;
  return status;
}

size_t cream_retrain_messages(const cream_retrain *run) {
  return cream_train_messages(&run->train);
}

cream_retrain_choice cream_retrain_chosen(const cream_retrain *run) {
  return run->choice;
}

/* Frozen statistics stay as they are: rounding would change their average. */
static void average_statistics(cream_retrain *run, double decay) {
  cream_net *net = run->train.net;
  size_t first = cream_net_frozen_statistics(net), count = cream_net_statistic_count(net) - first;
  if (count == 0) return;
  cream_buf average = cream_buf_at(run->ema_statistics, first);
  float part = (float)(1 - decay);
  run->backend->axpy(run->backend, average, -part, average, count);
  run->backend->axpy(run->backend, average, part, cream_buf_at(cream_net_statistics(net), first), count);
}

static cream_optim optimiser(const cream_retrain_config *config, double lr, uint64_t step) {
  bool adam = config->optim == CREAM_OPTIM_ADAM || config->optim == CREAM_OPTIM_ADAMW;
  double alpha = config->alpha > 0 ? config->alpha : adam ? 0.999 : 0.9;
  double eps = config->eps > 0 ? config->eps : adam ? 1e-8 : 1e-3;
  return (cream_optim){.kind = config->optim,
                       .lr = (float)lr,
                       .momentum = (float)config->momentum,
                       .weight_decay = (float)config->weight_decay,
                       .alpha = (float)alpha,
                       .eps = (float)eps,
                       .ema_decay = (float)config->ema,
                       .nesterov = config->nesterov,
                       .step = step + 1};
}

static uint64_t steps_of_epoch(const cream_retrain *run) {
  return run->task.batches / (uint64_t)run->config.retrain.accumulate;
}

/* Gradients of the present part of this step. With retrain.teacher.epochs, the images of the first epochs come again. */
static cream_status run_part(cream_retrain *run, uint64_t per_epoch, cream_error *err) {
  const cream_train *train = &run->train;
  const cream_retrain_config *config = &run->config.retrain;
  const uint64_t step = run->step % (per_epoch * cream_external_epochs(&config->teacher, config->epochs));
  const retrain_batch batch = {.epoch = step / per_epoch,
                               .at = cream_train_batch_number(train, step % per_epoch),
                               .images = cream_train_batch_number(train, step),
                               .draw = cream_train_batch_number(train, run->step)};
  return run->task.part(run->task.self, &batch, err);
}

static cream_status run_step(cream_retrain *run, uint64_t per_epoch, cream_event *event, cream_error *err) {
  const cream_retrain_config *config = &run->config.retrain;
  cream_train *train = &run->train;
  cream_status status = CREAM_OK;
  cream_train_begin_step(train);
  for (int part = 0; part < train->parts.own && !status; part++) {
    cream_train_begin_part(train, part);
    status = run_part(run, per_epoch, err);
  }
  if (!status) status = cream_train_end_step(train, err);
  if (!status) status = cream_train_clip(train, &run->path, config->clip, err);
  if (status) return status;
  event->lr = train->lr_scale * cream_lr_at(&config->lr, run->step, event->steps, per_epoch,
                                            config->batch * config->accumulate);
  cream_optim optim = optimiser(config, event->lr, run->step);
  cream_train_update_groups(train, &run->path, &optim, config->lr_backbone);
  if (config->ema > 0) average_statistics(run, config->ema);
  event->path = &run->path;
  if ((status = cream_train_result(train, event, "retrain.lr.lr", err))) return status;
  event->kind = CREAM_EVENT_STEP;
  event->step = ++run->step;
  event->waited = run->task.waited(run->task.self);
  return cream_train_emit(train, event, err);
}

void cream_retrain_state(cream_retrain *run, cream_state *state) {
  *state = (cream_state){.backend = run->backend, .step = run->step};
  cream_state_add_host(state, "step", CREAM_STATE_U64, &run->step, 1);
  cream_train_state(&run->train, state);
  cream_state_add_device(state, "ema.statistics", run->ema_statistics,
                         cream_net_statistic_count(run->train.net));
  if (run->teacher) cream_state_add_host(state, "teacher", CREAM_STATE_U64, &run->taught_by, 1);
}

void cream_retrain_teach(cream_retrain *run, cream_external *teacher) {
  run->teacher = teacher;
  run->taught_by = teacher ? cream_external_fingerprint(teacher) : 0;
}

cream_status cream_retrain_restored(cream_retrain *run, cream_error *err) {
  cream_status status = cream_train_restored(&run->train, err);
  return status || !run->teacher ? status
                                 : cream_external_check(run->teacher, "retrain.teacher", run->taught_by, err);
}

static cream_status checkpoint(cream_retrain *run, cream_error *err) {
  cream_state state;
  cream_retrain_state(run, &state);
  return cream_train_save(&run->train, &state, err);
}

static cream_status roll_back(cream_retrain *run, cream_error *err) {
  cream_state state;
  cream_retrain_state(run, &state);
  cream_status status = cream_train_roll_back(&run->train, &state, &run->step, err);
  run->choice.evaluated = false;
  return status ? status : cream_retrain_restored(run, err);
}

/* Whether the network is evaluated after epoch `epoch` (from 1). */
static bool evaluation_due(const cream_retrain *run, int epoch) {
  int every = run->config.retrain.eval_every;
  return epoch == run->config.retrain.epochs || (every > 0 && epoch % every == 0);
}

/* Evaluates if it is due, and emits the event. */
static cream_status end_epoch(cream_retrain *run, cream_event *event, cream_error *err) {
  cream_status status = CREAM_OK;
  event->epoch++;
  if (run->task.heldout && evaluation_due(run, event->epoch)) status = evaluate_both(run, event, err);
  event->waited = run->task.waited(run->task.self);
  event->kind = CREAM_EVENT_EPOCH;
  if (!status) status = cream_train_emit(&run->train, event, err);
  cream_train_begin_epoch(&run->train, run->step);
  return status;
}

/* Evaluates after a time budget has ended the training, unless the last step ended an epoch that was evaluated. */
static cream_status evaluate_early_end(cream_retrain *run, cream_event event, uint64_t per_epoch,
                                       cream_error *err) {
  event.step = run->step;
  event.epoch = (int)((run->step + per_epoch - 1) / per_epoch);
  bool whole = run->step > 0 && run->step % per_epoch == 0;
  if (!run->task.heldout || (whole && evaluation_due(run, event.epoch))) return CREAM_OK;
  return evaluate_both(run, &event, err);
}

cream_status cream_retrain_run(cream_retrain *run, cream_error *err) {
  cream_error unwanted; /* a rollback reports the reason */
  if (!err) err = &unwanted;
  const cream_retrain_config *config = &run->config.retrain;
  cream_train *train = &run->train;
  uint64_t per_epoch = steps_of_epoch(run);
  cream_event event = {.kind = CREAM_EVENT_START,
                       .phase = "retrain",
                       .step = run->step,
                       .steps = per_epoch * (uint64_t)config->epochs,
                       .epochs = config->epochs,
                       .detector = run->task.detector,
                       .rho = -1};
  if (run->step == 0 && config->ema > 0) /* the weights may be loaded ones */
    copy_values(run, train->blocks.ema, run->ema_statistics, train->blocks.w,
                cream_net_statistics(train->net));
  cream_status status = cream_train_compare(train, run->step, err);
  if (!status) status = cream_train_emit(train, &event, err);
  cream_train_begin_epoch(train, run->step);
  run->task.announce(run->task.self);
  while (!status && run->step < event.steps) {
    cream_train_ending ending;
    bool due = false;
    if ((status = cream_train_ends(train, run->step, &ending, err)) || ending.late) break;
    if (ending.stopped) {
      if ((status = checkpoint(run, err))) return status;
      finish(run, false, err);
      return cream_fail(err, CREAM_INTERRUPTED, "interrupted after step %llu", (unsigned long long)run->step);
    }
    event.epoch = (int)(run->step / per_epoch);
    status = run_step(run, per_epoch, &event, err);
    bool epoch_end = run->step % per_epoch == 0;
    if (!status && epoch_end) status = end_epoch(run, &event, err);
    if (!status) status = cream_train_due(train, run->step, epoch_end, &due, err);
    if (!status && due) status = checkpoint(run, err);
    if (status && cream_train_may_roll_back(train)) status = roll_back(run, err);
  }
  if (!status && run->step < event.steps) status = cream_train_emit_budget(train, &event, run->step, err);
  if (!status) status = checkpoint(run, err);
  if (!status) status = evaluate_early_end(run, event, per_epoch, err);
  return status ? status : finish(run, true, err);
}

uint64_t cream_retrain_step(const cream_retrain *run) {
  return run->step;
}
uint64_t cream_retrain_steps(const cream_retrain *run) {
  return steps_of_epoch(run) * (uint64_t)run->config.retrain.epochs;
}
cream_net *cream_retrain_net(cream_retrain *run) {
  return run->train.net;
}
