#include "bench_boxes.h"

#include <stdlib.h>

#include "core/base/rng.h"

/* A box of 5 to 50 % of the side, somewhere on the image. */
static cream_box draw(cream_rng *rng, int side, int classes) {
  const uint32_t least = (uint32_t)side / 20 + 1, most = (uint32_t)side / 2 + 1;
  const uint32_t width = least + cream_rng_below(rng, most - least + 1),
                 height = least + cream_rng_below(rng, most - least + 1);
  const float x = (float)cream_rng_below(rng, (uint32_t)side - width + 1),
              y = (float)cream_rng_below(rng, (uint32_t)side - height + 1);
  return (cream_box){.x1 = x,
                     .y1 = y,
                     .x2 = x + (float)width,
                     .y2 = y + (float)height,
                     .label = (int32_t)cream_rng_below(rng, (uint32_t)classes),
                     .score = 1};
}

static cream_status allocate(bench_boxes *b, size_t n, size_t most, cream_error *err) {
  b->boxes = malloc(n * BENCH_BOXES * sizeof *b->boxes);
  b->found = malloc(n * most * sizeof *b->found);
  b->first = malloc((n + 1) * sizeof *b->first);
  b->scale = malloc(n * sizeof *b->scale);
  b->offset = calloc(n, sizeof *b->offset);
  b->size = malloc(n * sizeof *b->size);
  b->counts = malloc(n * sizeof *b->counts);
  if (b->boxes && b->found && b->first && b->scale && b->offset && b->size && b->counts) return CREAM_OK;
  return cream_fail_memory(err, n * (BENCH_BOXES + most) * sizeof *b->boxes, "random boxes");
}

cream_status bench_boxes_open(bench_boxes *b, cream_net *net, const cream_source *images,
                              const uint8_t *pixels, int batch, bool train, uint64_t seed, cream_error *err) {
  const cream_detect_limits limits = cream_detect_limits_default();
  const cream_box_loss terms = cream_train_boxes_terms(cream_net_skeleton(net)->detect.kind);
  const cream_detect_matching matching = cream_train_boxes_matching();
  *b = (bench_boxes){.pixels = pixels};
  cream_status status = allocate(b, (size_t)batch, (size_t)limits.detections, err);
  if (status != CREAM_OK) return status;
  cream_rng rng = cream_rng_at(seed, CREAM_RNG_TEST, UINT64_MAX - 1);
  for (int i = 0; i <= batch; i++) b->first[i] = (size_t)i * BENCH_BOXES;
  for (size_t i = 0; i < b->first[batch]; i++) b->boxes[i] = draw(&rng, images->side, images->classes);
  for (int i = 0; i < batch; i++) {
    b->scale[i][0] = b->scale[i][1] = 1;
    b->size[i][0] = b->size[i][1] = images->side;
  }
  for (int c = 0; c < 4; c++) {
    b->source.mean[c] = images->mean[c];
    b->source.std[c] = images->std[c];
  }
  return train ? cream_train_boxes_init(&b->losses, net, batch, &terms, &matching, err)
               : cream_detector_init(&b->detector, net, &limits, err);
}

void bench_boxes_close(bench_boxes *b) {
  if (b->losses.backend) cream_train_boxes_destroy(&b->losses);
  cream_detector_destroy(&b->detector);
  free(b->boxes);
  free(b->found);
  free(b->first);
  free(b->scale);
  free(b->offset);
  free(b->size);
  free(b->counts);
  *b = (bench_boxes){0};
}

static cream_box_batch batch_of(const bench_boxes *b, int n) {
  return (cream_box_batch){.n = n,
                           .side = b->size[0][0],
                           .channels = 3,
                           .pixels = b->pixels,
                           .boxes = b->boxes,
                           .first = b->first,
                           .scale = (const float(*)[2])b->scale,
                           .offset = (const float(*)[2])b->offset,
                           .size = (const int32_t(*)[2])b->size};
}

void bench_boxes_forward(bench_boxes *b, cream_train *train, const cream_path *path, int n) {
  const cream_box_batch batch = batch_of(b, n);
  const cream_tensor x = cream_train_boxes_upload(&b->losses, &b->source, &batch);
  const cream_buf outputs = cream_train_forward(train, path, &x, 0, 0, 0);
  cream_train_boxes_loss(&b->losses, outputs, n, train->result);
}

cream_status bench_boxes_detect(bench_boxes *b, int n, cream_error *err) {
  const cream_box_batch batch = batch_of(b, n);
  return cream_detector_run(&b->detector, &b->source, &batch, b->found, b->counts, err);
}
