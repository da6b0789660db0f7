#include "detect_evaluate.h"

#include <stdlib.h>
#include <string.h>

cream_detect_limits cream_detect_limits_of(const cream_detect_config *config) {
  return (cream_detect_limits){.score = (float)config->score,
                               .candidates = config->candidates,
                               .overlap = (float)config->overlap,
                               .detections = config->detections};
}

/* ---- a batch ------------------------------------------------------------------------------------------- */

cream_status cream_detector_init(cream_detector *d, cream_net *net, const cream_detect_limits *limits,
                                 cream_error *err) {
  const cream_skeleton *skeleton = cream_net_skeleton(net);
  const int side = skeleton->resolution;
  *d = (cream_detector){.net = net, .limits = *limits, .grid = cream_detect_grid_of(&skeleton->detect, side)};
  const size_t outputs = cream_net_output_count(net, cream_net_batch(net), side);
  d->anchors = malloc(cream_detect_anchor_count(&d->grid) * sizeof *d->anchors);
  d->outputs = malloc(outputs * sizeof *d->outputs);
  if (!d->anchors || !d->outputs) {
    cream_detector_destroy(d);
    return cream_fail_memory(err, outputs * sizeof *d->outputs, "the outputs of a detector");
  }
  cream_detect_anchors(&skeleton->detect, side, d->anchors);
  return CREAM_OK;
}

void cream_detector_destroy(cream_detector *d) {
  free(d->anchors);
  free(d->outputs);
  *d = (cream_detector){0};
}

/* Detections of image i in pixels of the original. */
static cream_status decode_image(const cream_detector *d, const cream_detect_outputs *outputs,
                                 const cream_box_batch *batch, int i, cream_box *boxes, int32_t *count,
                                 cream_error *err) {
  const float *scale = batch->scale[i], *offset = batch->offset[i];
  const int32_t *size = batch->size[i];
  int n;
  cream_status status = cream_detect_decode_image(outputs, &d->limits, i, (float)size[0] * scale[0],
                                                  (float)size[1] * scale[1], boxes, &n, err);
  if (status) return status;
  for (int b = 0; b < n; b++) boxes[b] = cream_box_original(&boxes[b], scale, offset, size);
  *count = n;
  return CREAM_OK;
}

cream_status cream_detector_run(cream_detector *d, const cream_box_source *source,
                                const cream_box_batch *batch, cream_box *boxes, int32_t *counts,
                                cream_error *err) {
  const cream_skeleton *skeleton = cream_net_skeleton(d->net);
  cream_backend *backend = cream_net_backend(d->net);
  const cream_path path = cream_skeleton_first_path(skeleton);
  cream_tensor x = cream_net_input(d->net, batch->n, batch->side);
  backend->upload_pixels(backend, &x, batch->pixels, source->mean, source->std);
  cream_buf out = cream_net_forward(d->net, &path, &x, CREAM_BN_RUNNING, 0);
  cream_status status =
      backend->download(backend, d->outputs, out, cream_net_output_count(d->net, batch->n, batch->side), err);
  const float *deltas =
      d->outputs + cream_net_entries(d->net, batch->n, batch->side) * (size_t)skeleton->classes;
  const cream_detect_outputs outputs = {.spec = &skeleton->detect,
                                        .grid = &d->grid,
                                        .anchors = (const float(*)[4])d->anchors,
                                        .n = batch->n,
                                        .classes = skeleton->classes,
                                        .logits = d->outputs,
                                        .deltas = (const float(*)[4])deltas};
  for (int i = 0; i < batch->n && !status; i++)
    status = decode_image(d, &outputs, batch, i, boxes + (size_t)i * (size_t)d->limits.detections, &counts[i],
                          err);
  return status;
}

/* ---- all images ---------------------------------------------------------------------------------------- */

void cream_detections_free(cream_detections *found) {
  free(found->boxes);
  free(found->first);
  *found = (cream_detections){0};
}

/* Detections of the images of a rank, or of all ranks one after the other: `most` boxes an image. */
typedef struct slots {
  cream_box *boxes;
  int32_t *counts;
} slots;

static bool make_slots(slots *s, size_t images, int most) {
  s->boxes = calloc(images * (size_t)most + 1, sizeof *s->boxes);
  s->counts = calloc(images + 1, sizeof *s->counts);
  return s->boxes && s->counts;
}

static void free_slots(slots *s) {
  free(s->boxes);
  free(s->counts);
}

