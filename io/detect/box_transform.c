#include "box_transform.h"

#include <math.h>
#include <string.h>

#include "io/image/colour.h"

/* ---- settings ---------------------------------------------------------------------------------------- */

static cream_status check(const char *name, double value, double low, double high, cream_error *err) {
  if (value >= low && value <= high) return CREAM_OK;
  return cream_fail(err, CREAM_BAD_CONFIG, "%s: got %g, expected a number from %g to %g", name, value, low,
                    high);
}

cream_status cream_box_transform_init(cream_box_transform *self, const cream_box_augment *augment, int side,
                                      const float mean[3], cream_error *err) {
  const cream_box_augment *a = augment;
  cream_status status = check("detect.augment.flip", a->flip, 0, 1, err);
  if (!status) status = check("detect.augment.scale_min", a->scale_min, 0.01, 100, err);
  if (!status) status = check("detect.augment.scale_max", a->scale_max, a->scale_min, 100, err);
  if (!status) status = check("detect.augment.colour", a->colour, 0, 10, err);
  if (!status) status = check("detect.augment.least_side", a->least_side, 0, side, err);
  if (!status) status = check("detect.augment.least_part", a->least_part, 0, 1, err);
  if (!status) status = check("side", side, 1, 8192, err);
  if (status) return status;
  *self = (cream_box_transform){.augment = *augment, .side = side};
  for (int c = 0; c < 3; c++) self->fill[c] = (uint8_t)fmin(255, fmax(0, rint(255 * (double)mean[c])));
  return CREAM_OK;
}

/* ---- the image --------------------------------------------------------------------------------------- */

static int resized(int size, double scale) {
  return (int)fmin(65535, fmax(1, rint(size * scale)));
}

/* The left or upper edge of the part of `side` pixels that is cut out of `size` pixels. */
static int draw_edge(cream_rng *rng, int size, int side) {
  return size > side ? (int)cream_rng_below(rng, (uint32_t)(size - side) + 1) : 0;
}

static void choose(cream_image_crop *crop, int width, int height) {
  cream_box_work *work = (cream_box_work *)crop;
  const cream_box_transform *t = work->transform;
  const int side = t->side, longer = width > height ? width : height;
  double scale = (double)side / longer;
  bool random = work->rng && t->augment.enabled;
  if (random)
    scale *=
        t->augment.scale_min + (t->augment.scale_max - t->augment.scale_min) * cream_rng_double(work->rng);
  work->width = width;
  work->height = height;
  work->out_width = resized(width, scale);
  work->out_height = resized(height, scale);
  work->left = random ? draw_edge(work->rng, work->out_width, side) : 0;
  work->top = random ? draw_edge(work->rng, work->out_height, side) : 0;
  work->mirror = random && cream_rng_double(work->rng) < t->augment.flip;
  work->window_width = work->out_width < side ? work->out_width : side;
  work->window_height = work->out_height < side ? work->out_height : side;
  *crop = (cream_image_crop){.choose = crop->choose, .width = width, .height = height};
  /* In an evaluation the image is decoded at full size, as other programs do. */
  crop->least_width = random && work->out_width < width ? work->out_width : width;
  crop->least_height = random && work->out_height < height ? work->out_height : height;
  work->chosen = true;
}

cream_box_work cream_box_transform_begin(const cream_box_transform *transform, cream_rng *rng) {
  return (cream_box_work){.crop = {.choose = choose}, .transform = transform, .rng = rng};
}

/* Writes the part of the resized image, [window_height, window_width, 3]. */
static cream_status resize(const cream_box_work *work, const cream_image *image, cream_scratch *scratch,
                           uint8_t *window, cream_error *err) {
  double shrink = image->shrink ? image->shrink : 1;
  const cream_resize job = {
      .pixels = image->pixels,
      .width = image->width,
      .height = image->height,
      .stride = (size_t)image->width * 3,
      .box = {0, 0, fmin(work->width / shrink, image->width), fmin(work->height / shrink, image->height)},
      .out_width = work->out_width,
      .out_height = work->out_height,
      .window_left = work->left,
      .window_top = work->top,
      .window_width = work->window_width,
      .window_height = work->window_height,
      .filter = CREAM_FILTER_BILINEAR,
      .mirror = work->mirror};
  return cream_resample(scratch, &job, window, err);
}

