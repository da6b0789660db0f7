/* cream data check. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "data.h"
#include "io/base/json.h"
#include "io/base/name.h"
#include "io/base/parallel.h"
#include "io/dataset/image_traits.h"

enum { PATH_BYTES = 4096 };

typedef struct unreadable_image {
  cream_part part;
  size_t index;
  char reason[512];
} unreadable_image;

/* An image and the hash of its pixels. */
typedef struct fingerprint {
  uint64_t hash;
  cream_part part;
  size_t index;
} fingerprint;

typedef struct checker {
  const cream_dataset *dataset;
  cream_image *images; /* [threads] */
  fingerprint *prints; /* [count of both parts]; hash 0: the image is unreadable */
  pthread_mutex_t lock;
  unreadable_image *unreadable;
  size_t n_unreadable, room;
  cream_status status;         /* CREAM_FAILED: no memory */
  size_t duplicates;           /* test images that are also training images */
  bool files;                  /* an image is a file of its own */
  atomic_size_t deep, rotated; /* images with these traits */
  cream_notes notes;           /* on the traits */
} checker;

/* ---- reading ---------------------------------------------------------------------------------------- */

static void note_unreadable(checker *self, cream_part part, size_t index, const char *reason) {
  pthread_mutex_lock(&self->lock);
  if (self->n_unreadable == self->room) {
    size_t room = self->room ? 2 * self->room : 64;
    unreadable_image *bad = realloc(self->unreadable, room * sizeof *bad);
    if (bad) {
      self->unreadable = bad;
      self->room = room;
    }
  }
  if (self->n_unreadable < self->room) {
    unreadable_image *bad = &self->unreadable[self->n_unreadable++];
    bad->part = part;
    bad->index = index;
    snprintf(bad->reason, sizeof bad->reason, "%s", reason);
  } else {
    self->status = CREAM_FAILED;
  }
  pthread_mutex_unlock(&self->lock);
}

static void look_for_traits(checker *self, cream_part part, size_t index) {
  char path[PATH_BYTES];
  uint8_t head[CREAM_TRAITS_BYTES];
  FILE *stream = fopen(self->dataset->path(self->dataset, part, index, path, sizeof path), "rb");
  if (!stream) return;
  unsigned traits = cream_image_traits(head, fread(head, 1, sizeof head, stream));
  fclose(stream);
  if (traits & CREAM_TRAIT_DEEP_GREY) atomic_fetch_add(&self->deep, 1);
  if (traits & CREAM_TRAIT_ROTATED) atomic_fetch_add(&self->rotated, 1);
}

static void note_traits(checker *self) {
  size_t deep = atomic_load(&self->deep), rotated = atomic_load(&self->rotated);
  if (deep)
    cream_notes_add(&self->notes,
                    "%zu images are 16-bit grey, which is clipped at 255: convert them to 8 bits first",
                    deep);
  if (rotated)
    cream_notes_add(&self->notes,
                    "%zu images have an EXIF rotation, which is not applied: they are read as stored",
                    rotated);
}

static void look_at(void *context, int thread, size_t i) {
  checker *self = context;
  size_t n_train = self->dataset->count[CREAM_PART_TRAIN];
  cream_part part = i < n_train ? CREAM_PART_TRAIN : CREAM_PART_TEST;
  size_t index = i < n_train ? i : i - n_train;
  cream_image *image = &self->images[thread];
  cream_error reason;
  self->prints[i] = (fingerprint){.part = part, .index = index};
  if (self->dataset->load(self->dataset, part, index, 0, image, &reason)) {
    note_unreadable(self, part, index, reason.text);
    return;
  }
  if (self->files) look_for_traits(self, part, index);
  uint64_t shape = (uint64_t)image->width << 32 | (uint64_t)image->height;
  size_t bytes = (size_t)image->width * (size_t)image->height * 3;
  self->prints[i].hash = XXH3_64bits_withSeed(image->pixels, bytes, shape) | 1;
}