/* The batches of a shard. */
static cream_status run_shard(cream_detector *d, cream_box_source *source, const cream_shard *own, slots *s,
                              cream_error *err) {
  size_t at = 0;
  for (uint64_t step = own->first; step < own->end; step++) {
    cream_box_batch batch;
    cream_status status = source->read(source, 0, step, &batch, err);
    if (!status)
      status = cream_detector_run(d, source, &batch, s->boxes + at * (size_t)d->limits.detections,
                                  s->counts + at, err);
    if (status) return status;
    at += (size_t)batch.n;
  }
  return CREAM_OK;
}

/* The detections of the images of all shards, `room` images apart. */
static cream_status gather_shards(const cream_box_source *source, int ranks, const slots *all, size_t room,
                                  int most, cream_detections *found, cream_error *err) {
  size_t total = 0, n = 0, image = 0;
  for (size_t i = 0; i < room * (size_t)ranks; i++) total += (size_t)all->counts[i];
  *found = (cream_detections){.images = source->count,
                              .boxes = malloc((total + 1) * sizeof *found->boxes),
                              .first = malloc((source->count + 1) * sizeof *found->first)};
  if (!found->boxes || !found->first) {
    cream_detections_free(found);
    return cream_fail_memory(err, total * sizeof *found->boxes, "detections");
  }
  for (int r = 0; r < ranks; r++) {
    const size_t images = cream_shard_of(source->count, source->batch, r, ranks).images;
    for (size_t i = (size_t)r * room; i < (size_t)r * room + images; i++) {
      found->first[image++] = n;
      memcpy(found->boxes + n, all->boxes + i * (size_t)most, (size_t)all->counts[i] * sizeof *found->boxes);
      n += (size_t)all->counts[i];
    }
  }
  found->first[image] = n;
  CREAM_ASSERT(image == source->count);
  return CREAM_OK;
}

/* Runs this rank's images, and gets those of the others. */
static cream_status run_all(cream_cluster *cluster, cream_detector *d, cream_box_source *source,
                            cream_detections *found, cream_error *err) {
  const bool alone = cream_cluster_alone(cluster);
  const int ranks = alone ? 1 : cluster->size, most = d->limits.detections;
  const cream_shard own = cream_shard_of(source->count, source->batch, alone ? 0 : cluster->rank, ranks);
  const size_t batches = (cream_box_source_steps(source, false) + (size_t)ranks - 1) / (size_t)ranks;
  const size_t room = batches * (size_t)source->batch, boxes = room * (size_t)most;
  slots mine = {0}, all = {0};
  cream_status status = CREAM_OK;
  if (!make_slots(&mine, room, most) || (!alone && !make_slots(&all, room * (size_t)ranks, most)))
    status = cream_fail_memory(err, boxes * (size_t)(ranks + 1) * sizeof *mine.boxes, "detections");
  if (!status) status = run_shard(d, source, &own, &mine, err);
  if (!status && !alone) {
    status = cream_cluster_gather(cluster, mine.boxes, boxes * sizeof *mine.boxes, all.boxes, err);
    if (!status)
      status = cream_cluster_gather(cluster, mine.counts, room * sizeof *mine.counts, all.counts, err);
  }
  if (!status) status = gather_shards(source, ranks, alone ? &mine : &all, room, most, found, err);
  free_slots(&mine);
  free_slots(&all);
  return status;
}

cream_status cream_detect_all(cream_cluster *cluster, cream_net *net, cream_box_source *source,
                              const cream_detect_limits *limits, cream_detections *found, cream_error *err) {
  cream_detector d;
  *found = (cream_detections){0};
  cream_status status = cream_detector_init(&d, net, limits, err);
  if (!status) status = run_all(cluster, &d, source, found, err);
  cream_detector_destroy(&d);
  return status;
}

cream_score cream_detect_score_of(const cream_coco_result *result, size_t images) {
  return (cream_score){.top1 = result->numbers[CREAM_COCO_AP],
                       .top5 = result->numbers[CREAM_COCO_AP50],
                       .count = images,
                       .detector = true};
}

cream_status cream_detect_score(const cream_coco_input *truth, const cream_detections *found,
                                cream_score *score, cream_error *err) {
  cream_coco_input input = *truth;
  cream_coco_result result;
  CREAM_ASSERT(truth->images == found->images);
  input.found = found->boxes;
  input.first_found = found->first;
  cream_status status = cream_coco_evaluate(&input, &result, err);
  if (status) return status;
  *score = cream_detect_score_of(&result, found->images);
  cream_coco_result_free(&result);
  return CREAM_OK;
}