/* Places the window in the upper left corner. */
static void place(const cream_box_work *work, const uint8_t *window, uint8_t *pixels) {
  const cream_box_transform *t = work->transform;
  const size_t row = (size_t)t->side * 3, used = (size_t)work->window_width * 3;
  for (int y = 0; y < t->side; y++) {
    uint8_t *to = pixels + (size_t)y * row;
    bool inside = y < work->window_height;
    if (inside) memcpy(to, window + (size_t)y * used, used);
    for (size_t i = inside ? used : 0; i < row; i++) to[i] = t->fill[i % 3];
  }
}

static void set_view(const cream_box_work *work, cream_box_view *view) {
  float x = (float)work->out_width / (float)work->width, y = (float)work->out_height / (float)work->height;
  view->scale[0] = work->mirror ? -x : x;
  view->offset[0] = (float)(work->mirror ? work->window_width + work->left : -work->left);
  view->scale[1] = y;
  view->offset[1] = (float)-work->top;
  view->size[0] = work->width;
  view->size[1] = work->height;
}

/* Changes the colours of the window, which ends up in `window` again. */
static cream_status change_colours(const cream_box_work *work, cream_box_memory *memory, uint8_t *window,
                                   size_t bytes, cream_error *err) {
  cream_canvas canvas = {.pixels = window,
                         .spare = cream_scratch_need(&memory->spare, bytes),
                         .width = work->window_width,
                         .height = work->window_height};
  if (!canvas.spare) return cream_fail_memory(err, bytes, "transforming an image");
  cream_colour_jitter(&canvas, work->rng, work->transform->augment.colour);
  if (canvas.pixels != window) memcpy(window, canvas.pixels, bytes);
  return CREAM_OK;
}

cream_status cream_box_transform_finish(cream_box_work *work, const cream_image *image,
                                        cream_box_memory *memory, uint8_t *pixels, cream_box_view *view,
                                        cream_error *err) {
  const cream_box_augment *augment = &work->transform->augment;
  if (!work->chosen) choose(&work->crop, image->width, image->height);
  size_t bytes = (size_t)work->window_width * (size_t)work->window_height * 3;
  uint8_t *window = cream_scratch_need(&memory->window, bytes);
  if (!window) return cream_fail_memory(err, bytes, "transforming an image");
  cream_status status = resize(work, image, &memory->resize, window, err);
  if (!status && work->rng && augment->enabled && augment->colour > 0)
    status = change_colours(work, memory, window, bytes, err);
  if (status) return status;
  place(work, window, pixels);
  set_view(work, view);
  return CREAM_OK;
}

void cream_box_memory_free(cream_box_memory *memory) {
  cream_scratch_free(&memory->resize);
  cream_scratch_free(&memory->window);
  cream_scratch_free(&memory->spare);
}

/* ---- the boxes --------------------------------------------------------------------------------------- */

static float between(float value, float low, float high) {
  return value < low ? low : value > high ? high : value;
}

static double area_of(const cream_box *box) {
  return ((double)box->x2 - (double)box->x1) * ((double)box->y2 - (double)box->y1);
}

size_t cream_box_transform_boxes(const cream_box_work *work, const cream_box_view *view, cream_box *boxes,
                                 size_t n) {
  const cream_box_augment *augment = &work->transform->augment;
  const double part = work->rng && augment->enabled ? augment->least_part : 0;
  size_t left = 0;
  for (size_t i = 0; i < n; i++) {
    cream_box box = boxes[i];
    float a = box.x1 * view->scale[0] + view->offset[0], b = box.x2 * view->scale[0] + view->offset[0];
    box.x1 = work->mirror ? b : a;
    box.x2 = work->mirror ? a : b;
    box.y1 = box.y1 * view->scale[1] + view->offset[1];
    box.y2 = box.y2 * view->scale[1] + view->offset[1];
    const double whole = area_of(&box);
    box.x1 = between(box.x1, 0, (float)work->window_width);
    box.x2 = between(box.x2, 0, (float)work->window_width);
    box.y1 = between(box.y1, 0, (float)work->window_height);
    box.y2 = between(box.y2, 0, (float)work->window_height);
    if (!(box.x2 > box.x1 && box.y2 > box.y1)) continue;
    if (box.x2 - box.x1 < augment->least_side || box.y2 - box.y1 < augment->least_side) continue;
    if (area_of(&box) < part * whole) continue;
    boxes[left++] = box;
  }
  return left;
}
