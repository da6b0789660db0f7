#include "transform.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/base/elementary.h"

enum { TRIES = 10 }; /* draws of a rectangle before giving up, as in torchvision and timm */

/* An image after the crop. */
typedef struct stage {
  const cream_transforms *transforms;
  cream_rng *rng;
  cream_canvas canvas;
} stage;

/* ---- the crop -------------------------------------------------------------------------------------- */

static double uniform(cream_rng *rng, double low, double high) {
  return low + (high - low) * cream_rng_double(rng);
}

/* Draws 0..last. */
static int below_or_at(cream_rng *rng, int last) {
  return (int)cream_rng_below(rng, (uint32_t)last + 1);
}

/* Draws width / height so that its logarithm is uniform. */
static double draw_ratio(cream_rng *rng, double low, double high) {
  return cream_exp(uniform(rng, cream_log(low), cream_log(high)));
}

/* Without rng, for tests, `random` is bicubic. */
static cream_filter choose_filter(const cream_augment_config *config, cream_rng *rng) {
  cream_filter filter = CREAM_FILTER_BILINEAR;
  switch (config->interpolation) {
  case CREAM_INTERPOLATION_BILINEAR:
    break;
  case CREAM_INTERPOLATION_BICUBIC:
    filter = CREAM_FILTER_BICUBIC;
    break;
  case CREAM_INTERPOLATION_RANDOM:
    if (!rng || cream_rng_below(rng, 2)) filter = CREAM_FILTER_BICUBIC;
    break;
  case CREAM_INTERPOLATION_COUNT:
    break;
  }
  return filter;
}

/* The fallback of the random crop: the largest central part within the limits of the ratio. */
static void middle(const cream_augment_config *config, int width, int height, cream_image_crop *crop) {
  double ratio = (double)width / height;
  crop->width = width;
  crop->height = height;
  if (ratio < config->ratio_min)
    crop->height = (int)fmin(height, fmax(1, rint(width / config->ratio_min)));
  else if (ratio > config->ratio_max)
    crop->width = (int)fmin(width, fmax(1, rint(height * config->ratio_max)));
  crop->left = (width - crop->width) / 2;
  crop->top = (height - crop->height) / 2;
}

static void choose_random(cream_transform_work *work, int width, int height) {
  const cream_augment_config *config = &work->transforms->config;
  cream_image_crop *crop = &work->crop;
  bool found = false;
  for (int i = 0; i < TRIES && !found; i++) {
    double area = (double)width * height * uniform(work->rng, config->scale_min, config->scale_max);
    double ratio = draw_ratio(work->rng, config->ratio_min, config->ratio_max);
    crop->width = (int)fmin(rint(sqrt(area * ratio)), INT32_MAX);
    crop->height = (int)fmin(rint(sqrt(area / ratio)), INT32_MAX);
    found = crop->width > 0 && crop->width <= width && crop->height > 0 && crop->height <= height;
  }
  if (found) {
    crop->top = below_or_at(work->rng, height - crop->height);
    crop->left = below_or_at(work->rng, width - crop->width);
  } else {
    middle(config, width, height, crop);
  }
  work->out_width = work->out_height = work->transforms->side;
  crop->least_width = crop->least_height = work->transforms->side;
}

/* Scales `size` by shorter / shorter_size. */
static int resized(int size, int shorter_size, int shorter) {
  return (int)fmin((double)shorter * size / shorter_size, 1 << 30);
}

/* Resizes the whole image and keeps the central square. The image is decoded at full size, as other programs do. */
static void choose_test(cream_transform_work *work, int width, int height) {
  int side = work->transforms->side, shorter = (int)floor(side / work->transforms->config.test_crop);
  int shorter_size = width < height ? width : height;
  work->out_width = resized(width, shorter_size, shorter);
  work->out_height = resized(height, shorter_size, shorter);
  work->out_left = (int)rint((work->out_width - side) / 2.0);
  work->out_top = (int)rint((work->out_height - side) / 2.0);
  work->crop.width = width;
  work->crop.height = height;
  work->crop.least_width = width;
  work->crop.least_height = height;
}

static void choose(cream_image_crop *crop, int width, int height) {
  cream_transform_work *work = (cream_transform_work *)crop;
  bool random = work->rng && (work->only & 1u << CREAM_TRANSFORM_CROP);
  if (random)
    choose_random(work, width, height);
  else
    choose_test(work, width, height);
  work->chosen = true;
}

cream_transform_work cream_transform_begin(const cream_transforms *transforms, cream_rng *rng,
                                           unsigned only) {
  return (cream_transform_work){
      .crop = {.choose = choose}, .transforms = transforms, .rng = rng, .only = only};
}

