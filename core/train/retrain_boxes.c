#include "detect_evaluate.h"
#include "retrain_task.h"
#include "train_boxes.h"

typedef struct boxes {
  retrain_scope of;
  cream_box_source *train, *heldout;
  const cream_coco_input *truth;
  cream_train_boxes losses;
  cream_detect_limits limits;
} boxes;

/* What a source of images with boxes has in common with one of images with labels. */
static cream_source as_images(const cream_box_source *source) {
  return (cream_source){.count = source->count,
                        .classes = source->classes,
                        .batch = source->batch,
                        .side = source->side,
                        .channels = source->channels};
}

/* Settings of a classifier's training that have no meaning here. */
static cream_status check_unused(const cream_retrain_config *config, cream_error *err) {
  const struct {
    const char *key;
    double value;
  } unused[] = {{"mixup", config->mixup}, {"smoothing", config->smoothing}, {"dropout", config->dropout}};
  for (size_t i = 0; i < sizeof unused / sizeof *unused; i++)
    if (unused[i].value != 0)
      return cream_fail(err, CREAM_BAD_CONFIG, "retrain.%s: got %g, but a detector has none; expected 0",
                        unused[i].key, unused[i].value);
  if (!cream_external_given(&config->teacher)) return CREAM_OK;
  return cream_fail(err, CREAM_BAD_CONFIG, "retrain.teacher: a detector has none; leave it empty");
}

cream_status retrain_boxes_check(const cream_retrain_inputs *inputs, cream_error *err) {
  const cream_retrain_config *config = &inputs->config->retrain;
  const cream_train_settings settings = {"retrain", config->epochs, config->batch, config->accumulate,
                                         inputs->cluster};
  const cream_source source = as_images(inputs->boxes.train);
  cream_status status = check_unused(config, err);
  return status ? status : cream_train_check(inputs->skeleton, &source, &settings, err);
}

int retrain_boxes_evaluated(const cream_retrain_inputs *inputs) {
  return inputs->boxes.heldout ? inputs->boxes.heldout->batch : 0;
}

static cream_status part(void *self, const retrain_batch *which, cream_error *err) {
  boxes *task = self;
  cream_train *train = task->of.train;
  cream_box_batch batch;
  cream_status status = task->train->read(task->train, which->epoch, which->at, &batch, err);
  if (status) return status;
  cream_tensor x = cream_train_boxes_upload(&task->losses, task->train, &batch);
  cream_buf outputs = cream_train_forward(train, task->of.path, &x, 0, task->of.config->seed, which->draw);
  cream_train_boxes_loss(&task->losses, outputs, x.n, train->result);
  cream_train_backward(train);
  return CREAM_OK;
}

static cream_status evaluate(void *self, cream_score *score, cream_error *err) {
  boxes *task = self;
  cream_detections found;
  cream_status status = cream_detect_all(task->of.train->cluster, task->of.train->net, task->heldout,
                                         &task->limits, &found, err);
  if (!status) status = cream_detect_score(task->truth, &found, score, err);
  cream_detections_free(&found);
  return status;
}

static double waited(const void *self) {
  const boxes *task = self;
  return task->train->waited + (task->heldout ? task->heldout->waited : 0);
}

static void announce(void *self) {
  boxes *task = self;
  task->train->announced = cream_train_announced(task->of.train);
}

static void destroy(void *self) {
  boxes *task = self;
  cream_train_boxes_destroy(&task->losses);
  free(task);
}

cream_status retrain_boxes_create(const cream_retrain_inputs *inputs, const retrain_scope *scope,
                                  retrain_task *task, cream_error *err) {
  cream_net *net = scope->train->net;
  const cream_box_loss terms = cream_train_boxes_terms(inputs->skeleton->detect.kind);
  const cream_detect_matching matching = cream_train_boxes_matching();
  boxes *self = calloc(1, sizeof *self);
  if (!self) return cream_fail_memory(err, sizeof *self, "a training run");
  *self = (boxes){.of = *scope,
                  .train = inputs->boxes.train,
                  .heldout = inputs->boxes.heldout,
                  .truth = inputs->boxes.truth,
                  .limits = cream_detect_limits_of(&scope->config->detect)};
  cream_status status =
      cream_train_boxes_init(&self->losses, net, scope->config->retrain.batch, &terms, &matching, err);
  if (status) {
    free(self);
    return status;
  }
  *task = (retrain_task){.self = self,
                         .detector = true,
                         .heldout = self->heldout != NULL,
                         .batches = cream_box_source_steps(self->train, true),
                         .part = part,
                         .evaluate = evaluate,
                         .waited = waited,
                         .announce = announce,
                         .destroy = destroy};
  return CREAM_OK;
}
