/* cream data subset. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "data.h"
#include "io/base/file.h"

static int by_number(const void *a, const void *b) {
  uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  return x < y ? -1 : x > y;
}

/* `wanted` of 0..count-1, drawn by the stream and sorted, at the beginning of items. */
static void draw(cream_rng *rng, uint32_t *items, size_t count, size_t wanted) {
  cream_rng_shuffle(rng, items, count);
  qsort(items, wanted, sizeof *items, by_number);
}

/* A line of the list: PATH<TAB>CLASS<TAB>PART. */
static cream_status put_line(const cream_dataset *dataset, cream_part part, size_t index, FILE *stream,
                             cream_error *err) {
  char path[PATH_MAX], whole[PATH_MAX];
  dataset->path(dataset, part, index, path, sizeof path);
  if (!realpath(path, whole))
    return cream_fail(err, CREAM_BAD_DATA, "cannot find %.300s: %s; expected a data set of files", path,
                      strerror(errno));
  if (strpbrk(whole, "\t\n\r"))
    return cream_fail(err, CREAM_BAD_DATA,
                      "%.300s: the name has a tab or a line end; expected none, a list cannot hold it", path);
  fprintf(stream, "%s\t%s\t%s\n", whole, dataset->class_names[dataset->labels[part][index]],
          part == CREAM_PART_TRAIN ? "train" : "val");
  return CREAM_OK;
}

static cream_status put_class(const data_options *options, const cream_dataset *dataset, int class,
                              uint32_t *items, FILE *stream, cream_error *err) {
  static const char *const names[CREAM_PARTS] = {"training", "test"};
  const size_t wanted[CREAM_PARTS] = {(size_t)options->train, (size_t)options->val};
  cream_status status = CREAM_OK;
  for (int part = 0; part < CREAM_PARTS; part++) {
    size_t n = 0;
    for (size_t i = 0; i < dataset->count[part]; i++)
      if (dataset->labels[part][i] == class) items[n++] = (uint32_t)i;
    if (n < wanted[part])
      return cream_fail(err, CREAM_BAD_DATA, "class %s has %zu %s images, expected at least %zu",
                        dataset->class_names[class], n, names[part], wanted[part]);
    cream_rng rng = cream_rng_at(options->config.seed, CREAM_RNG_SPLIT,
                                 1 + (uint64_t) class * CREAM_PARTS + (uint64_t)part);
    draw(&rng, items, n, wanted[part]);
    for (size_t i = 0; i < wanted[part] && !status; i++)
      status = put_line(dataset, (cream_part)part, items[i], stream, err);
  }
  return status;
}

static cream_status write_list(const data_options *options, const cream_dataset *dataset, uint32_t *classes,
                               uint32_t *items, cream_error *err) {
  cream_file file;
  cream_status status = cream_file_create(&file, options->config.out, err);
  if (status) return status;
  cream_rng rng = cream_rng_at(options->config.seed, CREAM_RNG_SPLIT, 0);
  for (int c = 0; c < dataset->classes; c++) classes[c] = (uint32_t)c;
  draw(&rng, classes, (size_t)dataset->classes, (size_t)options->classes);
  for (int c = 0; c < options->classes && !status; c++)
    status = put_class(options, dataset, (int)classes[c], items, file.stream, err);
  if (!status) return cream_file_commit(&file, err);
  cream_file_abandon(&file);
  return status;
}

cream_status data_subset(const data_options *options, const cream_dataset *dataset, cream_error *err) {
  if (options->classes > dataset->classes)
    return cream_fail(err, CREAM_BAD_CONFIG, "--classes: got %d, expected at most the %d of %s",
                      options->classes, dataset->classes, options->config.data);
  size_t most = dataset->count[0] > dataset->count[1] ? dataset->count[0] : dataset->count[1];
  uint32_t *classes = malloc((size_t)dataset->classes * sizeof *classes),
           *items = malloc(most * sizeof *items);
  cream_status status = classes && items ? write_list(options, dataset, classes, items, err)
                                         : cream_fail_memory(err, most * sizeof *items, "the subset");
  free(classes);
  free(items);
  if (!status)
    printf("%d classes, %d training and %d test images each: --data list:%s,labels=names\n", options->classes,
           options->train, options->val, options->config.out);
  return status;
}
