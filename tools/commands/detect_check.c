/* cream detect data check. */
#include <stdlib.h>

#include <xxhash.h>

#include "detect.h"
#include "io/base/json.h"
#include "io/base/parallel.h"
#include "io/image/image.h"

enum { SIZES = 3 };
static const char *const size_names[SIZES] = {"small", "medium", "large"}; /* COCO's ranges */
static const double size_limits[SIZES - 1] = {32 * 32, 96 * 96};

typedef struct checker {
  const cream_box_set *set;
  cream_image *images;  /* [threads] */
  char (*reasons)[512]; /* [images of both parts]; "": it can be used */
  uint64_t *hashes;     /* [images of both parts]: of their pixels; 0: it cannot be used */
} checker;

detect_counts detect_count(const cream_box_set *set, cream_part part) {
  const cream_box_part *of = &set->parts[part];
  detect_counts counts = {.boxes = of->first[of->count],
                          .of_class = calloc((size_t)set->classes + 1, sizeof *counts.of_class)};
  for (size_t b = 0; b < counts.boxes && counts.of_class; b++) {
    counts.of_class[of->boxes[b].label]++;
    counts.crowds += of->boxes[b].crowd;
  }
  return counts;
}

/* Images that the set has left out. */
static size_t left_out(const cream_box_set *set) {
  return set->problems[CREAM_BOX_MISSING].count + set->problems[CREAM_BOX_UNREADABLE].count;
}

static const cream_box_image *image_at(const cream_box_set *set, size_t i) {
  size_t n_train = set->parts[CREAM_PART_TRAIN].count;
  return i < n_train ? &set->parts[CREAM_PART_TRAIN].images[i]
                     : &set->parts[CREAM_PART_TEST].images[i - n_train];
}

static void look_at(void *context, int thread, size_t i) {
  checker *self = context;
  const cream_box_image *of = image_at(self->set, i);
  cream_image *image = &self->images[thread];
  cream_error reason;
  if (cream_image_read(of->path, 0, image, &reason))
    snprintf(self->reasons[i], sizeof self->reasons[i], "%s", reason.text);
  else if (image->width != of->width || image->height != of->height)
    snprintf(self->reasons[i], sizeof self->reasons[i],
             "%.300s: the image has %d x %d pixels, but its boxes are for %d x %d", of->path, image->width,
             image->height, of->width, of->height);
  if (self->reasons[i][0]) return;
  uint64_t shape = (uint64_t)image->width << 32 | (uint64_t)image->height;
  size_t bytes = (size_t)image->width * (size_t)image->height * 3;
  self->hashes[i] = XXH3_64bits_withSeed(image->pixels, bytes, shape) | 1;
}

static int by_value(const void *a, const void *b) {
  const uint64_t *x = a, *y = b;
  return *x < *y ? -1 : *x > *y;
}

/* Test images with the same pixels as a training image. Sorts the hashes of the training images. */
static size_t count_duplicates(const checker *self) {
  const size_t n_train = self->set->parts[CREAM_PART_TRAIN].count;
  size_t found = 0;
  if (n_train) qsort(self->hashes, n_train, sizeof *self->hashes, by_value);
  for (size_t i = 0; n_train && i < self->set->parts[CREAM_PART_TEST].count; i++) {
    const uint64_t *hash = &self->hashes[n_train + i];
    found += *hash && bsearch(hash, self->hashes, n_train, sizeof *hash, by_value);
  }
  return found;
}

/* Boxes by COCO's ranges of areas. */
static void count_sizes(const cream_box_part *part, size_t sizes[SIZES]) {
  for (size_t b = 0; b < part->first[part->count]; b++) {
    int at = 0;
    while (at < SIZES - 1 && part->areas[b] > size_limits[at]) at++;
    sizes[at]++;
  }
}

static void print_part(const cream_box_set *set, cream_part part, const detect_counts *counts) {
  size_t sizes[SIZES] = {0}, without = cream_box_set_without(set, part);
  if (!set->parts[part].count) return;
  count_sizes(&set->parts[part], sizes);
  printf(
      "%-12s%zu images, %zu without boxes; %zu boxes, %zu of them crowds; %zu small, %zu medium, %zu large\n",
      cream_part_name(part), set->parts[part].count, without, counts->boxes, counts->crowds, sizes[0],
      sizes[1], sizes[2]);
}

static size_t print_report(const checker *self, size_t count, const detect_counts counts[CREAM_PARTS]) {
  const cream_box_set *set = self->set;
  size_t unusable = left_out(set);
  for (size_t i = 0; i < count; i++) {
    if (!self->reasons[i][0]) continue;
    printf("unusable    %s\n", self->reasons[i]);
    unusable++;
  }
  for (int i = 0; i < CREAM_BOX_PROBLEM_COUNT; i++)
    if (set->problems[i].count)
      printf("problem     %zu %s; first: %s\n", set->problems[i].count,
             cream_box_problem_text((cream_box_problem)i), set->problems[i].first);
  for (int i = 0; i < set->notes.count; i++) printf("note        %s\n", set->notes.lines[i]);
  for (int part = 0; part < CREAM_PARTS; part++) print_part(set, (cream_part)part, &counts[part]);
  for (int c = 0; c < set->classes; c++)
    printf("class       %s: %zu training and %zu test boxes\n", set->class_names[c], counts[0].of_class[c],
           counts[1].of_class[c]);
  printf("unusable    %zu images\nduplicates  %zu test images are also training images\n", unusable,
         count_duplicates(self));
  return unusable;
}