static int by_place(const void *a, const void *b) {
  const unreadable_image *x = a, *y = b;
  if (x->part != y->part) return x->part < y->part ? -1 : 1;
  return x->index < y->index ? -1 : x->index > y->index;
}

static int by_hash(const void *a, const void *b) {
  const fingerprint *x = a, *y = b;
  if (x->hash != y->hash) return x->hash < y->hash ? -1 : 1;
  if (x->part != y->part) return x->part < y->part ? -1 : 1;
  return x->index < y->index ? -1 : x->index > y->index;
}

/* Calls `each` for every test image with the same pixels as a training image, with the first of these; returns their
 * number. */
static size_t find_duplicates(const checker *self, size_t count,
                              void (*each)(const checker *, const fingerprint *, const fingerprint *, void *),
                              void *context) {
  size_t found = 0;
  const fingerprint *first = NULL;
  for (size_t i = 0; i < count; i++) {
    const fingerprint *p = &self->prints[i];
    if (!first || first->hash != p->hash) first = p;
    if (!p->hash || p->part != CREAM_PART_TEST || first->part != CREAM_PART_TRAIN) continue;
    found++;
    if (each) each(self, first, p, context);
  }
  return found;
}

/* ---- printing ---------------------------------------------------------------------------------------- */

static char *path_of(const checker *self, cream_part part, size_t index, char text[4 * PATH_BYTES]) {
  char path[PATH_BYTES];
  return cream_name_show(self->dataset->path(self->dataset, part, index, path, sizeof path), text,
                         4 * PATH_BYTES);
}

static void print_duplicate(const checker *self, const fingerprint *train, const fingerprint *test,
                            void *context) {
  char a[4 * PATH_BYTES], b[4 * PATH_BYTES];
  (void)context;
  printf("duplicate   %s is the training image %s\n", path_of(self, test->part, test->index, b),
         path_of(self, train->part, train->index, a));
}

static void write_duplicate(const checker *self, const fingerprint *train, const fingerprint *test,
                            void *context) {
  cream_json *json = context;
  char text[4 * PATH_BYTES];
  cream_json_object(json, NULL, false);
  cream_json_string(json, "train", path_of(self, train->part, train->index, text));
  cream_json_string(json, "test", path_of(self, test->part, test->index, text));
  cream_json_end(json);
}

/* Images of each class in a part; the caller frees it. */
static size_t *count_classes(const cream_dataset *dataset, cream_part part) {
  size_t *counts = calloc((size_t)dataset->classes, sizeof *counts);
  for (size_t i = 0; counts && i < dataset->count[part]; i++) counts[dataset->labels[part][i]]++;
  return counts;
}

static void print_balance(const cream_dataset *dataset, const char *name, const size_t *counts) {
  int least = 0, most = 0;
  for (int c = 1; c < dataset->classes; c++) {
    if (counts[c] < counts[least]) least = c;
    if (counts[c] > counts[most]) most = c;
  }
  printf("%-12s%zu (%s) to %zu (%s) images a class\n", name, counts[least], dataset->class_names[least],
         counts[most], dataset->class_names[most]);
}

static void print_report(const checker *self, size_t count, size_t *const counts[CREAM_PARTS]) {
  const cream_dataset *dataset = self->dataset;
  for (size_t i = 0; i < self->n_unreadable; i++) printf("unreadable  %s\n", self->unreadable[i].reason);
  find_duplicates(self, count, print_duplicate, NULL);
  for (int i = 0; i < dataset->notes.count; i++) printf("note        %s\n", dataset->notes.lines[i]);
  for (int i = 0; i < self->notes.count; i++) printf("note        %s\n", self->notes.lines[i]);
  printf("images      %zu for training, %zu for tests, %d classes\n", dataset->count[CREAM_PART_TRAIN],
         dataset->count[CREAM_PART_TEST], dataset->classes);
  if (!dataset->test_only) print_balance(dataset, "training", counts[CREAM_PART_TRAIN]);
  print_balance(dataset, "tests", counts[CREAM_PART_TEST]);
  printf("unusable    %zu\nduplicates  %zu test images are also training images\n", self->n_unreadable,
         self->duplicates);
}

