#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "cpu/cpu.h"
#include "io/base/file.h"
#include "io/base/json.h"
#include "io/base/name.h"
#include "io/base/parallel.h"
#include "tools/lib/classify.h"
#include "tools/run/device.h"
#include "tools/run/model.h"
#include "tools/run/run_options.h"

enum { BATCH = 32, MAX_THREADS = 64 };

typedef struct predict_options {
  run_options run;
  bool no_resize; /* images are used as they are */
  int top;        /* classes printed for an image */
} predict_options;

/* An image of the batch. */
typedef struct input_image {
  const char *path;
  cream_status status; /* of reading it */
  cream_error error;
} input_image;

typedef struct prediction {
  const predict_options *options;
  cream_model model;
  cream_transforms transforms;
  int n, batch; /* images of this batch, and of the largest */
  input_image images[BATCH];
  uint8_t *pixels;     /* [batch, side, side, 3] */
  float *logits;       /* [batch, classes] */
  int *order;          /* [classes] */
  double *probability; /* [classes] */
  cream_reader readers[MAX_THREADS];
  int threads, unusable;
  cream_json json;
} prediction;

static size_t image_bytes(const prediction *p) {
  size_t side = (size_t)p->model.arch.net.resolution;
  return side * side * 3;
}

/* ---- reading ------------------------------------------------------------------------------------- */

static cream_status read_as_is(const prediction *p, const char *path, cream_image *image, uint8_t *pixels,
                               cream_error *err) {
  int side = p->model.arch.net.resolution;
  cream_status status = cream_image_read(path, 0, image, err);
  if (status != CREAM_OK) return status;
  if (image->width != side || image->height != side)
    return cream_fail(err, CREAM_BAD_DATA, "%s: %d x %d pixels, but --no-resize takes images of %d x %d",
                      path, image->width, image->height, side, side);
  memcpy(pixels, image->pixels, image_bytes(p));
  return CREAM_OK;
}

static void read_one(void *self, int thread, size_t item) {
  prediction *p = self;
  input_image *one = &p->images[item];
  cream_reader *r = &p->readers[thread];
  uint8_t *pixels = p->pixels + item * image_bytes(p);
  one->status = p->options->no_resize
                    ? read_as_is(p, one->path, &r->image, pixels, &one->error)
                    : cream_classify_read(&p->transforms, r, one->path, pixels, &one->error);
}

/* Moves the pixels of the images that could be read together; returns their number, or -1. */
static int gather(prediction *p, cream_error *err) {
  int good = 0;
  for (int i = 0; i < p->n; i++) {
    if (p->images[i].status == CREAM_OK) {
      memmove(p->pixels + (size_t)good++ * image_bytes(p), p->pixels + (size_t)i * image_bytes(p),
              image_bytes(p));
    } else if (p->images[i].status != CREAM_BAD_DATA) {
      *err = p->images[i].error;
      return -1;
    }
  }
  return good;
}

/* ---- answers ------------------------------------------------------------------------------------- */

static const char *name_of(const prediction *p, int label, char *text, size_t size) {
  if (p->model.info.n_classes) return cream_name_show(p->model.info.class_names[label], text, size);
  snprintf(text, size, "%d", label);
  return text;
}

static void answer_text(const prediction *p, const input_image *one, int top) {
  char text[CREAM_MAX_FILE_NAME];
  printf("%s:", cream_name_show(one->path, text, sizeof text));
  for (int i = 0; i < top; i++) {
    int label = p->order[i];
    printf("%s %s %.2f %%", i ? "," : "", name_of(p, label, text, sizeof text), 100 * p->probability[i]);
  }
  putchar('\n');
}

static void answer_json(prediction *p, const input_image *one, const float *logits, int top) {
  cream_json *json = &p->json;
  char text[CREAM_MAX_FILE_NAME];
  cream_json_object(json, NULL, false);
  cream_json_string(json, "image", cream_name_show(one->path, text, sizeof text));
  cream_json_array(json, "top", false);
  for (int i = 0; i < top; i++) {
    int label = p->order[i];
    cream_json_object(json, NULL, false);
    cream_json_integer(json, "class", (uint64_t)label);
    cream_json_string(json, "name", name_of(p, label, text, sizeof text));
    cream_json_number(json, "probability", p->probability[i]);
    cream_json_end(json);
  }
  cream_json_end(json);
  cream_json_array(json, "logits", false);
  for (int c = 0; c < p->model.arch.net.classes; c++) cream_json_number(json, NULL, (double)logits[c]);
  cream_json_end(json);
  cream_json_end(json);
}

static void answer(prediction *p, const input_image *one, const float *logits) {
  int classes = p->model.arch.net.classes, top = p->options->top;
  if (top > classes) top = classes;
  cream_classify_sort(logits, classes, top, p->order, p->probability);
  if (p->options->run.json)
    answer_json(p, one, logits, top);
  else
    answer_text(p, one, top);
}

