#include "box_build.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/data.h"
#include "image_size.h"
#include "io/base/file.h"
#include "io/base/name.h"

enum { MAX_NAME = 512 }; /* of a class */

/* A box that has been checked, and its image. */
typedef struct placed_box {
  cream_box box;
  double area;
  uint32_t image;
} placed_box;

typedef struct part_builder {
  cream_box_image *images;
  placed_box *boxes;
  size_t n_images, room_images, n_boxes, room_boxes;
} part_builder;

struct cream_box_builder {
  cream_box_set *set; /* parts are filled at the end */
  int room_classes;
  part_builder parts[CREAM_PARTS];
  bool undivided, no_files;
};

/* Of ImageNet: torchvision and timm normalise all images with them. */
static const float imagenet_mean[3] = {0.485f, 0.456f, 0.406f}, imagenet_std[3] = {0.229f, 0.224f, 0.225f};

cream_box_builder *cream_box_builder_create(const char *format, bool no_files) {
  cream_box_builder *self = calloc(1, sizeof *self);
  if (self) self->set = calloc(1, sizeof *self->set);
  if (!self || !self->set) {
    free(self);
    return NULL;
  }
  self->set->format = format;
  self->no_files = no_files;
  memcpy(self->set->mean, imagenet_mean, sizeof imagenet_mean);
  memcpy(self->set->std, imagenet_std, sizeof imagenet_std);
  return self;
}

void cream_box_builder_free(cream_box_builder *self) {
  if (!self) return;
  for (int p = 0; p < CREAM_PARTS; p++) {
    for (size_t i = 0; i < self->parts[p].n_images; i++) free(self->parts[p].images[i].path);
    free(self->parts[p].images);
    free(self->parts[p].boxes);
  }
  cream_box_set_free(self->set);
  free(self);
}

cream_notes *cream_box_builder_notes(cream_box_builder *self) {
  return &self->set->notes;
}

void cream_box_builder_problem(cream_box_builder *self, cream_box_problem problem, const char *format, ...) {
  if (self->set->problems[problem].count++) return;
  char text[sizeof self->set->problems[problem].first];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  cream_name_show(text, self->set->problems[problem].first, sizeof text);
}

void cream_box_builder_undivided(cream_box_builder *self) {
  self->undivided = true;
}

/* ---- classes ----------------------------------------------------------------------------------------- */

int cream_box_builder_label(const cream_box_builder *self, const char *name) {
  char text[MAX_NAME];
  cream_name_show(name, text, sizeof text);
  for (int c = 0; c < self->set->classes; c++)
    if (!strcmp(self->set->class_names[c], text)) return c;
  return -1;
}

int cream_box_builder_classes(const cream_box_builder *self) {
  return self->set->classes;
}

cream_status cream_box_builder_class(cream_box_builder *self, const char *place, const char *name,
                                     int64_t category, cream_error *err) {
  cream_box_set *set = self->set;
  char text[MAX_NAME];
  cream_name_show(name, text, sizeof text);
  if (!*text)
    return cream_fail(err, CREAM_BAD_DATA, "%.300s: class %d has no name; expected one for each class", place,
                      set->classes);
  if (cream_box_builder_label(self, text) >= 0)
    return cream_fail(err, CREAM_BAD_DATA, "%.300s: two classes are called '%.80s'; expected different names",
                      place, text);
  if (set->classes == self->room_classes) {
    int room = self->room_classes ? 2 * self->room_classes : 32;
    char **names = realloc(set->class_names, (size_t)room * sizeof *names);
    if (names) set->class_names = names;
    int64_t *categories = realloc(set->categories, (size_t)room * sizeof *categories);
    if (categories) set->categories = categories;
    if (!names || !categories) return cream_fail_memory(err, (size_t)room * sizeof *names, "the classes");
    self->room_classes = room;
  }
  set->class_names[set->classes] = strdup(text);
  if (!set->class_names[set->classes]) return cream_fail_memory(err, sizeof text, "the classes");
  set->categories[set->classes++] = category;
  return CREAM_OK;
}

/* ---- images ------------------------------------------------------------------------------------------ */

/* Makes room for one more of `size` bytes each. */
static bool grow(void **list, size_t count, size_t *room, size_t size) {
  if (count < *room) return true;
  size_t more = *room ? *room + *room / 2 : 64;
  void *larger = realloc(*list, more * size);
  if (!larger) return false;
  *list = larger;
  *room = more;
  return true;
}

