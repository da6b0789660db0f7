#include "trial.h"

#include <stdlib.h>

#include "core/base/rng.h"
#include "core/space/range.h"
#include "io/config/space_yaml.h"

/* The space at its own resolution, at depths in proportion to it. */
static cream_status make_skeleton(cream_skeleton *skeleton, cream_error *err) {
  cream_space space;
  cream_status status = cream_space_load("micro", &space, err);
  if (status != CREAM_OK) return status;
  int resolution = space.resolution.max, depth[CREAM_MAX_STAGES] = {0}, classes = space.head.classes;
  double scale = (double)resolution / space.resolution.scale_at;
  double flops = 1e6 * space.resolution.scale_flops * scale * scale;
  cream_range range = {0.8 * flops, 1.2 * flops};
  status = cream_range_resolve(&space, &range, classes, &resolution, depth, err);
  if (status != CREAM_OK) return status;
  return cream_skeleton_init(skeleton, &space, depth, resolution, classes, err);
}

static cream_status make_images(trial *t, cream_error *err) {
  const int side = t->skeleton.resolution;
  const size_t images = (size_t)t->batches * (size_t)t->batch,
               bytes = images * (size_t)side * (size_t)side * 3;
  t->pixels = malloc(bytes);
  t->labels = malloc(images * sizeof *t->labels);
  if (!t->pixels || !t->labels) return cream_fail_memory(err, bytes, "random images");
  cream_rng rng = cream_rng_at(0, CREAM_RNG_TEST, 0);
  for (size_t i = 0; i < bytes; i++) t->pixels[i] = (uint8_t)cream_rng_u32(&rng);
  for (size_t i = 0; i < images; i++)
    t->labels[i] = (int32_t)cream_rng_below(&rng, (uint32_t)t->skeleton.classes);
  t->source = (cream_source){.batch = t->batch,
                             .side = side,
                             .channels = 3,
                             .mean = {0.5f, 0.5f, 0.5f},
                             .std = {0.25f, 0.25f, 0.25f}};
  return CREAM_OK;
}

cream_status trial_open(trial *t, cream_backend *backend, int batch, int batches, cream_error *err) {
  *t = (trial){.batch = batch, .batches = batches};
  cream_status status = make_skeleton(&t->skeleton, err);
  if (status == CREAM_OK) status = make_images(t, err);
  if (status != CREAM_OK) return status;
  t->path = cream_skeleton_first_path(&t->skeleton);
  const cream_train_options options = {
      .skeleton = &t->skeleton, .net = {.batch = batch, .train = true}, .batch = batch};
  return cream_train_init(&t->train, backend, &options, err);
}

void trial_close(trial *t) {
  if (t->train.backend) cream_train_destroy(&t->train);
  free(t->pixels);
  free(t->labels);
  *t = (trial){0};
}

void trial_step(trial *t, int at, float lr) {
  cream_train *train = &t->train;
  const size_t which = (size_t)(at % t->batches) * (size_t)t->batch;
  const size_t pixels = (size_t)t->source.side * (size_t)t->source.side * 3;
  const cream_batch batch = {t->batch, t->source.side, t->source.channels, t->pixels + which * pixels,
                             t->labels + which};
  const cream_loss loss = {.hard = 1, .smoothing = 0.1f, .labels = train->labels};
  const cream_optim optim = {
      .kind = CREAM_OPTIM_SGD, .lr = lr, .momentum = 0.9f, .weight_decay = 1e-4f, .nesterov = true};
  cream_tensor x = cream_train_upload(train, &t->source, &batch);
  cream_buf logits =
      cream_net_forward_train(train->net, &t->path, &x, CREAM_BN_TRAIN, CREAM_BN_MOMENTUM, 0, 0, 0);
  cream_train_loss(train, &loss, logits, t->batch);
  cream_net_backward(train->net, cream_net_dlogits(train->net));
  cream_train_update(train, &t->path, &optim);
}

cream_status trial_loss(trial *t, double *loss, cream_error *err) {
  cream_event event = {.path = &t->path};
  cream_status status = cream_train_result(&t->train, &event, "the learning rate", err);
  *loss = event.loss;
  return status;
}
