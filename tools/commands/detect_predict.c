/* cream detect predict. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "detect.h"
#include "io/base/file.h"
#include "io/base/json.h"
#include "io/base/name.h"
#include "io/base/parallel.h"
#include "io/detect/box_transform.h"
#include "io/detect/coco_results.h"
#include "io/detect/draw.h"
#include "io/detect/listing.h"
#include "io/image/encode.h"
#include "tools/run/detector.h"
#include "tools/run/device.h"

enum { BATCH = 8, MAX_THREADS = 64, QUALITY = 90 };

/* An image of the batch. */
typedef struct input_image {
  const char *path;
  cream_status status; /* of reading it */
  cream_error error;
  cream_box_view view;
} input_image;

typedef struct prediction {
  const detect_options *options;
  cream_model model;
  cream_detector detector;
  cream_box_transform transform;
  cream_listing files;
  size_t first; /* file of the batch's first image */
  int n;        /* images of the batch */
  input_image images[BATCH];
  uint8_t *pixels; /* [BATCH, side, side, 3] */
  cream_box *boxes;
  int32_t counts[BATCH];
  cream_image originals[MAX_THREADS];
  cream_box_memory memory[MAX_THREADS];
  int threads;
  size_t unusable, found;
  cream_json json;
  FILE *out; /* of the JSON; NULL: none is written */
} prediction;

static size_t image_bytes(const prediction *p) {
  const size_t side = (size_t)p->model.arch.net.resolution;
  return side * side * 3;
}

/* ---- files --------------------------------------------------------------------------------------------- */

/* The images of all arguments, which are files and folders. */
static cream_status list_files(prediction *p, cream_error *err) {
  const cli_line *line = &p->options->run.line;
  cream_status status = CREAM_OK;
  for (int i = 0; i < line->n_arguments && !status; i++) {
    const char *path = line->arguments[i];
    status = cream_is_folder(path) ? cream_listing_of_folder(&p->files, path, cream_listing_is_image, err)
                                   : cream_listing_add(&p->files, path, strlen(path), err);
  }
  if (status || p->files.count) return status;
  return cream_fail(err, CREAM_BAD_DATA, "%s: no images; expected JPEG or PNG files", line->arguments[0]);
}

static void read_one(void *self, int thread, size_t item) {
  prediction *p = self;
  input_image *one = &p->images[item];
  cream_image *image = &p->originals[thread];
  cream_box_work work = cream_box_transform_begin(&p->transform, NULL);
  image->crop = &work.crop;
  one->status = cream_image_read(one->path, 0, image, &one->error);
  image->crop = NULL;
  if (!one->status)
    one->status = cream_box_transform_finish(&work, image, &p->memory[thread],
                                             p->pixels + item * image_bytes(p), &one->view, &one->error);
}

/* ---- answers ------------------------------------------------------------------------------------------- */

static const char *name_of(const prediction *p, int label, char *text, size_t size) {
  if (p->model.info.n_classes) return cream_name_show(p->model.info.class_names[label], text, size);
  snprintf(text, size, "%d", label);
  return text;
}

/* DIR/NAME.jpg, where the slashes of the image's path are underscores. */
static void drawing_path(const prediction *p, const char *image, char *path, size_t size) {
  while (*image == '.' || *image == '/') image++;
  size_t at = (size_t)snprintf(path, size, "%s/", p->options->draw);
  for (; *image && at + 5 < size; image++) path[at++] = *image == '/' ? '_' : *image;
  snprintf(path + at, size - at, ".jpg");
}

static cream_status draw(const prediction *p, const char *file, const cream_box *boxes, int count,
                         cream_error *err) {
  cream_image image = {0};
  uint8_t *data;
  size_t size;
  char path[CREAM_MAX_FILE_NAME];
  cream_status status = cream_image_read(file, 0, &image, err);
  const int thickness = 1 + (image.width + image.height) / 600;
  for (int b = count - 1; b >= 0 && !status; b--)
    cream_draw_box(image.pixels, image.width, image.height, &boxes[b], thickness);
  if (!status)
    status = cream_jpeg_encode(image.pixels, image.width, image.height, QUALITY, &data, &size, err);
  cream_image_free(&image);
  if (status) return status;
  drawing_path(p, file, path, sizeof path);
  status = cream_file_write(path, data, size, err);
  free(data);
  return status;
}

static void answer(prediction *p, const char *path, size_t number, const cream_box *boxes, int count) {
  char file[CREAM_MAX_FILE_NAME], name[CREAM_MAX_FILE_NAME];
  cream_name_show(path, file, sizeof file);
  for (int b = 0; b < count; b++) {
    const cream_box *box = &boxes[b];
    name_of(p, box->label, name, sizeof name);
    if (p->out) cream_box_results_put(&p->json, (int64_t)number + 1, box->label + 1, box, file, name);
    if (!p->options->run.json)
      printf("%s: %s %.3f at %.1f %.1f %.1f %.1f\n", file, name, (double)box->score, (double)box->x1,
             (double)box->y1, (double)box->x2, (double)box->y2);
  }
  if (count == 0 && !p->options->run.json) printf("%s: nothing\n", file);
}

/* ---- batches ------------------------------------------------------------------------------------------- */

