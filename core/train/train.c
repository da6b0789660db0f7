#include "train_internal.h"

#include <math.h>
#include <time.h>

#include "core/base/elementary.h"

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* The moments and averages of the weights. */
static cream_status alloc_blocks(cream_train *train, const cream_train_options *options, cream_error *err) {
  cream_backend *backend = train->backend;
  const size_t weights = cream_net_weight_count(train->net);
  train->blocks.w = cream_net_weights(train->net);
  train->blocks.g = cream_net_gradients(train->net);
  cream_status status = backend->alloc(backend, weights, &train->blocks.m, err);
  bool squares = options->optim != CREAM_OPTIM_SGD;
  if (!status && squares) status = backend->alloc(backend, weights, &train->blocks.v, err);
  if (!status && options->ema) status = backend->alloc(backend, weights, &train->blocks.ema, err);
  return status;
}

static cream_status alloc_step(cream_train *train, const cream_train_options *options, cream_error *err) {
  cream_backend *backend = train->backend;
  cream_status status = backend->alloc(backend, (size_t)options->net.batch, &train->labels, err);
  if (!status) status = backend->alloc(backend, 4, &train->result, err);
  if (!status) status = train_init_parts(train, options, err);
  size_t slices = (size_t)cream_net_max_slices(train->net);
  if (!status) status = backend->alloc(backend, slices, &train->norms, err);
  train->slices = malloc(slices * sizeof *train->slices);
  train->host_norms = malloc(slices * sizeof *train->host_norms);
  if (!status && (!train->slices || !train->host_norms))
    status = cream_fail_memory(err, slices * sizeof *train->slices, "the slices of a path");
  return status;
}

cream_status cream_train_init(cream_train *train, cream_backend *backend, const cream_train_options *options,
                              cream_error *err) {
  *train = (cream_train){.backend = backend,
                         .listener = options->listener,
                         .time_budget = options->time_budget,
                         .batch = options->batch,
                         .cluster = options->cluster,
                         .check_every = options->check_every,
                         .checkpointer = options->checkpointer,
                         .on_nan = options->on_nan,
                         .lr_scale = 1};
  cream_status status = cream_net_create(backend, options->skeleton, &options->net, &train->net, err);
  if (status) return status;
  status = alloc_blocks(train, options, err);
  if (!status) status = alloc_step(train, options, err);
  if (status) {
    cream_train_destroy(train);
    return status;
  }
  size_t weights = cream_net_weight_count(train->net);
  if (options->optim == CREAM_OPTIM_RMSPROP_TF) backend->fill(backend, train->blocks.v, weights, 1);
  if (options->ema) backend->copy(backend, train->blocks.ema, train->blocks.w, weights);
  train->fingerprint = cream_net_fingerprint(train->net);
  train->started = train->epoch_started = now();
  return CREAM_OK;
}

void cream_train_destroy(cream_train *train) {
  cream_buf *buffers[] = {&train->blocks.m, &train->blocks.v, &train->blocks.ema,
                          &train->labels,   &train->result,   &train->norms};
  for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++)
    if (cream_buf_present(*buffers[i])) train->backend->release(train->backend, *buffers[i]);
  train_destroy_parts(train);
  cream_net_destroy(train->net);
  free(train->slices);
  free(train->host_norms);
  *train = (cream_train){0};
}

cream_tensor cream_train_upload(cream_train *train, const cream_source *source, const cream_batch *batch) {
  cream_backend *backend = train->backend;
  cream_tensor x = cream_net_input(train->net, batch->n, batch->side);
  backend->upload_pixels(backend, &x, batch->pixels, source->mean, source->std);
  backend->upload(backend, train->labels, batch->labels, (size_t)batch->n);
  return x;
}

void cream_train_loss(cream_train *train, const cream_loss *loss, cream_buf logits, int n) {
  int classes = cream_net_skeleton(train->net)->classes;
  train->backend->loss(train->backend, loss, logits, n, classes, cream_net_dlogits(train->net),
                       train->result);
}

void cream_train_update(cream_train *train, const cream_path *path, const cream_optim *optim) {
  int n = cream_net_slices(train->net, path, train->slices);
  train->backend->optim_step(train->backend, optim, train->slices, n, &train->blocks);
}