/* ---- transforms after the crop ----------------------------------------------------------------------- */

static void randaugment_apply(stage *s) {
  cream_randaugment_apply(&s->transforms->randaugment, s->rng, s->transforms->fill, &s->canvas);
}

static void colour_apply(stage *s) {
  cream_colour_jitter(&s->canvas, s->rng, s->transforms->config.colour);
}

/* Fills a rectangle with noise of the data's mean and deviation by channel. A random word gives two values. */
static void erase_apply(stage *s) {
  const cream_augment_config *config = &s->transforms->config;
  const double least_ratio = 0.3;
  int side = s->canvas.width, width = 0, height = 0;
  bool found = false;
  for (int i = 0; i < TRIES && !found; i++) {
    double area = (double)side * side * uniform(s->rng, config->erase_min, config->erase_max);
    double ratio = draw_ratio(s->rng, least_ratio, 1 / least_ratio);
    height = (int)rint(sqrt(area * ratio));
    width = (int)rint(sqrt(area / ratio));
    found = width > 0 && width < side && height > 0 && height < side;
  }
  if (!found) return;
  int top = below_or_at(s->rng, side - height), left = below_or_at(s->rng, side - width);
  for (int y = top; y < top + height; y++) {
    uint8_t *row = s->canvas.pixels + ((size_t)y * (size_t)side + (size_t)left) * 3;
    uint32_t word = 0;
    for (int i = 0; i < width * 3; i++, word >>= 16) {
      if (i % 2 == 0) word = cream_rng_u32(s->rng);
      row[i] = s->transforms->noise[i % 3][word % CREAM_ERASE_LEVELS];
    }
  }
}

/* ---- the table ------------------------------------------------------------------------------------- */

static double crop_probability(const cream_transforms *t) {
  return t->config.enabled;
}

static double flip_probability(const cream_transforms *t) {
  return t->config.flip;
}

static double randaugment_probability(const cream_transforms *t) {
  return t->randaugment.count > 0;
}

static double colour_probability(const cream_transforms *t) {
  return t->config.colour > 0 && t->randaugment.count == 0;
}

static double erase_probability(const cream_transforms *t) {
  return t->config.erase;
}

static void crop_describe(const cream_augment_config *c, char *text, size_t size) {
  const char *filter = "";
  switch (c->interpolation) {
  case CREAM_INTERPOLATION_BILINEAR:
    filter = "bilinear";
    break;
  case CREAM_INTERPOLATION_BICUBIC:
    filter = "bicubic";
    break;
  case CREAM_INTERPOLATION_RANDOM:
    filter = "bilinear or bicubic";
    break;
  case CREAM_INTERPOLATION_COUNT:
    break;
  }
  snprintf(text, size, "area %g to %g, ratio %.3g to %.3g, %s", c->scale_min, c->scale_max, c->ratio_min,
           c->ratio_max, filter);
}

static void flip_describe(const cream_augment_config *c, char *text, size_t size) {
  (void)c;
  snprintf(text, size, "horizontal");
}

static void randaugment_describe(const cream_augment_config *c, char *text, size_t size) {
  snprintf(text, size, "%s", c->randaugment);
}

static void colour_describe(const cream_augment_config *c, char *text, size_t size) {
  snprintf(text, size, "brightness, contrast and saturation by up to %g", c->colour);
}

static void erase_describe(const cream_augment_config *c, char *text, size_t size) {
  snprintf(text, size, "area %g to %.3g, noise", c->erase_min, c->erase_max);
}

/* resize() crops and flips. */
#define crop_apply NULL
#define flip_apply NULL

static const struct {
  const char *name;
  double (*probability)(const cream_transforms *);
  void (*describe)(const cream_augment_config *, char *text, size_t size);
  void (*apply)(stage *); /* may be NULL */
} table[CREAM_TRANSFORMS] = {
#define ROW(id, name) [CREAM_TRANSFORM_##id] = {#name, name##_probability, name##_describe, name##_apply},
    CREAM_TRANSFORM_LIST(ROW)
#undef ROW
};

const char *cream_transform_name(cream_transform transform) {
  return table[transform].name;
}

char *cream_transform_describe(const cream_transforms *t, cream_transform transform, char *text,
                               size_t size) {
  double probability = table[transform].probability(t);
  *text = '\0';
  if (!t->config.enabled || probability == 0) return text;
  table[transform].describe(&t->config, text, size);
  size_t used = strlen(text);
  if (probability < 1) snprintf(text + used, size - used, ", probability %g", probability);
  return text;
}

