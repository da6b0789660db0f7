/* The detectors of tests/golden/make_detect.py: a small backbone with either kind of neck and heads, images for it, and
 * boxes on them. */
#ifndef CREAM_TESTS_CORE_DETECTOR_H
#define CREAM_TESTS_CORE_DETECTOR_H

#include <stdlib.h>

#include "core/net/net.h"
#include "core/train/train_boxes.h"

enum {
  DETECTOR_SIDE = 72,
  DETECTOR_BATCH = 2,
  DETECTOR_CLASSES = 3,
  DETECTOR_VALUES = DETECTOR_BATCH * DETECTOR_SIDE * DETECTOR_SIDE * 3
};

static inline cream_stage detector_stage(int channels, int depth, uint8_t op) {
  return (cream_stage){.channels = channels,
                       .stride = 2,
                       .depth_min = depth,
                       .depth_max = depth,
                       .n_choices = 1,
                       .choices = {op},
                       .base = -1};
}

static inline cream_skeleton detector_skeleton(cream_detect_kind kind) {
  const cream_op op = {.kernel = 3,
                       .dilation = 1,
                       .act = CREAM_ACT_SWISH,
                       .se = 0.25,
                       .se_act = CREAM_ACT_RELU,
                       .se_gate = CREAM_ACT_HARD_SIGMOID};
  cream_space space = {.name = "golden", .bn_eps = CREAM_BN_EPS, .n_ops = 2, .n_stages = 4};
  space.ops[0] = space.ops[1] = op;
  space.ops[0].kind = CREAM_BLOCK_SEPARABLE;
  space.ops[0].expand = 1;
  snprintf(space.ops[0].name, sizeof space.ops[0].name, "ds");
  space.ops[1].kind = CREAM_BLOCK_MBCONV;
  space.ops[1].expand = 2;
  snprintf(space.ops[1].name, sizeof space.ops[1].name, "k3e2");
  space.stages[0] = detector_stage(8, 1, 0);
  space.stages[1] = detector_stage(12, 2, 1);
  space.stages[2] = detector_stage(16, 1, 1);
  space.stages[3] = detector_stage(20, 2, 1);
  space.stem.channels = 8;
  space.stem.kernel = 3;
  space.stem.stride = 2;
  space.stem.act = space.head.act = CREAM_ACT_SWISH;
  space.head.channels = 32;
  space.head.classes = DETECTOR_CLASSES;
  space.resolution.min = space.resolution.max = space.resolution.step = space.resolution.scale_at =
      DETECTOR_SIDE;
  space.resolution.scale_flops = 1;
  cream_skeleton skeleton;
  cream_error err;
  if (cream_skeleton_init(&skeleton, &space, (int[]){1, 2, 1, 2}, DETECTOR_SIDE, DETECTOR_CLASSES, &err))
    fail_msg("%s", err.text);
  const cream_path path = cream_skeleton_first_path(&skeleton);
  skeleton = cream_skeleton_fix(&skeleton, &path);
  skeleton.detect = cream_detect_default(kind);
  skeleton.detect.channels = 8;
  if (kind == CREAM_DETECT_LITE) { /* at P7 a batch norm would have two pixels, and its gradient no digits */
    skeleton.detect.cells = skeleton.detect.convs = 2;
    skeleton.detect.levels = 4;
  }
  return skeleton;
}

static const cream_box detector_boxes[] = {{.x1 = 3, .y1 = 5, .x2 = 40, .y2 = 33, .label = 0},
                                           {.x1 = 30, .y1 = 20, .x2 = 68, .y2 = 71, .label = 2},
                                           {.x1 = 50, .y1 = 4, .x2 = 60, .y2 = 12, .label = 1},
                                           {.x1 = 10.5f, .y1 = 30, .x2 = 71, .y2 = 70.25f, .label = 1}};
static const size_t detector_first_box[DETECTOR_BATCH + 1] = {0, 3, 4};

/* The images: normalised values in the memory of the net. */
static inline cream_tensor detector_images(cream_net *net) {
  cream_backend *backend = cream_net_backend(net);
  cream_tensor x = cream_net_input(net, DETECTOR_BATCH, DETECTOR_SIDE);
  float *values = malloc(DETECTOR_VALUES * sizeof *values);
  assert_non_null(values);
  for (uint32_t i = 0; i < DETECTOR_VALUES; i++) values[i] = (float)(i * 2654435761u >> 24) / 64 - 2;
  backend->upload_tensor(backend, &x, values);
  free(values);
  return x;
}

/* The boxes of the images; returns the images. */
static inline cream_tensor detector_upload(cream_train_boxes *b, cream_net *net) {
  uint8_t *pixels = calloc(DETECTOR_VALUES, 1);
  assert_non_null(pixels);
  const cream_box_source source = {.std = {1, 1, 1, 1}};
  const cream_box_batch batch = {.n = DETECTOR_BATCH,
                                 .side = DETECTOR_SIDE,
                                 .channels = 3,
                                 .pixels = pixels,
                                 .boxes = detector_boxes,
                                 .first = detector_first_box};
  cream_train_boxes_upload(b, &source, &batch);
  free(pixels);
  return detector_images(net);
}

static inline cream_train_boxes detector_losses(cream_net *net) {
  const cream_box_loss terms = cream_train_boxes_terms(cream_net_skeleton(net)->detect.kind);
  const cream_detect_matching matching = cream_train_boxes_matching();
  cream_train_boxes b;
  cream_error err;
  if (cream_train_boxes_init(&b, net, DETECTOR_BATCH, &terms, &matching, &err)) fail_msg("%s", err.text);
  return b;
}

#endif
