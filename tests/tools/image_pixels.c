/* The test images of a data set as cream test reads them, for tests in Python: image_pixels SPEC SIDE FILE writes the
 * pixels [n, side, side, 3] as bytes, then the labels [n] as 32-bit integers, and prints n.
 */
#include <stdio.h>
#include <stdlib.h>

#include "core/base/config.h"
#include "io/dataset/data.h"
#include "io/dataset/loader.h"

enum { BATCH = 64 };

static cream_status write_images(cream_source *source, FILE *out, cream_error *err) {
  int32_t *labels = malloc(source->count * sizeof *labels);
  if (!labels) return cream_fail_memory(err, source->count * sizeof *labels, "labels");
  cream_status status = CREAM_OK;
  for (size_t done = 0, step = 0; done < source->count; step++) {
    cream_batch batch;
    if ((status = source->read(source, 0, step, &batch, err))) break;
    fwrite(batch.pixels, (size_t)batch.side * (size_t)batch.side * 3, (size_t)batch.n, out);
    for (int i = 0; i < batch.n; i++) labels[done++] = batch.labels[i];
  }
  fwrite(labels, sizeof *labels, source->count, out);
  free(labels);
  return status;
}

int main(int argc, char **argv) {
  if (argc != 4) {
    fprintf(stderr, "usage: image_pixels SPEC SIDE FILE\n");
    return 2;
  }
  static cream_config config;
  cream_config_defaults(&config);
  cream_error err;
  cream_dataset *data;
  cream_source *source;
  cream_status status = cream_dataset_open_to_test(argv[1], &data, &err);
  cream_loader_options options = {
      .part = CREAM_PART_TEST, .batch = BATCH, .side = atoi(argv[2]), .transforms = &config.augment};
  if (!status) status = cream_loader_create(data, &options, &source, &err);
  FILE *out = status ? NULL : fopen(argv[3], "wb");
  if (out) status = write_images(source, out, &err);
  if (status || !out || fclose(out)) {
    fprintf(stderr, "image_pixels: %s\n", status ? err.text : argv[3]);
    return 1;
  }
  printf("%zu\n", source->count);
  cream_source_destroy(source);
  data->destroy(data);
  return 0;
}
