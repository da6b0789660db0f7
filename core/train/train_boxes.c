#include "train_boxes.h"

#include <stdlib.h>

cream_box_loss cream_train_boxes_terms(cream_detect_kind kind) {
  return (cream_box_loss){.alpha = 0.25f, .gamma = 2, .beta = kind == CREAM_DETECT_LITE ? 0.1f : 0, .box = 1};
}

cream_detect_matching cream_train_boxes_matching(void) {
  return (cream_detect_matching){.foreground = 0.5f, .background = 0.4f};
}

static cream_status allocate(cream_train_boxes *b, int batch, cream_error *err) {
  const size_t anchors = cream_detect_anchor_count(&b->grid), entries = (size_t)batch * anchors;
  b->anchors = malloc(anchors * sizeof *b->anchors);
  b->scratch = malloc(anchors * sizeof *b->scratch);
  b->match = malloc(anchors * sizeof *b->match);
  b->labels = malloc(entries * sizeof *b->labels);
  b->targets = malloc(entries * sizeof *b->targets);
  if (!b->anchors || !b->scratch || !b->match || !b->labels || !b->targets)
    return cream_fail_memory(err, entries * (sizeof *b->labels + sizeof *b->targets),
                             "the targets of a batch");
  cream_status status = b->backend->alloc(b->backend, entries, &b->terms.labels, err);
  return status ? status
                : b->backend->alloc(b->backend, entries * CREAM_DETECT_TARGET, &b->terms.targets, err);
}

cream_status cream_train_boxes_init(cream_train_boxes *b, cream_net *net, int batch,
                                    const cream_box_loss *terms, const cream_detect_matching *matching,
                                    cream_error *err) {
  const cream_skeleton *skeleton = cream_net_skeleton(net);
  *b = (cream_train_boxes){.backend = cream_net_backend(net),
                           .net = net,
                           .terms = *terms,
                           .matching = *matching,
                           .grid = cream_detect_grid_of(&skeleton->detect, skeleton->resolution)};
  b->terms.labels = b->terms.targets = CREAM_NO_BUF;
  cream_status status = allocate(b, batch, err);
  if (status)
    cream_train_boxes_destroy(b);
  else
    cream_detect_anchors(&skeleton->detect, skeleton->resolution, b->anchors);
  return status;
}

void cream_train_boxes_destroy(cream_train_boxes *b) {
  if (cream_buf_present(b->terms.labels)) b->backend->release(b->backend, b->terms.labels);
  if (cream_buf_present(b->terms.targets)) b->backend->release(b->backend, b->terms.targets);
  free(b->anchors);
  free(b->scratch);
  free(b->match);
  free(b->labels);
  free(b->targets);
  *b = (cream_train_boxes){0};
}

cream_tensor cream_train_boxes_upload(cream_train_boxes *b, const cream_box_source *source,
                                      const cream_box_batch *batch) {
  cream_backend *backend = b->backend;
  const size_t anchors = cream_detect_anchor_count(&b->grid), entries = (size_t)batch->n * anchors;
  CREAM_ASSERT(batch->side == cream_net_skeleton(b->net)->resolution);
  cream_tensor x = cream_net_input(b->net, batch->n, batch->side);
  backend->upload_pixels(backend, &x, batch->pixels, source->mean, source->std);
  for (int i = 0; i < batch->n; i++) {
    const cream_box *boxes = batch->boxes + batch->first[i];
    cream_detect_match(&b->matching, b->anchors, anchors, boxes, batch->first[i + 1] - batch->first[i],
                       b->match, b->scratch);
    cream_detect_targets(&b->grid, b->anchors, boxes, b->match, i, batch->n, b->labels, b->targets);
  }
  backend->upload(backend, b->terms.labels, b->labels, entries);
  backend->upload(backend, b->terms.targets, b->targets, entries * CREAM_DETECT_TARGET);
  return x;
}

void cream_train_boxes_loss(cream_train_boxes *b, cream_buf outputs, int n, cream_buf result) {
  const cream_skeleton *skeleton = cream_net_skeleton(b->net);
  const cream_buf gradients = cream_net_dlogits(b->net);
  const int side = skeleton->resolution;
  b->backend->box_loss(b->backend, &b->terms, outputs, cream_net_deltas(b->net, outputs, n, side),
                       cream_net_entries(b->net, n, side), skeleton->classes, gradients,
                       cream_net_deltas(b->net, gradients, n, side), result);
}