cream_status cream_box_builder_image(cream_box_builder *self, cream_part part, const char *path, int width,
                                     int height, int64_t id, size_t *index, cream_error *err) {
  part_builder *to = &self->parts[part];
  bool known = width > 0 && height > 0;
  *index = CREAM_BOX_NO_IMAGE;
  if (!(known && self->no_files) && !cream_is_file(path)) {
    cream_box_builder_problem(self, CREAM_BOX_MISSING, "%.280s", path);
    return CREAM_OK;
  }
  cream_error reason;
  if (!known && cream_image_file_size(path, &width, &height, &reason)) {
    cream_box_builder_problem(self, CREAM_BOX_UNREADABLE, "%.280s", reason.text);
    return CREAM_OK;
  }
  void *images = to->images;
  bool good = grow(&images, to->n_images, &to->room_images, sizeof *to->images);
  to->images = images;
  char *copy = good ? strdup(path) : NULL;
  if (!copy) return cream_fail_memory(err, to->room_images * sizeof *to->images, "the names of images");
  *index = to->n_images++;
  to->images[*index] = (cream_box_image){.path = copy, .width = width, .height = height, .id = id};
  return CREAM_OK;
}

void cream_box_builder_size(const cream_box_builder *self, cream_part part, size_t index, int *width,
                            int *height) {
  *width = self->parts[part].images[index].width;
  *height = self->parts[part].images[index].height;
}

/* ---- boxes ------------------------------------------------------------------------------------------- */

/* The problem of a box in an image of this size; CREAM_BOX_PROBLEM_COUNT: none. */
static cream_box_problem problem_of(const cream_box_entry *e, int width, int height, int classes) {
  if (!isfinite(e->x1) || !isfinite(e->y1) || !isfinite(e->x2) || !isfinite(e->y2)) return CREAM_BOX_NUMBERS;
  if (e->label < 0 || e->label >= classes) return CREAM_BOX_CATEGORY;
  if (e->x2 < e->x1 || e->y2 < e->y1) return CREAM_BOX_INVERTED;
  if (!((float)e->x1 < (float)e->x2 && (float)e->y1 < (float)e->y2)) return CREAM_BOX_EMPTY;
  if (e->x2 <= 0 || e->y2 <= 0 || e->x1 >= width || e->y1 >= height) return CREAM_BOX_OUTSIDE;
  if (e->x1 <= -1 || e->y1 <= -1 || e->x2 >= width + 1.0 || e->y2 >= height + 1.0) return CREAM_BOX_BEYOND;
  return CREAM_BOX_PROBLEM_COUNT;
}

cream_status cream_box_builder_box(cream_box_builder *self, cream_part part, size_t image,
                                   const cream_box_entry *entry, cream_error *err) {
  part_builder *to = &self->parts[part];
  if (image == CREAM_BOX_NO_IMAGE) return CREAM_OK;
  CREAM_ASSERT(image < to->n_images);
  const cream_box_image *of = &to->images[image];
  cream_box_problem problem = problem_of(entry, of->width, of->height, self->set->classes);
  if (problem != CREAM_BOX_PROBLEM_COUNT) {
    char number[32] = "";
    if (entry->number) snprintf(number, sizeof number, ": box %zu", entry->number);
    cream_box_builder_problem(self, problem, "%.160s%s: edges %g, %g, %g, %g in %d x %d pixels", entry->where,
                              number, entry->x1, entry->y1, entry->x2, entry->y2, of->width, of->height);
    if (problem != CREAM_BOX_BEYOND) return CREAM_OK;
  }
  void *boxes = to->boxes;
  bool good = grow(&boxes, to->n_boxes, &to->room_boxes, sizeof *to->boxes);
  to->boxes = boxes;
  if (!good) return cream_fail_memory(err, to->room_boxes * sizeof *to->boxes, "boxes");
  double area = entry->area > 0 && isfinite(entry->area) ? entry->area
                                                         : (entry->x2 - entry->x1) * (entry->y2 - entry->y1);
  to->boxes[to->n_boxes++] = (placed_box){.box = {.x1 = (float)entry->x1,
                                                  .y1 = (float)entry->y1,
                                                  .x2 = (float)entry->x2,
                                                  .y2 = (float)entry->y2,
                                                  .label = entry->label,
                                                  .crowd = entry->crowd,
                                                  .score = 1},
                                          .area = area,
                                          .image = (uint32_t)image};
  return CREAM_OK;
}