static void write_part(cream_json *json, const char *key, const cream_box_set *set, cream_part part,
                       const detect_counts *counts) {
  size_t sizes[SIZES] = {0};
  count_sizes(&set->parts[part], sizes);
  cream_json_object(json, key, false);
  cream_json_integer(json, "images", set->parts[part].count);
  cream_json_integer(json, "without_boxes", cream_box_set_without(set, part));
  cream_json_integer(json, "boxes", counts->boxes);
  cream_json_integer(json, "crowds", counts->crowds);
  for (int i = 0; i < SIZES; i++) cream_json_integer(json, size_names[i], sizes[i]);
  cream_json_end(json);
}

static void write_problems(cream_json *json, const cream_box_set *set) {
  cream_json_object(json, "problems", true);
  for (int i = 0; i < CREAM_BOX_PROBLEM_COUNT; i++) {
    if (!set->problems[i].count) continue;
    cream_json_object(json, cream_box_problem_key((cream_box_problem)i), false);
    cream_json_integer(json, "count", set->problems[i].count);
    cream_json_string(json, "first", set->problems[i].first);
    cream_json_end(json);
  }
  cream_json_end(json);
}

static size_t write_report(const checker *self, size_t count, const detect_counts counts[CREAM_PARTS]) {
  const cream_box_set *set = self->set;
  size_t unusable = left_out(set);
  cream_json json = cream_json_to(stdout);
  cream_json_object(&json, NULL, true);
  write_part(&json, "train", set, CREAM_PART_TRAIN, &counts[CREAM_PART_TRAIN]);
  write_part(&json, "test", set, CREAM_PART_TEST, &counts[CREAM_PART_TEST]);
  cream_json_array(&json, "classes", true);
  for (int c = 0; c < set->classes; c++) {
    cream_json_object(&json, NULL, false);
    cream_json_string(&json, "name", set->class_names[c]);
    cream_json_integer(&json, "train", counts[CREAM_PART_TRAIN].of_class[c]);
    cream_json_integer(&json, "test", counts[CREAM_PART_TEST].of_class[c]);
    cream_json_end(&json);
  }
  cream_json_end(&json);
  write_problems(&json, set);
  cream_json_array(&json, "notes", true);
  for (int i = 0; i < set->notes.count; i++) cream_json_string(&json, NULL, set->notes.lines[i]);
  cream_json_end(&json);
  cream_json_array(&json, "unusable", true);
  for (size_t i = 0; i < count; i++) {
    if (!self->reasons[i][0]) continue;
    cream_json_string(&json, NULL, self->reasons[i]);
    unusable++;
  }
  cream_json_end(&json);
  cream_json_integer(&json, "duplicates", count_duplicates(self));
  cream_json_end(&json);
  putchar('\n');
  return unusable;
}

static cream_status report(const checker *self, size_t count, bool as_json, cream_error *err) {
  const detect_counts counts[CREAM_PARTS] = {detect_count(self->set, CREAM_PART_TRAIN),
                                             detect_count(self->set, CREAM_PART_TEST)};
  cream_status status = CREAM_OK;
  if (!counts[0].of_class || !counts[1].of_class) {
    status = cream_fail_memory(err, (size_t)self->set->classes * sizeof(size_t), "the classes");
  } else {
    size_t unusable = (as_json ? write_report : print_report)(self, count, counts);
    if (unusable)
      status = cream_fail(err, CREAM_BAD_DATA, "%zu of %zu images cannot be used", unusable,
                          count + left_out(self->set));
  }
  free(counts[0].of_class);
  free(counts[1].of_class);
  return status;
}

cream_status detect_check(const detect_options *options, cream_error *err) {
  cream_box_set *set;
  cream_status status = cream_box_set_open(options->data, CREAM_BOX_LOOK, &set, err);
  if (status) return status;
  size_t count = set->parts[0].count + set->parts[1].count, threads = (size_t)options->threads;
  checker self = {.set = set,
                  .images = calloc(threads, sizeof *self.images),
                  .reasons = calloc(count + 1, sizeof *self.reasons),
                  .hashes = calloc(count + 1, sizeof *self.hashes)};
  if (self.images && self.reasons && self.hashes) {
    cream_parallel(options->threads, count, look_at, &self);
    status = report(&self, count, options->json, err);
  } else {
    status = cream_fail_memory(err, count * sizeof *self.reasons, "the images");
  }
  for (size_t i = 0; self.images && i < threads; i++) cream_image_free(&self.images[i]);
  free(self.images);
  free(self.reasons);
  free(self.hashes);
  cream_box_set_free(set);
  return status;
}