/* The images that could be read, moved together; places[]: which they are. */
static cream_status detect_images(prediction *p, int places[BATCH], int *n, cream_error *err) {
  const cream_weights_info *info = &p->model.info;
  cream_box_source source = {0};
  float scale[BATCH][2], offset[BATCH][2];
  int32_t size[BATCH][2];
  *n = 0;
  for (int i = 0; i < p->n; i++) {
    const input_image *one = &p->images[i];
    if (one->status && one->status != CREAM_BAD_DATA) {
      *err = one->error;
      return one->status;
    }
    if (one->status) continue;
    memmove(p->pixels + (size_t)*n * image_bytes(p), p->pixels + (size_t)i * image_bytes(p), image_bytes(p));
    memcpy(scale[*n], one->view.scale, sizeof *scale);
    memcpy(offset[*n], one->view.offset, sizeof *offset);
    memcpy(size[*n], one->view.size, sizeof *size);
    places[(*n)++] = i;
  }
  memcpy(source.mean, info->mean, sizeof info->mean);
  memcpy(source.std, info->std, sizeof info->std);
  const cream_box_batch batch = {.n = *n,
                                 .side = p->model.arch.net.resolution,
                                 .channels = 3,
                                 .pixels = p->pixels,
                                 .scale = (const float(*)[2])scale,
                                 .offset = (const float(*)[2])offset,
                                 .size = (const int32_t(*)[2])size};
  return *n ? cream_detector_run(&p->detector, &source, &batch, p->boxes, p->counts, err) : CREAM_OK;
}

static cream_status run_batch(prediction *p, cream_error *err) {
  int places[BATCH], n;
  cream_parallel(p->threads, (size_t)p->n, read_one, p);
  cream_status status = detect_images(p, places, &n, err);
  for (int i = 0, at = 0; i < p->n && !status; i++) {
    const input_image *one = &p->images[i];
    if (at < n && places[at] == i) {
      const cream_box *boxes = p->boxes + (size_t)at * (size_t)p->detector.limits.detections;
      const int count = p->counts[at++];
      answer(p, one->path, p->first + (size_t)i, boxes, count);
      p->found += (size_t)count;
      if (p->options->draw) status = draw(p, one->path, boxes, count, err);
    } else {
      p->unusable++;
      fflush(stdout);
      fprintf(stderr, "%s\n", one->error.text);
    }
  }
  return status;
}

static cream_status run_all(prediction *p, cream_error *err) {
  cream_status status = CREAM_OK;
  if (p->out) {
    p->json = cream_json_to(p->out);
    cream_json_array(&p->json, NULL, true);
  }
  for (p->first = 0; p->first < p->files.count && !status; p->first += BATCH) {
    const size_t left = p->files.count - p->first;
    p->n = left < BATCH ? (int)left : BATCH;
    for (int i = 0; i < p->n; i++) p->images[i] = (input_image){.path = p->files.names[p->first + (size_t)i]};
    status = run_batch(p, err);
  }
  if (p->out) {
    cream_json_end(&p->json);
    fputc('\n', p->out);
  }
  return status;
}

/* Detections go to --out, which appears when it is complete, or with --json to stdout. */
static cream_status run_to_file(prediction *p, cream_error *err) {
  const run_options *options = &p->options->run;
  cream_file file;
  if (!*options->config.out) {
    if (options->json) p->out = stdout;
    return run_all(p, err);
  }
  cream_status status = cream_file_create(&file, options->config.out, err);
  if (status) return status;
  p->out = file.stream;
  status = run_all(p, err);
  if (!status) return cream_file_commit(&file, err);
  cream_file_abandon(&file);
  return status;
}

static cream_status open_all(prediction *p, cream_error *err) {
  const detect_options *options = p->options;
  const cream_config *config = &options->run.config;
  cream_detect_limits limits = cream_detect_limits_of(&config->detect);
  limits.score = (float)options->least;
  cream_status status = list_files(p, err);
  if (!status) status = detector_open(&p->model, config, BATCH, err);
  if (status) return status;
  device_print(p->model.backend);
  const int side = p->model.arch.net.resolution;
  cream_box_augment augment = cream_box_augment_defaults();
  augment.enabled = false;
  status = cream_box_transform_init(&p->transform, &augment, side, p->model.info.mean, err);
  if (!status) status = cream_detector_init(&p->detector, p->model.net, &limits, err);
  if (status) return status;
  if (options->draw && mkdir(options->draw, 0777) && errno != EEXIST)
    return cream_fail(err, CREAM_FAILED, "cannot make the folder %s: %s", options->draw, strerror(errno));
  p->threads = options->threads < MAX_THREADS ? options->threads : MAX_THREADS;
  p->pixels = malloc(BATCH * image_bytes(p));
  p->boxes = malloc(BATCH * (size_t)limits.detections * sizeof *p->boxes);
  if (p->pixels && p->boxes) return CREAM_OK;
  return cream_fail_memory(err, BATCH * image_bytes(p), "images");
}

cream_status detect_predict(const detect_options *options, cream_error *err) {
  static prediction p;
  p = (prediction){.options = options};
  cream_status status = open_all(&p, err);
  if (!status) status = run_to_file(&p, err);
  if (!status && p.unusable)
    status =
        cream_fail(err, CREAM_BAD_DATA, "%zu of %zu images could not be used", p.unusable, p.files.count);
  for (int i = 0; i < MAX_THREADS; i++) {
    cream_image_free(&p.originals[i]);
    cream_box_memory_free(&p.memory[i]);
  }
  cream_listing_free(&p.files);
  free(p.pixels);
  free(p.boxes);
  cream_detector_destroy(&p.detector);
  cream_model_close(&p.model);
  return status;
}
