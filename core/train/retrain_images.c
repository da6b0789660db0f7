#include "mixup.h"
#include "retrain_task.h"

typedef struct images {
  retrain_scope of;
  cream_source *train, *heldout;
  cream_mixup mixup;
} images;

cream_status retrain_images_check(const cream_retrain_inputs *inputs, cream_error *err) {
  const cream_retrain_config *config = &inputs->config->retrain;
  const cream_train_settings settings = {"retrain", config->epochs, config->batch, config->accumulate,
                                         inputs->cluster};
  return cream_train_check(inputs->skeleton, inputs->train, &settings, err);
}

int retrain_images_evaluated(const cream_retrain_inputs *inputs) {
  return inputs->heldout ? inputs->heldout->batch : 0;
}

static cream_status part(void *self, const retrain_batch *which, cream_error *err) {
  images *task = self;
  const cream_config *config = task->of.config;
  const double mixup = config->retrain.mixup;
  cream_train *train = task->of.train;
  cream_external *teacher = *task->of.teacher;
  cream_batch batch;
  cream_status status = task->train->read(task->train, which->epoch, which->at, &batch, err);
  if (status) return status;
  double share = mixup > 0 ? cream_mixup_share(mixup, config->seed, which->images) : 1;
  if (teacher) status = cream_external_run(teacher, &batch, which->images, share, err);
  if (status) return status;
  cream_tensor x = cream_train_upload(train, task->train, &batch);
  cream_loss loss = {.hard = 1, .smoothing = (float)config->retrain.smoothing, .labels = train->labels};
  if (mixup > 0) cream_mixup_apply(&task->mixup, which->images, &x, batch.labels, &loss);
  cream_buf logits = cream_train_forward(train, task->of.path, &x, (float)config->retrain.dropout,
                                         config->seed, which->draw);
  if (teacher)
    cream_external_loss(teacher, &loss, logits, x.n, cream_net_dlogits(train->net), train->result);
  else
    cream_train_loss(train, &loss, logits, x.n);
  cream_train_backward(train);
  return CREAM_OK;
}

static cream_status evaluate(void *self, cream_score *score, cream_error *err) {
  images *task = self;
  return cream_evaluate_shared(task->of.train->cluster, task->of.train->net, task->of.path, task->heldout,
                               CREAM_BN_RUNNING, score, NULL, err);
}

static double waited(const void *self) {
  const images *task = self;
  return task->train->waited + (task->heldout ? task->heldout->waited : 0);
}

static void announce(void *self) {
  images *task = self;
  task->train->announced = cream_train_announced(task->of.train);
}

static void destroy(void *self) {
  images *task = self;
  cream_mixup_destroy(&task->mixup);
  free(task);
}

cream_status retrain_images_create(const cream_retrain_inputs *inputs, const retrain_scope *scope,
                                   retrain_task *task, cream_error *err) {
  const cream_retrain_config *config = &scope->config->retrain;
  images *self = calloc(1, sizeof *self);
  if (!self) return cream_fail_memory(err, sizeof *self, "a training run");
  *self = (images){.of = *scope, .train = inputs->train, .heldout = inputs->heldout};
  cream_status status = CREAM_OK;
  if (config->mixup > 0)
    status = cream_mixup_init(&self->mixup, scope->train->net, config->batch, config->mixup,
                              scope->config->seed, err);
  if (status) {
    destroy(self);
    return status;
  }
  *task = (retrain_task){.self = self,
                         .heldout = inputs->heldout != NULL,
                         .batches = cream_source_steps(inputs->train, true),
                         .part = part,
                         .evaluate = evaluate,
                         .waited = waited,
                         .announce = announce,
                         .destroy = destroy};
  return CREAM_OK;
}
