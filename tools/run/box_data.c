#include "box_data.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/detect/draw.h"

/* ---- as images with labels ----------------------------------------------------------------------------- */

static cream_status load(const cream_dataset *dataset, cream_part part, size_t index, int least_side,
                         cream_image *image, cream_error *err) {
  const cream_box_part *of = &((const box_images *)dataset)->set->parts[part];
  (void)least_side; /* boxes are in pixels of the whole image */
  cream_status status = cream_image_read(of->images[index].path, 0, image, err);
  for (size_t b = of->first[index]; b < of->first[index + 1] && !status; b++)
    cream_draw_box(image->pixels, image->width, image->height, &of->boxes[b], 1);
  return status;
}

static char *path(const cream_dataset *dataset, cream_part part, size_t index, char *text, size_t size) {
  snprintf(text, size, "%s", ((const box_images *)dataset)->set->parts[part].images[index].path);
  return text;
}

static void destroy(cream_dataset *dataset) {
  box_images *images = (box_images *)dataset;
  for (int part = 0; part < CREAM_PARTS; part++) {
    free(images->labels[part]);
    images->labels[part] = NULL;
  }
}

static cream_status wrap(const cream_box_set *set, box_images *images, cream_error *err) {
  *images = (box_images){.base = {.name = set->format,
                                  .classes = set->classes,
                                  .class_names = (const char *const *)set->class_names,
                                  .notes = set->notes,
                                  .load = load,
                                  .path = path,
                                  .destroy = destroy},
                         .set = set};
  memcpy(images->base.mean, set->mean, sizeof set->mean);
  memcpy(images->base.std, set->std, sizeof set->std);
  for (int part = 0; part < CREAM_PARTS; part++) {
    const cream_box_part *of = &set->parts[part];
    int32_t *labels = calloc(of->count + 1, sizeof *labels);
    if (!labels) return cream_fail_memory(err, of->count * sizeof *labels, "the data set");
    for (size_t i = 0; i < of->count; i++)
      if (of->first[i] < of->first[i + 1]) labels[i] = of->boxes[of->first[i]].label;
    images->base.labels[part] = images->labels[part] = labels;
    images->base.count[part] = of->count;
  }
  return CREAM_OK;
}

/* ---- the held-out boxes -------------------------------------------------------------------------------- */

static cream_status gather_truth(box_data *data, cream_error *err) {
  const cream_box_part *part = &data->set->parts[CREAM_PART_TRAIN];
  const run_data *images = &data->images;
  size_t n = 0;
  for (size_t i = 0; i < images->n_heldout; i++)
    n += part->first[images->heldout[i] + 1] - part->first[images->heldout[i]];
  if (n == 0 && images->n_heldout)
    return cream_fail(
        err, CREAM_BAD_DATA,
        "heldout: none of the %zu held-out images has a box, expected some; raise heldout, or set it "
        "to 0",
        images->n_heldout);
  data->truth.boxes = malloc((n + 1) * sizeof *data->truth.boxes);
  data->truth.areas = malloc((n + 1) * sizeof *data->truth.areas);
  data->truth.first = malloc((images->n_heldout + 1) * sizeof *data->truth.first);
  if (!data->truth.boxes || !data->truth.areas || !data->truth.first)
    return cream_fail_memory(err, n * sizeof *data->truth.boxes, "the held-out boxes");
  size_t at = 0;
  for (size_t i = 0; i < images->n_heldout; i++) {
    const size_t from = part->first[images->heldout[i]], count = part->first[images->heldout[i] + 1] - from;
    data->truth.first[i] = at;
    memcpy(data->truth.boxes + at, part->boxes + from, count * sizeof *part->boxes);
    memcpy(data->truth.areas + at, part->areas + from, count * sizeof *part->areas);
    at += count;
  }
  data->truth.first[images->n_heldout] = at;
  data->truth.input = (cream_coco_input){.images = images->n_heldout,
                                         .classes = data->set->classes,
                                         .truth = data->truth.boxes,
                                         .first_truth = data->truth.first,
                                         .areas = data->truth.areas};
  return CREAM_OK;
}

