#include "retrain.h"

#include "schedule.h"
#include "train.h"

struct cream_retrain {
  cream_config config;
  cream_skeleton skeleton;
  cream_path path;
  cream_source *train_source, *heldout;
  cream_backend *backend;
  cream_train train;
  cream_buf ema_statistics;     /* averaged as the weights are, as timm does it */
  cream_buf spare, spare_stats; /* the trained values while averaged ones are evaluated */
  uint64_t step;
};

cream_status cream_retrain_create(cream_backend *backend, const cream_retrain_inputs *inputs,
                                  cream_retrain **out, cream_error *err) {
  *out = NULL;
  cream_retrain *run = calloc(1, sizeof *run);
  if (!run) return cream_fail_memory(err, sizeof *run, "a training run");
  run->backend = backend;
  run->config = *inputs->config;
  run->skeleton = *inputs->skeleton;
  run->path = cream_skeleton_first_path(&run->skeleton);
  run->train_source = inputs->train;
  run->heldout = inputs->heldout;
  const cream_retrain_config *config = &run->config.retrain;
  bool ema = config->ema > 0;
  int batch = config->batch;
  if (run->heldout && run->heldout->batch > batch) batch = run->heldout->batch;
  cream_train_options options = {.skeleton = &run->skeleton,
                                 .net = {.batch = batch, .train = true, .seed = run->config.seed},
                                 .second_moment = config->optim == CREAM_OPTIM_RMSPROP_TF,
                                 .ema = ema,
                                 .batch = config->batch,
                                 .time_budget = run->config.time_budget,
                                 .listener = inputs->listener};
  cream_status status =
      cream_train_check(&run->skeleton, run->train_source, config->epochs, config->batch, "retrain", err);
  if (!status) status = cream_train_init(&run->train, backend, &options, err);
  if (!status && ema) {
    cream_net *net = run->train.net;
    size_t statistics = cream_net_statistic_count(net);
    status = backend->alloc(backend, statistics, &run->ema_statistics, err);
    if (!status) status = backend->alloc(backend, statistics, &run->spare_stats, err);
    if (!status) status = backend->alloc(backend, cream_net_weight_count(net), &run->spare, err);
    if (!status) backend->copy(backend, run->ema_statistics, cream_net_statistics(net), statistics);
  }
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
  cream_train_destroy(&run->train);
  free(run);
}

/* The averaged weights and statistics become the net's. */
static void use_ema(cream_retrain *run) {
  cream_net *net = run->train.net;
  run->backend->copy(run->backend, cream_net_weights(net), run->train.blocks.ema,
                     cream_net_weight_count(net));
  run->backend->copy(run->backend, cream_net_statistics(net), run->ema_statistics,
                     cream_net_statistic_count(net));
}

static cream_status evaluate(cream_retrain *run, cream_event *event, const char *split, cream_error *err) {
  cream_score score;
  cream_status status =
      cream_evaluate(run->train.net, &run->path, run->heldout, CREAM_BN_RUNNING, 0, &score, err);
  if (status) return status;
  event->kind = CREAM_EVENT_EVAL;
  event->accuracy = score.top1;
  event->top5 = score.top5;
  event->eval_loss = score.loss;
  event->split = split;
  return cream_train_emit(&run->train, event, err);
}

/* Trained and averaged weights on the held-out images. */
static cream_status evaluate_both(cream_retrain *run, cream_event event, cream_error *err) {
  cream_backend *backend = run->backend;
  cream_net *net = run->train.net;
  cream_status status = evaluate(run, &event, "heldout", err);
  if (status || !cream_buf_present(run->spare)) return status;
  size_t weights = cream_net_weight_count(net), statistics = cream_net_statistic_count(net);
  backend->copy(backend, run->spare, cream_net_weights(net), weights);
  backend->copy(backend, run->spare_stats, cream_net_statistics(net), statistics);
  use_ema(run);
  status = evaluate(run, &event, "heldout-ema", err);
  backend->copy(backend, cream_net_weights(net), run->spare, weights);
  backend->copy(backend, cream_net_statistics(net), run->spare_stats, statistics);
  return status;
}