static void write_report(const checker *self, size_t count, size_t *const counts[CREAM_PARTS]) {
  const cream_dataset *dataset = self->dataset;
  char text[4 * PATH_BYTES];
  cream_json json = cream_json_to(stdout);
  cream_json_object(&json, NULL, true);
  cream_json_integer(&json, "train", dataset->count[CREAM_PART_TRAIN]);
  cream_json_integer(&json, "test", dataset->count[CREAM_PART_TEST]);
  cream_json_array(&json, "classes", true);
  for (int c = 0; c < dataset->classes; c++) {
    cream_json_object(&json, NULL, false);
    cream_json_string(&json, "name", dataset->class_names[c]);
    cream_json_integer(&json, "train", counts[CREAM_PART_TRAIN][c]);
    cream_json_integer(&json, "test", counts[CREAM_PART_TEST][c]);
    cream_json_end(&json);
  }
  cream_json_end(&json);
  cream_json_array(&json, "notes", true);
  for (int i = 0; i < dataset->notes.count; i++) cream_json_string(&json, NULL, dataset->notes.lines[i]);
  for (int i = 0; i < self->notes.count; i++) cream_json_string(&json, NULL, self->notes.lines[i]);
  cream_json_end(&json);
  cream_json_array(&json, "bad", true);
  for (size_t i = 0; i < self->n_unreadable; i++) {
    cream_json_object(&json, NULL, false);
    cream_json_string(&json, "path",
                      path_of(self, self->unreadable[i].part, self->unreadable[i].index, text));
    cream_json_string(&json, "reason", self->unreadable[i].reason);
    cream_json_end(&json);
  }
  cream_json_end(&json);
  cream_json_array(&json, "duplicates", true);
  find_duplicates(self, count, write_duplicate, &json);
  cream_json_end(&json);
  cream_json_end(&json);
  putchar('\n');
}

static cream_status report(checker *self, size_t count, bool as_json, cream_error *err) {
  size_t *counts[CREAM_PARTS] = {count_classes(self->dataset, CREAM_PART_TRAIN),
                                 count_classes(self->dataset, CREAM_PART_TEST)};
  cream_status status = CREAM_OK;
  if (counts[0] && counts[1])
    (as_json ? write_report : print_report)(self, count, counts);
  else
    status = cream_fail_memory(err, (size_t)self->dataset->classes * sizeof **counts, "the classes");
  free(counts[0]);
  free(counts[1]);
  return status;
}

cream_status data_check(const data_options *options, const cream_dataset *dataset, cream_error *err) {
  size_t count = dataset->count[0] + dataset->count[1], threads = (size_t)options->threads;
  checker self = {.dataset = dataset,
                  .files = strcmp(dataset->name, "folder") == 0 || strcmp(dataset->name, "list") == 0,
                  .images = calloc(threads, sizeof *self.images),
                  .prints = malloc((count + 1) * sizeof *self.prints)};
  cream_status status = CREAM_OK;
  pthread_mutex_init(&self.lock, NULL);
  if (self.images && self.prints) cream_parallel(options->threads, count, look_at, &self);
  if (!self.images || !self.prints || self.status) {
    status = cream_fail_memory(err, count * sizeof *self.prints, "the check");
  } else {
    if (self.n_unreadable) qsort(self.unreadable, self.n_unreadable, sizeof *self.unreadable, by_place);
    qsort(self.prints, count, sizeof *self.prints, by_hash);
    note_traits(&self);
    self.duplicates = find_duplicates(&self, count, NULL, NULL);
    status = report(&self, count, options->json, err);
    if (!status && self.n_unreadable)
      status = cream_fail(err, CREAM_BAD_DATA, "%zu of %zu images cannot be used", self.n_unreadable, count);
  }
  for (size_t i = 0; self.images && i < threads; i++) cream_image_free(&self.images[i]);
  pthread_mutex_destroy(&self.lock);
  cream_notes_free(&self.notes);
  free(self.images);
  free(self.prints);
  free(self.unreadable);
  return status;
}