cream_status box_data_open(const cream_config *config, cream_box_use use, box_data *data, cream_error *err) {
  cream_status status = cream_box_set_open(config->data, use, &data->set, err);
  if (!status) status = wrap(data->set, &data->as_images, err);
  if (!status) status = run_data_take(config, &data->as_images.base, &data->images, err);
  return status ? status : gather_truth(data, err);
}

void box_data_close(box_data *data) {
  if (data->images.dataset)
    run_data_close(&data->images);
  else
    destroy(&data->as_images.base);
  free(data->truth.boxes);
  free(data->truth.areas);
  free(data->truth.first);
  if (data->set) cream_box_set_free(data->set);
  *data = (box_data){0};
}

void box_data_normalise(box_data *data) {
  memcpy(data->set->mean, data->images.dataset->mean, sizeof data->set->mean);
  memcpy(data->set->std, data->images.dataset->std, sizeof data->set->std);
}

/* ---- sources ------------------------------------------------------------------------------------------- */

cream_status box_data_train_source(const box_data *data, const cream_config *config, int batch, int side,
                                   cream_box_source **source, cream_error *err) {
  const cream_box_loader_options options = {.part = CREAM_PART_TRAIN,
                                            .indices = data->images.rest,
                                            .count = data->images.n_rest,
                                            .batch = batch,
                                            .side = side,
                                            .seed = config->seed,
                                            .train = true,
                                            .augment = config->detect.augment,
                                            .workers = data->images.workers,
                                            .skipped = data->images.skipped};
  return cream_box_loader_create(data->set, &options, source, err);
}

cream_status box_data_heldout_source(const box_data *data, int batch, int side, cream_box_source **source,
                                     cream_error *err) {
  const cream_box_loader_options options = {.part = CREAM_PART_TRAIN,
                                            .indices = data->images.heldout,
                                            .count = data->images.n_heldout,
                                            .batch = batch,
                                            .side = side,
                                            .workers = data->images.workers,
                                            .skipped = data->images.skipped};
  *source = NULL;
  return data->images.n_heldout ? cream_box_loader_create(data->set, &options, source, err) : CREAM_OK;
}

cream_status box_data_test_source(const box_data *data, int batch, int side, cream_box_source **source,
                                  cream_error *err) {
  const cream_box_loader_options options = {.part = CREAM_PART_TEST,
                                            .batch = batch,
                                            .side = side,
                                            .workers = data->images.workers,
                                            .skipped = data->images.skipped};
  return cream_box_loader_create(data->set, &options, source, err);
}

/* ---- what anchors miss ----------------------------------------------------------------------------------- */

/* The share of the part's boxes whose mean side is below `least` pixels in an input of `side`. */
static double share_below(const cream_box_part *part, int side, double least) {
  size_t small = 0, all = 0;
  for (size_t i = 0; i < part->count; i++) {
    const cream_box_image *image = &part->images[i];
    const double scale = (double)side / (image->width > image->height ? image->width : image->height);
    for (size_t b = part->first[i]; b < part->first[i + 1]; b++) {
      const cream_box *box = &part->boxes[b];
      if (box->crowd) continue;
      const double area = (double)(box->x2 - box->x1) * (double)(box->y2 - box->y1);
      all++;
      small += sqrt(area) * scale < least;
    }
  }
  return all ? (double)small / (double)all : 0;
}

void box_data_warn_of_small(const box_data *data, const cream_detect_spec *spec, int side) {
  const cream_box_part *part = &data->set->parts[CREAM_PART_TRAIN];
  const double many = 0.05, least_iou = 0.4, anchor = spec->scale * 8, least = sqrt(least_iou) * anchor;
  const double share = share_below(part, side, least);
  if (share <= many) return;
  double scale = spec->scale, left = share;
  while (scale > 1 && left > many) {
    scale -= 0.5;
    left = share_below(part, side, sqrt(least_iou) * scale * 8);
  }
  char set[32] = "";
  if (left <= many) snprintf(set, sizeof set, "set it to %.3g, or ", scale);
  fprintf(stderr,
          "detect.anchor_scale: %.0f %% of the training boxes are smaller than %.0f pixels at a resolution "
          "of %d, too "
          "small for the smallest anchors, of %.0f; %stake a higher resolution\n",
          100 * share, least, side, anchor, set);
}