static void average_statistics(cream_retrain *run, double decay) {
  size_t count = cream_net_statistic_count(run->train.net);
  float part = (float)(1 - decay);
  run->backend->axpy(run->backend, run->ema_statistics, -part, run->ema_statistics, count);
  run->backend->axpy(run->backend, run->ema_statistics, part, cream_net_statistics(run->train.net), count);
}

static cream_status run_step(cream_retrain *run, uint64_t per_epoch, cream_event *event, cream_error *err) {
  const cream_retrain_config *config = &run->config.retrain;
  cream_train *train = &run->train;
  cream_batch batch;
  cream_status status =
      run->train_source->read(run->train_source, (uint64_t)event->epoch, run->step % per_epoch, &batch, err);
  if (status) return status;
  cream_tensor x = cream_train_upload(train, run->train_source, &batch);
  cream_buf logits = cream_net_forward_train(train->net, &run->path, &x, CREAM_BN_TRAIN, 0.1f,
                                             (float)config->dropout, run->config.seed, run->step);
  cream_loss loss = {.hard = 1, .smoothing = (float)config->smoothing, .labels = train->labels};
  cream_train_loss(train, &loss, logits, x.n);
  cream_net_backward(train->net, cream_net_dlogits(train->net));
  event->lr = cream_lr_at(&config->lr, run->step, event->steps, per_epoch, config->batch);
  cream_optim optim = {.kind = config->optim,
                       .lr = (float)event->lr,
                       .momentum = (float)config->momentum,
                       .weight_decay = (float)config->weight_decay,
                       .alpha = 0.9f,
                       .eps = 1e-3f,
                       .ema_decay = (float)config->ema,
                       .nesterov = config->optim == CREAM_OPTIM_SGD};
  cream_train_update(train, &run->path, &optim);
  if (config->ema > 0) average_statistics(run, config->ema);
  event->path = &run->path;
  if ((status = cream_train_result(train, event, "retrain.lr.lr", err))) return status;
  event->kind = CREAM_EVENT_STEP;
  event->step = ++run->step;
  event->waited = run->train_source->waited;
  return cream_train_emit(train, event, err);
}

cream_status cream_retrain_run(cream_retrain *run, cream_error *err) {
  const cream_retrain_config *config = &run->config.retrain;
  cream_train *train = &run->train;
  uint64_t per_epoch = cream_source_steps(run->train_source, true);
  cream_event event = {.kind = CREAM_EVENT_START,
                       .phase = "retrain",
                       .steps = per_epoch * (uint64_t)config->epochs,
                       .epochs = config->epochs,
                       .rho = -1};
  cream_status status = cream_train_emit(train, &event, err);
  cream_train_begin_epoch(train, run->step);
  while (!status && run->step < event.steps && !cream_train_out_of_time(train)) {
    if (cream_train_stopped(train)) {
      if (config->ema > 0) use_ema(run);
      return cream_fail(err, CREAM_INTERRUPTED, "interrupted after step %llu", (unsigned long long)run->step);
    }
    event.epoch = (int)(run->step / per_epoch);
    status = run_step(run, per_epoch, &event, err);
    if (status || run->step % per_epoch != 0) continue;
    event.epoch++;
    bool last = run->step == event.steps;
    if (run->heldout && (last || (config->eval_every > 0 && event.epoch % config->eval_every == 0)))
      status = evaluate_both(run, event, err);
    event.kind = CREAM_EVENT_EPOCH;
    if (!status) status = cream_train_emit(train, &event, err);
    cream_train_begin_epoch(train, run->step);
  }
  if (!status && config->ema > 0) use_ema(run);
  return status;
}

cream_net *cream_retrain_net(cream_retrain *run) {
  return run->train.net;
}