/* ---- parts ------------------------------------------------------------------------------------------- */

/* Fills *part with the images that `order` has, [n], and their boxes. Takes their paths. */
static cream_status fill_part(const part_builder *from, const uint32_t *order, size_t n, cream_box_part *part,
                              cream_error *err) {
  size_t *place = malloc((from->n_images + 1) * sizeof *place); /* of an image in the part; n: not in it */
  part->images = malloc((n + 1) * sizeof *part->images);
  part->first = calloc(n + 2, sizeof *part->first);
  part->boxes = malloc((from->n_boxes + 1) * sizeof *part->boxes);
  part->areas = malloc((from->n_boxes + 1) * sizeof *part->areas);
  if (!place || !part->images || !part->first || !part->boxes || !part->areas) {
    free(place);
    return cream_fail_memory(err, from->n_boxes * sizeof *part->boxes, "boxes");
  }
  for (size_t i = 0; i < from->n_images; i++) place[i] = n;
  for (size_t i = 0; i < n; i++) {
    part->images[i] = from->images[order[i]];
    from->images[order[i]].path = NULL;
    place[order[i]] = i;
  }
  part->count = n;
  for (size_t b = 0; b < from->n_boxes; b++)
    if (place[from->boxes[b].image] < n) part->first[place[from->boxes[b].image] + 2]++;
  for (size_t i = 0; i < n; i++) part->first[i + 2] += part->first[i + 1];
  for (size_t b = 0; b < from->n_boxes; b++) {
    if (place[from->boxes[b].image] == n) continue;
    size_t at = part->first[place[from->boxes[b].image] + 1]++;
    part->boxes[at] = from->boxes[b].box;
    part->areas[at] = from->boxes[b].area;
  }
  free(place);
  return CREAM_OK;
}

typedef struct by_id {
  int64_t id;
  uint32_t index;
} by_id;

static int compare_ids(const void *a, const void *b) {
  const by_id *x = a, *y = b;
  if (x->id != y->id) return x->id < y->id ? -1 : 1;
  return x->index < y->index ? -1 : x->index > y->index;
}

/* The images of a part by id; NULL: out of memory. */
static uint32_t *order_of(const part_builder *part) {
  by_id *ids = malloc((part->n_images + 1) * sizeof *ids);
  uint32_t *order = malloc((part->n_images + 1) * sizeof *order);
  for (size_t i = 0; ids && i < part->n_images; i++) ids[i] = (by_id){part->images[i].id, (uint32_t)i};
  if (ids) qsort(ids, part->n_images, sizeof *ids, compare_ids);
  for (size_t i = 0; ids && order && i < part->n_images; i++) order[i] = ids[i].index;
  if (!ids) free(order);
  uint32_t *made = ids ? order : NULL;
  free(ids);
  return made;
}

/* Draws which of the n images, in `order`, are test images: a share of them, which come first in *split. */
static uint32_t *draw_split(const uint32_t *order, size_t n, size_t n_test, uint64_t seed) {
  int32_t *labels = calloc(n + 1, sizeof *labels);
  uint32_t *split = malloc((n + 1) * sizeof *split);
  if (labels && split) {
    cream_split(labels, n, 1, seed, n_test, split, split + n_test);
    for (size_t i = 0; i < n; i++) split[i] = order[split[i]];
  }
  free(labels);
  return split;
}

/* Divides the images of a set without parts. */
static cream_status fill_divided(cream_box_builder *self, const char *spec, const cream_box_place *place,
                                 const uint32_t *order, cream_error *err) {
  const part_builder *all = &self->parts[CREAM_PART_TRAIN];
  cream_box_set *set = self->set;
  size_t n_test = (size_t)llround(place->val * (double)all->n_images);
  if (n_test == 0 && all->n_images > 1) n_test = 1;
  uint32_t *split = draw_split(order, all->n_images, n_test, place->seed);
  if (!split) return cream_fail_memory(err, all->n_images * sizeof *split, "a split");
  cream_status status = fill_part(all, split, n_test, &set->parts[CREAM_PART_TEST], err);
  if (!status)
    status = fill_part(all, split + n_test, all->n_images - n_test, &set->parts[CREAM_PART_TRAIN], err);
  free(split);
  if (!status && !place->split)
    cream_notes_add(&set->notes,
                    "%.300s has no test part: %zu of its %zu images are the test images; add ,val=SHARE to "
                    "choose the share",
                    spec, n_test, all->n_images);
  return status;
}