void cream_train_update_groups(cream_train *train, const cream_path *path, const cream_optim *optim,
                               double backbone) {
  cream_backend *backend = train->backend;
  if (backbone == 1) {
    cream_train_update(train, path, optim);
    return;
  }
  cream_optim slower = *optim;
  slower.lr = (float)(backbone * optim->lr);
  int n = cream_net_backbone_slices(train->net, path, train->slices);
  backend->optim_step(backend, &slower, train->slices, n, &train->blocks);
  n = cream_net_classifier_slices(train->net, train->slices);
  backend->optim_step(backend, optim, train->slices, n, &train->blocks);
}

/* The first layer whose running statistics are not finite; "" if there is none. Only the forward pass changes running
 * statistics, so the values became infinite there. */
static void find_layer(const cream_train *train, char *text, size_t size) {
  cream_net *net = train->net;
  int count;
  const cream_param *params = cream_net_params(net, &count);
  size_t statistics = cream_net_statistic_count(net);
  float *values = malloc(statistics * sizeof *values + 1);
  text[0] = 0;
  if (values &&
      !train->backend->download(train->backend, values, cream_net_statistics(net), statistics, NULL))
    for (int i = 0; i < count && !text[0]; i++)
      for (size_t v = 0; params[i].statistic && v < params[i].count && !text[0]; v++)
        if (!isfinite(values[params[i].offset + v])) snprintf(text, size, " at layer %s", params[i].name);
  free(values);
}

static cream_status fail_diverged(const cream_train *train, const cream_event *event, const char *lr_key,
                                  cream_error *err) {
  char path[256], layer[128];
  cream_path_format(cream_net_skeleton(train->net), event->path, path, sizeof path);
  find_layer(train, layer, sizeof layer);
  return cream_fail(err, CREAM_FAILED,
                    "step %llu: the loss is %g on path %s%s; lower %s (now %g at this step)%s",
                    (unsigned long long)event->step, event->loss, path, layer, lr_key, event->lr,
                    train->on_nan == CREAM_ON_NAN_STOP ? ", or --on-nan rollback" : "");
}

cream_status cream_train_result(cream_train *train, cream_event *event, const char *lr_key,
                                cream_error *err) {
  float result[4];
  cream_status status = train->backend->download(train->backend, result, train->result, 4, err);
  if (status) return status;
  event->loss = result[0];
  event->hard = result[1];
  event->soft = result[2];
  event->accuracy = result[3] / (double)train->batch;
  int classes = cream_net_skeleton(train->net)->classes;
  train->diverged = !(event->loss <= 1000 * cream_log(classes > 2 ? classes : 2));
  return train->diverged ? fail_diverged(train, event, lr_key, err) : CREAM_OK;
}

cream_status cream_train_emit(cream_train *train, cream_event *event, cream_error *err) {
  double seconds = now() - train->epoch_started;
  uint64_t steps = event->step - train->epoch_first_step;
  event->images_per_second = seconds > 0 ? (double)steps * train->batch * train->parts.count / seconds : 0;
  event->waited_network = train->cluster ? train->cluster->waited : 0;
  if (!train->listener.on_event || cream_cluster_rank(train->cluster) > 0) return CREAM_OK;
  return train->listener.on_event(train->listener.self, event, err);
}

cream_status cream_train_emit_budget(cream_train *train, const cream_event *event, uint64_t step,
                                     cream_error *err) {
  char text[200];
  snprintf(text, sizeof text,
           "the time budget of %g minutes ended the training after step %llu of %llu; the measurements that "
           "follow are not part of it",
           train->time_budget, (unsigned long long)step, (unsigned long long)event->steps);
  cream_event note = {.kind = CREAM_EVENT_NOTE,
                      .phase = event->phase,
                      .step = step,
                      .epoch = event->epoch,
                      .rho = -1,
                      .note = text};
  return cream_train_emit(train, &note, err);
}

void cream_train_begin_epoch(cream_train *train, uint64_t step) {
  train->epoch_started = now();
  train->epoch_first_step = step;
}

