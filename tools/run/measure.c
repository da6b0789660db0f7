#include "measure.h"

#include <stdlib.h>
#include <time.h>

#include "core/base/rng.h"
#include "core/space/range.h"
#include "core/train/train.h"
#include "io/config/space_yaml.h"

/* The steps: SGD on random images of the built-in space "micro". */
enum { BATCH = 32, STEPS = 3 };

typedef struct trial {
  cream_skeleton skeleton;
  cream_path path;
  cream_train train;
  cream_source source; /* the images' mean and deviation */
  uint8_t *pixels;     /* [BATCH, side, side, 3] */
  int32_t labels[BATCH];
} trial;

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

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
  int side = t->skeleton.resolution;
  size_t bytes = (size_t)BATCH * (size_t)side * (size_t)side * 3;
  t->pixels = malloc(bytes);
  if (!t->pixels) return cream_fail_memory(err, bytes, "random images");
  cream_rng rng = cream_rng_at(0, CREAM_RNG_TEST, 0);
  for (size_t i = 0; i < bytes; i++) t->pixels[i] = (uint8_t)cream_rng_u32(&rng);
  for (int i = 0; i < BATCH; i++)
    t->labels[i] = (int32_t)cream_rng_below(&rng, (uint32_t)t->skeleton.classes);
  t->source = (cream_source){
      .batch = BATCH, .side = side, .channels = 3, .mean = {0.5f, 0.5f, 0.5f}, .std = {0.25f, 0.25f, 0.25f}};
  return CREAM_OK;
}

static cream_status open_trial(trial *t, cream_backend *backend, cream_error *err) {
  cream_status status = make_skeleton(&t->skeleton, err);
  if (status == CREAM_OK) status = make_images(t, err);
  if (status != CREAM_OK) return status;
  t->path = cream_skeleton_first_path(&t->skeleton);
  const cream_train_options options = {
      .skeleton = &t->skeleton, .net = {.batch = BATCH, .train = true}, .batch = BATCH};
  return cream_train_init(&t->train, backend, &options, err);
}

static cream_status step(trial *t, cream_error *err) {
  cream_train *train = &t->train;
  const cream_batch batch = {BATCH, t->source.side, t->source.channels, t->pixels, t->labels};
  const cream_loss loss = {.hard = 1, .smoothing = 0.1f, .labels = train->labels};
  const cream_optim optim = {
      .kind = CREAM_OPTIM_SGD, .lr = 0.001f, .momentum = 0.9f, .weight_decay = 1e-4f, .nesterov = true};
  cream_tensor x = cream_train_upload(train, &t->source, &batch);
  cream_buf logits =
      cream_net_forward_train(train->net, &t->path, &x, CREAM_BN_TRAIN, CREAM_BN_MOMENTUM, 0, 0, 0);
  cream_train_loss(train, &loss, logits, BATCH);
  cream_net_backward(train->net, cream_net_dlogits(train->net));
  cream_train_update(train, &t->path, &optim);
  cream_event event = {.path = &t->path, .lr = optim.lr};
  return cream_train_result(train, &event, "the learning rate", err);
}

cream_status measure_step(cream_backend *backend, double *seconds, cream_error *err) {
  static trial t;
  t = (trial){0};
  cream_status status = open_trial(&t, backend, err);
  for (int i = 0; i <= STEPS && status == CREAM_OK; i++) {
    double started = now();
    status = step(&t, err);
    double elapsed = now() - started;
    if (i == 1 || (i > 1 && elapsed < *seconds)) *seconds = elapsed;
  }
  if (t.train.backend) cream_train_destroy(&t.train);
  free(t.pixels);
  return status;
}