static cream_status fill_parts(cream_box_builder *self, const char *spec, const cream_box_place *place,
                               cream_box_use use, cream_error *err) {
  cream_status status = CREAM_OK;
  bool tests =
      self->undivided && (place->all || (!place->split && use != CREAM_BOX_TRAIN && use != CREAM_BOX_LOOK));
  bool divided = self->undivided && !place->all && (place->split || use == CREAM_BOX_TRAIN);
  for (int p = 0; p < CREAM_PARTS && !status; p++) {
    uint32_t *order = order_of(&self->parts[p]);
    if (!order) return cream_fail_memory(err, self->parts[p].n_images * sizeof *order, "the images");
    if (divided && p == CREAM_PART_TRAIN)
      status = fill_divided(self, spec, place, order, err);
    else if (!divided)
      status = fill_part(&self->parts[p], order, self->parts[p].n_images,
                         &self->set->parts[tests ? CREAM_PARTS - 1 - p : p], err);
    free(order);
  }
  return status;
}

/* The most frequent problem that made boxes or images be skipped, for messages. */
static const char *worst_problem(const cream_box_set *set, char *text, size_t size) {
  int worst = -1;
  text[0] = '\0';
  for (int i = 0; i < CREAM_BOX_PROBLEM_COUNT; i++) {
    bool kept = i == CREAM_BOX_OUTLINE || i == CREAM_BOX_BEYOND;
    if (!kept && set->problems[i].count > (worst < 0 ? 0 : set->problems[worst].count)) worst = i;
  }
  if (worst >= 0)
    snprintf(text, size, "; %zu %s, first: %s", set->problems[worst].count,
             cream_box_problem_text((cream_box_problem)worst), set->problems[worst].first);
  return text;
}

static cream_status check(const cream_box_set *set, const char *spec, cream_box_use use, cream_error *err) {
  const cream_box_part *train = &set->parts[CREAM_PART_TRAIN], *test = &set->parts[CREAM_PART_TEST];
  char text[400];
  if (train->count + test->count == 0)
    return cream_fail(err, CREAM_BAD_DATA, "data: %.150s: no images; expected at least one%.300s", spec,
                      worst_problem(set, text, sizeof text));
  if (set->classes == 0)
    return cream_fail(err, CREAM_BAD_DATA, "data: %.150s: no classes; expected at least one%.300s", spec,
                      worst_problem(set, text, sizeof text));
  if (use == CREAM_BOX_TRAIN && train->count == 0)
    return cream_fail(err, CREAM_BAD_DATA,
                      "data: %.300s: no training images, only test images; expected a training part too",
                      spec);
  if ((use == CREAM_BOX_TEST || use == CREAM_BOX_TRUTH) && test->count == 0)
    return cream_fail(err, CREAM_BAD_DATA,
                      "data: %.300s: no test images; expected a test part, or add ,val=all", spec);
  const bool tests = use == CREAM_BOX_TEST || use == CREAM_BOX_TRUTH || train->count == 0;
  const cream_box_part *needed = tests ? test : train;
  if (needed->first[needed->count] > 0) return CREAM_OK;
  return cream_fail(err, CREAM_BAD_DATA, "data: %.150s: no boxes in its %zu %s images; expected some%.300s",
                    spec, needed->count,
                    cream_part_name(needed == train ? CREAM_PART_TRAIN : CREAM_PART_TEST),
                    worst_problem(set, text, sizeof text));
}

cream_status cream_box_builder_finish(cream_box_builder *self, const char *spec, const cream_box_place *place,
                                      cream_box_use use, cream_box_set **set, cream_error *err) {
  cream_status status = fill_parts(self, spec, place, use, err);
  if (!status) status = check(self->set, spec, use, err);
  if (status) return status;
  *set = self->set;
  self->set = NULL;
  cream_box_builder_free(self);
  return CREAM_OK;
}