void cream_train_state(cream_train *train, cream_state *state) {
  size_t weights = cream_net_weight_count(train->net);
  train->seconds = now() - train->started;
  state->seconds = &train->seconds;
  cream_state_add_host(state, "network", CREAM_STATE_U64, &train->fingerprint, 1);
  cream_state_add_host(state, "lr_scale", CREAM_STATE_F64, &train->lr_scale, 1);
  cream_state_add_host(state, "rollbacks", CREAM_STATE_U64, &train->rollbacks, 1);
  cream_state_add_device(state, "weights", train->blocks.w, weights);
  cream_state_add_device(state, "statistics", cream_net_statistics(train->net),
                         cream_net_statistic_count(train->net));
  cream_state_add_device(state, "optimiser.m", train->blocks.m, weights);
  cream_state_add_device(state, "optimiser.v", train->blocks.v, weights);
  cream_state_add_device(state, "ema", train->blocks.ema, weights);
}

cream_status cream_train_restored(cream_train *train, cream_error *err) {
  uint64_t own = cream_net_fingerprint(train->net);
  train->started = now() - train->seconds;
  if (train->fingerprint == own) return CREAM_OK;
  train->fingerprint = own;
  return cream_fail(err, CREAM_BAD_DATA, "the checkpoint belongs to a different network");
}

cream_status cream_train_save(cream_train *train, const cream_state *state, cream_error *err) {
  if (!train->checkpointer.save) return CREAM_OK;
  cream_status status = cream_train_compare(train, state->step, err);
  if (status) return status;
  status = train->checkpointer.save(train->checkpointer.self, state, err);
  if (status != CREAM_BAD_DATA) return status;
  train->diverged = true;
  if (err) err->status = CREAM_FAILED;
  return CREAM_FAILED;
}

bool cream_train_may_roll_back(const cream_train *train) {
  return train->diverged && train->on_nan == CREAM_ON_NAN_ROLLBACK && train->checkpointer.restore &&
         train->rollbacks < CREAM_MAX_ROLLBACKS;
}

cream_status cream_train_roll_back(cream_train *train, const cream_state *state, const uint64_t *step,
                                   cream_error *err) {
  double scale = train->lr_scale / 2;
  uint64_t rollbacks = train->rollbacks + 1;
  cream_error reason = *err;
  cream_status status = train->checkpointer.restore(train->checkpointer.self, state, err);
  if (status) return status;
  train->diverged = false;
  train->lr_scale = scale;
  train->rollbacks = rollbacks;
  char text[700];
  snprintf(text, sizeof text,
           "%.400s: went back to step %llu and halved the learning rate (%llu of at most %d times)",
           reason.text, (unsigned long long)*step, (unsigned long long)rollbacks, CREAM_MAX_ROLLBACKS);
  cream_event event = {.kind = CREAM_EVENT_NOTE, .step = *step, .rho = -1, .note = text};
  return cream_train_emit(train, &event, err);
}

bool train_out_of_time(const cream_train *train) {
  return train->time_budget > 0 && now() - train->started > 60 * train->time_budget;
}

cream_status cream_train_check(const cream_skeleton *skeleton, const cream_source *source,
                               const cream_train_settings *s, cream_error *err) {
  if (s->epochs < 1)
    return cream_fail(err, CREAM_BAD_CONFIG, "%s.epochs: got %d, expected at least 1", s->section, s->epochs);
  if (s->batch < 1)
    return cream_fail(err, CREAM_BAD_CONFIG, "%s.batch: got %d, expected at least 1", s->section, s->batch);
  if (s->accumulate < 1)
    return cream_fail(err, CREAM_BAD_CONFIG, "%s.accumulate: got %d, expected at least 1", s->section,
                      s->accumulate);
  if ((size_t)s->batch > source->count)
    return cream_fail(err, CREAM_BAD_CONFIG, "%s.batch: got %d, expected at most the %zu training images",
                      s->section, s->batch, source->count);
  if (skeleton->classes != source->classes)
    return cream_fail(err, CREAM_BAD_CONFIG,
                      "classes: the network has %d and the data %d; they must be the same", skeleton->classes,
                      source->classes);
  if (cream_source_steps(source, true) < (size_t)s->accumulate)
    return cream_fail(err, CREAM_BAD_CONFIG,
                      "%s.accumulate: got %d batches of %d, expected at most the %zu training images",
                      s->section, s->accumulate, s->batch, source->count);
  return cream_parts_check(s->section, s->accumulate, s->cluster, err);
}