static void answer_unusable(prediction *p, const input_image *one) {
  p->unusable++;
  fflush(stdout);
  fprintf(stderr, "%s\n", one->error.text);
  if (!p->options->run.json) return;
  char text[CREAM_MAX_FILE_NAME];
  cream_json_object(&p->json, NULL, false);
  cream_json_string(&p->json, "image", cream_name_show(one->path, text, sizeof text));
  cream_json_string(&p->json, "error", one->error.text);
  cream_json_end(&p->json);
}

/* ---- batches ------------------------------------------------------------------------------------- */

static cream_status run_batch(prediction *p, cream_error *err) {
  cream_parallel(p->threads, (size_t)p->n, read_one, p);
  int good = gather(p, err);
  if (good < 0) return err->status;
  cream_status status = good ? cream_classify_forward(&p->model, good, p->pixels, p->logits, err) : CREAM_OK;
  const float *logits = p->logits;
  for (int i = 0; i < p->n && status == CREAM_OK; i++) {
    if (p->images[i].status != CREAM_OK) {
      answer_unusable(p, &p->images[i]);
      continue;
    }
    answer(p, &p->images[i], logits);
    logits += p->model.arch.net.classes;
  }
  return status;
}

static cream_status run_all(prediction *p, cream_error *err) {
  const run_options *options = &p->options->run;
  const cli_line *line = &options->line;
  p->json = cream_json_to(stdout);
  if (options->json) {
    cream_json_object(&p->json, NULL, true);
    cream_json_array(&p->json, "images", true);
  }
  cream_status status = CREAM_OK;
  for (int first = 0; first < line->n_arguments && status == CREAM_OK; first += p->batch) {
    int left = line->n_arguments - first;
    p->n = left < p->batch ? left : p->batch;
    for (int i = 0; i < p->n; i++) p->images[i] = (input_image){.path = line->arguments[first + i]};
    status = run_batch(p, err);
  }
  if (options->json && status == CREAM_OK) {
    cream_json_end(&p->json);
    cream_json_end(&p->json);
    putchar('\n');
  }
  return status;
}

static cream_status open_all(prediction *p, cream_error *err) {
  const cream_config *config = &p->options->run.config;
  int count = p->options->run.line.n_arguments;
  p->batch = count < BATCH ? count : BATCH;
  cream_status status = model_open(&p->model, config, p->batch, err);
  if (status != CREAM_OK) return status;
  const cream_model *m = &p->model;
  device_print(m->backend);
  status = cream_classify_transforms(m, &config->augment, &p->transforms, err);
  if (status != CREAM_OK) return status;
  p->threads = config->threads ? config->threads : cream_cpu_threads();
  if (p->threads > MAX_THREADS) p->threads = MAX_THREADS;
  size_t classes = (size_t)m->arch.net.classes, batch = (size_t)p->batch;
  p->pixels = malloc(batch * image_bytes(p));
  p->logits = malloc(batch * classes * sizeof *p->logits);
  p->order = malloc(classes * sizeof *p->order);
  p->probability = malloc(classes * sizeof *p->probability);
  if (p->pixels && p->logits && p->order && p->probability) return CREAM_OK;
  return cream_fail_memory(err, batch * image_bytes(p), "images");
}

static cream_status run(const void *values, cream_error *err) {
  static prediction p;
  p = (prediction){.options = values};
  cream_status status = open_all(&p, err);
  if (status == CREAM_OK) status = run_all(&p, err);
  if (status == CREAM_OK && p.unusable)
    status = cream_fail(err, CREAM_BAD_DATA, "%d of %d images could not be used", p.unusable,
                        p.options->run.line.n_arguments);
  for (int i = 0; i < p.threads; i++) cream_reader_free(&p.readers[i]);
  free(p.pixels);
  free(p.logits);
  free(p.order);
  free(p.probability);
  cream_model_close(&p.model);
  return status;
}

static void defaults(void *values) {
  predict_options *options = values;
  run_options_defaults(values);
  options->top = 5;
}

static const cli_option options[] = {
    RUN_ARCH,
    RUN_WEIGHTS,
    RUN_FOLDER,
    RUN_CONFIG,
    RUN_SET,
    RUN_THREADS,
    RUN_DEVICE,
    CLI_VALUE(predict_options, no_resize, NETWORK, "no-resize", NULL,
              "use images as they are: they must have the network's size"),
    CLI_VALUE(predict_options, top, OUTPUT, "top", "N", "classes printed for an image", CLI_AT_LEAST(1)),
    RUN_JSON,
};

static const char *const settings[] = {
    "arch", "weights", RUN_DEVICE_SETTINGS, "augment.interpolation", "augment.test_crop", NULL};

COMMAND(
    predict, "classify images with a trained network", CLI_OPTIONS(options),
    CLI_VALUES(predict_options, run.line), .defaults = defaults, .run = run, .settings = settings,
    .arguments = "IMAGE...", .least_arguments = 1, .most_arguments = INT_MAX,
    .missing = "no images: expected the files to classify; see cream predict --help",
    .text =
        "Images (JPEG, PNG) are resized and cropped as in cream test. The names of the classes and the\n"
        "normalisation come from the metadata of the weights; without them, classes are numbered and images\n"
        "are normalised by ImageNet's mean and deviation.\n");