/* Draws whether a transform is applied to this image. */
static bool drawn(cream_transform_work *work, cream_transform transform) {
  double probability = table[transform].probability(work->transforms);
  return (work->only & 1u << transform) && probability > 0 && cream_rng_double(work->rng) < probability;
}

/* Crops and flips: resizes the chosen part of the decoded image. */
static cream_status resize(cream_transform_work *work, const cream_image *image, cream_scratch *scratch,
                           uint8_t *pixels, cream_error *err) {
  const cream_image_crop *crop = &work->crop;
  const cream_augment_config *config = &work->transforms->config;
  double scale = image->shrink ? image->shrink : 1;
  double left = crop->left / scale - image->left, top = crop->top / scale - image->top;
  double right = fmin(left + crop->width / scale, image->width);
  double bottom = fmin(top + crop->height / scale, image->height);
  int x = (int)left, y = (int)top, side = work->transforms->side;
  size_t stride = (size_t)image->width * 3;
  cream_resize job = {.pixels = image->pixels + (size_t)y * stride + (size_t)x * 3,
                      .width = (int)ceil(right) - x,
                      .height = (int)ceil(bottom) - y,
                      .stride = stride,
                      .box = {left - x, top - y, right - x, bottom - y},
                      .out_width = work->out_width,
                      .out_height = work->out_height,
                      .window_left = work->out_left,
                      .window_top = work->out_top,
                      .window_width = side,
                      .window_height = side};
  job.filter = choose_filter(config, work->rng);
  if (work->rng) job.mirror = drawn(work, CREAM_TRANSFORM_FLIP);
  return cream_resample(scratch, &job, pixels, err);
}

cream_status cream_transform_finish(cream_transform_work *work, const cream_image *image,
                                    cream_transform_memory *memory, uint8_t *pixels, cream_error *err) {
  const cream_transforms *t = work->transforms;
  if (!work->chosen) choose(&work->crop, image->width, image->height);
  cream_status status = resize(work, image, &memory->resize, pixels, err);
  if (status || !work->rng) return status;
  size_t bytes = (size_t)t->side * (size_t)t->side * 3;
  stage s = {
      .transforms = t, .rng = work->rng, .canvas = {.pixels = pixels, .width = t->side, .height = t->side}};
  s.canvas.spare = cream_scratch_need(&memory->spare, bytes);
  if (!s.canvas.spare) return cream_fail_memory(err, bytes, "transforming an image");
  for (int i = 0; i < CREAM_TRANSFORMS; i++)
    if (table[i].apply && drawn(work, (cream_transform)i)) table[i].apply(&s);
  if (s.canvas.pixels != pixels) memcpy(pixels, s.canvas.pixels, bytes);
  return CREAM_OK;
}

void cream_transform_memory_free(cream_transform_memory *memory) {
  cream_scratch_free(&memory->resize);
  cream_scratch_free(&memory->spare);
}

/* ---- settings -------------------------------------------------------------------------------------- */

static cream_status check_range(const char *name, double low, double high, cream_error *err) {
  if (low <= high) return CREAM_OK;
  return cream_fail(err, CREAM_BAD_CONFIG, "augment.%s_min: got %g, expected at most augment.%s_max, %g",
                    name, low, name, high);
}

/* Fills `noise` with quantiles of 255 * (mean + std * N(0, 1)), rounded and clipped to 0..255. */
static void fill_noise(uint8_t noise[CREAM_ERASE_LEVELS], double mean, double std) {
  int value = 0;
  for (int i = 0; i < CREAM_ERASE_LEVELS; i++) {
    double quantile = (i + 0.5) / CREAM_ERASE_LEVELS;
    while (value < 255 && 0.5 * cream_erfc((mean - (value + 0.5) / 255) / (std * M_SQRT2)) < quantile)
      value++;
    noise[i] = (uint8_t)value;
  }
}

cream_status cream_transforms_init(cream_transforms *self, const cream_augment_config *config, int side,
                                   const float mean[3], const float std[3], cream_error *err) {
  memset(self, 0, sizeof *self);
  cream_status status = check_range("scale", config->scale_min, config->scale_max, err);
  if (!status) status = check_range("ratio", config->ratio_min, config->ratio_max, err);
  if (!status) status = check_range("erase", config->erase_min, config->erase_max, err);
  if (!status) status = cream_randaugment_parse(config->randaugment, &self->randaugment, err);
  if (status) return status;
  self->config = *config;
  self->side = side;
  for (int c = 0; c < 3; c++) {
    self->fill[c] = (uint8_t)fmin(255, fmax(0, rint(255 * (double)mean[c])));
    fill_noise(self->noise[c], mean[c], fmax(std[c], 1e-6));
  }
  return CREAM_OK;
}
