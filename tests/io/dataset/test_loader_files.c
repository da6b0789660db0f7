/* The loader with image files and packed images: decoding, transforms, skipped images, ranks. */
#include "tests/io/image/images.h"

#include "io/dataset/loader.h"
#include "io/dataset/pack.h"
#include "io/image/transform.h"

enum { CLASSES = 3, TRAIN = 14, VAL = 4, BATCH = 8, SIDE = 24, IMAGE_BYTES = SIDE * SIDE * 3 };

/* Images of many sizes, JPEG and PNG. */
static int make_folder(void **state) {
  if (scratch_setup(state)) return -1;
  for (int part = 0; part < 2; part++)
    for (int class = 0; class < CLASSES; class ++)
      for (int i = 0; i < (part ? VAL : TRAIN); i++) {
        char name[64];
        unsigned seed = (unsigned)(part * 100 + class * 20 + i);
        int width = 30 + (int)(seed * 7 % 60), height = 30 + (int)(seed * 11 % 50);
        snprintf(name, sizeof name, "%s", part ? "val" : "train");
        mkdir(scratch(name), 0777);
        snprintf(name, sizeof name, "%s/c%d", part ? "val" : "train", class);
        mkdir(scratch(name), 0777);
        snprintf(name, sizeof name, "%s/c%d/%02d.%s", part ? "val" : "train", class, i,
                 i % 3 ? "jpg" : "png");
        image_write(name, i % 3 ? image_jpeg(width, height, seed) : image_png(width, height, seed));
      }
  return 0;
}

static cream_dataset *open_data(const char *format, const char *name) {
  char spec[400];
  cream_dataset *data = NULL;
  cream_error error;
  snprintf(spec, sizeof spec, "%s:%s", format, scratch(name));
  if (cream_dataset_open(spec, &data, &error)) fail_msg("%s", error.text);
  return data;
}

static const cream_augment_config *augment(void) {
  static cream_config config;
  cream_config_defaults(&config);
  return &config.augment;
}

static cream_loader_options training(int workers) {
  return (cream_loader_options){.batch = BATCH,
                                .side = SIDE,
                                .seed = 4,
                                .train = true,
                                .augment = true,
                                .workers = workers,
                                .transforms = augment()};
}

static cream_source *make(const cream_dataset *data, cream_loader_options options) {
  cream_source *source = NULL;
  cream_error error;
  if (cream_loader_create(data, &options, &source, &error)) fail_msg("%s", error.text);
  return source;
}

static void assert_same(cream_source *a, cream_source *b, uint64_t epoch, uint64_t step) {
  cream_batch x, y;
  assert_int_equal(a->read(a, epoch, step, &x, NULL), CREAM_OK);
  assert_int_equal(b->read(b, epoch, step, &y, NULL), CREAM_OK);
  assert_int_equal(x.n, y.n);
  assert_memory_equal(x.labels, y.labels, (size_t)x.n * sizeof *x.labels);
  assert_memory_equal(x.pixels, y.pixels, (size_t)(x.n * x.side * x.side * 3));
}

static void same_for_any_workers(void **state) {
  (void)state;
  cream_dataset *data = open_data("folder", "");
  const int workers[] = {1, 8};
  for (int w = 0; w < 2; w++) {
    cream_source *none = make(data, training(0)), *some = make(data, training(workers[w]));
    uint64_t steps = cream_source_steps(none, 1);
    assert_int_equal(steps, CLASSES * TRAIN / BATCH);
    for (uint64_t epoch = 0; epoch < 3; epoch++)
      for (uint64_t step = 0; step < steps; step++) assert_same(none, some, epoch, step);
    const uint64_t places[][2] = {{7, 3}, {7, 4}, {2, 1}, {1000000, 2}, {0, 0}};
    for (int i = 0; i < 5; i++) assert_same(none, some, places[i][0], places[i][1]);
    cream_source_destroy(none);
    cream_source_destroy(some);
  }
  data->destroy(data);
}

/* Epochs differ, and pick() gives images as in a test. */
static void changes(void **state) {
  (void)state;
  cream_dataset *data = open_data("folder", "");
  cream_source *source = make(data, training(2));
  static uint8_t first[BATCH * IMAGE_BYTES];
  cream_batch batch;
  assert_int_equal(source->read(source, 0, 0, &batch, NULL), CREAM_OK);
  memcpy(first, batch.pixels, sizeof first);
  assert_int_equal(source->read(source, 1, 0, &batch, NULL), CREAM_OK);
  assert_true(memcmp(first, batch.pixels, sizeof first) != 0);

  const uint32_t picked = 5;
  cream_image image = {0};
  cream_transform_memory memory = {0};
  cream_transforms transforms;
  cream_error error;
  static uint8_t expected[IMAGE_BYTES];
  assert_int_equal(cream_transforms_init(&transforms, augment(), SIDE, data->mean, data->std, &error),
                   CREAM_OK);
  assert_int_equal(data->load(data, CREAM_PART_TRAIN, picked, 0, &image, &error), CREAM_OK);
  cream_transform_work work = cream_transform_begin(&transforms, NULL, ~0u);
  assert_int_equal(cream_transform_finish(&work, &image, &memory, expected, &error), CREAM_OK);
  assert_int_equal(source->pick(source, &picked, 1, &batch, NULL), CREAM_OK);
  assert_memory_equal(batch.pixels, expected, IMAGE_BYTES);
  cream_image_free(&image);
  cream_transform_memory_free(&memory);
  cream_source_destroy(source);
  data->destroy(data);
}

/* All ranks together get the same images as a single rank, in the same order. */
static void ranks(void **state) {
  (void)state;
  cream_dataset *data = open_data("folder", "");
  cream_loader_options options = training(0);
  options.batch = 6;
  cream_source *whole = make(data, options);
  options.batch = 3;
  options.ranks = 2;
  cream_source *shards[2] = {make(data, options)};
  options.rank = 1;
  shards[1] = make(data, options);
  assert_int_equal(shards[0]->count, CLASSES * TRAIN / 2);
  for (uint64_t step = 0; step < 7; step++) {
    cream_batch all, part;
    assert_int_equal(whole->read(whole, 3, step, &all, NULL), CREAM_OK);
    for (int rank = 0; rank < 2; rank++) {
      assert_int_equal(shards[rank]->read(shards[rank], 3, step, &part, NULL), CREAM_OK);
      for (int i = 0; i < 3; i++) {
        assert_int_equal(part.labels[i], all.labels[2 * i + rank]);
        assert_memory_equal(part.pixels + i * IMAGE_BYTES, all.pixels + (2 * i + rank) * IMAGE_BYTES,
                            IMAGE_BYTES);
      }
    }
  }
  cream_source_destroy(whole);
  for (int rank = 0; rank < 2; rank++) cream_source_destroy(shards[rank]);
  cream_error error;
  cream_source *source;
  options.rank = 2;
  assert_fails(cream_loader_create(data, &options, &source, &error), CREAM_BAD_CONFIG, error,
               "rank: got 2 of 2");
  data->destroy(data);
}

static void note(void *context, cream_part part, size_t index, const char *line) {
  (void)part, (void)index, (void)line;
  ++*(int *)context;
}

/* A damaged image is replaced by the next one, for any number of workers. */
static void damaged(void **state) {
  (void)state;
  scratch_write("train/c1/04.jpg", "\xff\xd8\xff no more", 11);
  cream_dataset *data = open_data("folder", "");
  int reported = 0;
  cream_error error;
  cream_skipped *skipped;
  assert_int_equal(cream_skipped_create(data->count, 0.1, note, &reported, &skipped, &error), CREAM_OK);
  cream_loader_options options = training(0);
  options.train = options.augment = false;
  options.skipped = skipped;
  cream_source *none = make(data, options);
  options.workers = 4;
  cream_source *some = make(data, options);
  for (uint64_t step = 0; step < cream_source_steps(none, 0); step++) assert_same(none, some, 0, step);
  cream_batch batch;
  static uint8_t next[IMAGE_BYTES];
  const uint32_t places[] = {TRAIN + 4, TRAIN + 5};
  assert_int_equal(none->pick(none, places, 2, &batch, &error), CREAM_OK);
  memcpy(next, batch.pixels + IMAGE_BYTES, IMAGE_BYTES);
  assert_memory_equal(batch.pixels, next, IMAGE_BYTES);
  assert_int_equal(reported, 1);
  assert_int_equal(cream_skipped_count(skipped), 1);
  cream_source_destroy(some);
  cream_source_destroy(none);

  options.skipped = NULL;
  options.workers = 0;
  none = make(data, options);
  assert_fails(none->pick(none, places, 1, &batch, &error), CREAM_BAD_DATA, error, "04.jpg");
  cream_source_destroy(none);
  cream_skipped_destroy(skipped);
  assert_int_equal(cream_skipped_create(data->count, 0, note, &reported, &skipped, &error), CREAM_OK);
  options.skipped = skipped;
  none = make(data, options);
  assert_int_equal(none->pick(none, places, 1, &batch, &error), CREAM_BAD_DATA);
  cream_source_destroy(none);
  cream_skipped_destroy(skipped);
  data->destroy(data);

  unsigned seed = 20 + 4;
  image_write("train/c1/04.jpg", image_jpeg(30 + (int)(seed * 7 % 60), 30 + (int)(seed * 11 % 50), seed));
}

/* ---- packed images ------------------------------------------------------------------------------- */

static void pack(const char *name, cream_pack_options options) {
  cream_dataset *data = open_data("folder", "");
  cream_error error;
  if (cream_pack_write(scratch(name), data, &options, &error)) fail_msg("%s", error.text);
  data->destroy(data);
}

/* Without resizing, packed images and their batches are the same. */
static void packed_is_the_same(void **state) {
  (void)state;
  pack("whole.pack", (cream_pack_options){.shorter = 1000, .threads = 3});
  cream_dataset *folder = open_data("folder", ""), *packed = open_data("pack", "whole.pack");
  assert_int_equal(packed->classes, CLASSES);
  for (int c = 0; c < CLASSES; c++) assert_string_equal(packed->class_names[c], folder->class_names[c]);
  for (int part = 0; part < CREAM_PARTS; part++) {
    assert_int_equal(packed->count[part], folder->count[part]);
    assert_memory_equal(packed->labels[part], folder->labels[part], folder->count[part] * sizeof(int32_t));
  }
  assert_memory_equal(packed->mean, folder->mean, sizeof folder->mean);
  assert_memory_equal(packed->std, folder->std, sizeof folder->std);
  cream_loader_options options = training(0);
  options.side = 60; /* too large for a JPEG to be decoded at half its size */
  cream_source *a = make(folder, options);
  options.workers = 3;
  cream_source *b = make(packed, options);
  for (uint64_t step = 0; step < cream_source_steps(a, 1); step++) assert_same(a, b, 2, step);
  cream_source_destroy(a);
  cream_source_destroy(b);
  char text[300];
  assert_text_contains(packed->path(packed, CREAM_PART_TEST, 3, text, sizeof text),
                       "whole.pack: test image 3");
  folder->destroy(folder);
  packed->destroy(packed);
}

static void packed_sizes(void **state) {
  (void)state;
  const cream_pack_options options[] = {
      {.shorter = 32, .threads = 1}, {.kind = CREAM_PACK_JPEG, .shorter = 32, .quality = 95, .threads = 2}};
  for (int i = 0; i < 2; i++) {
    pack("small.pack", options[i]);
    cream_dataset *folder = open_data("folder", ""), *packed = open_data("pack", "small.pack");
    for (size_t p = 0; p < folder->count[CREAM_PART_TRAIN]; p++) {
      cream_image full = {0}, image = {0};
      assert_int_equal(folder->load(folder, CREAM_PART_TRAIN, p, 0, &full, NULL), CREAM_OK);
      assert_int_equal(packed->load(packed, CREAM_PART_TRAIN, p, 0, &image, NULL), CREAM_OK);
      int shorter = full.width < full.height ? full.width : full.height, wanted = shorter < 32 ? shorter : 32;
      assert_int_equal(image.width < image.height ? image.width : image.height, wanted);
      assert_int_equal(image.width, full.width * wanted / shorter);
      assert_int_equal(image.height, full.height * wanted / shorter);
      cream_image_free(&full);
      cream_image_free(&image);
    }
    folder->destroy(folder);
    packed->destroy(packed);
  }
}

/* A change of any byte of header, names, index or an image is detected, and so is a change of the length. */
static void packed_damage(void **state) {
  (void)state;
  pack("good.pack", (cream_pack_options){.shorter = 20, .threads = 1});
  size_t size;
  char *text = scratch_read("good.pack", &size);
  char spec[400];
  snprintf(spec, sizeof spec, "pack:%s", scratch("bad.pack"));
  size_t rest = size - (CLASSES * (TRAIN + VAL)) * 32 - 64;
  for (size_t at = 0; at < size; at += at < 96 || at >= rest ? 1 : 1501) {
    text[at] ^= 0x40;
    scratch_write("bad.pack", text, size);
    text[at] ^= 0x40;
    cream_dataset *data;
    cream_error error;
    cream_status status = cream_dataset_open(spec, &data, &error);
    size_t failures = 0;
    if (!status) {
      for (int part = 0; part < CREAM_PARTS; part++)
        for (size_t i = 0; i < data->count[part]; i++) {
          cream_image image = {0};
          failures += data->load(data, (cream_part)part, i, 0, &image, &error) == CREAM_BAD_DATA;
          cream_image_free(&image);
        }
      data->destroy(data);
    } else {
      assert_int_equal(status, CREAM_BAD_DATA);
      assert_text_contains(error.text, "bad.pack");
    }
    if (at < 96 || at >= rest + 64)
      assert_int_equal(status, CREAM_BAD_DATA);
    else if (at < rest - 64)
      assert_true(failures <= 1); /* none if it lies between two images */
  }
  for (size_t length = 0; length < size; length += length < 200 ? 7 : 997) {
    scratch_write("bad.pack", text, length);
    cream_dataset *data;
    cream_error error;
    assert_fails(cream_dataset_open(spec, &data, &error), CREAM_BAD_DATA, error, "bad.pack");
  }
  free(text);
}

static void packed_image_damage(void **state) {
  (void)state;
  pack("good.pack", (cream_pack_options){.shorter = 20, .threads = 1});
  size_t size;
  char *text = scratch_read("good.pack", &size);
  text[150] ^= 1; /* in the first image, which begins at 128 */
  scratch_write("bad.pack", text, size);
  free(text);
  cream_dataset *data = open_data("pack", "bad.pack");
  cream_image image = {0};
  cream_error error;
  assert_fails(data->load(data, CREAM_PART_TRAIN, 0, 0, &image, &error), CREAM_BAD_DATA, error,
               "training image 0: the bytes do not match");
  assert_int_equal(data->load(data, CREAM_PART_TRAIN, 1, 0, &image, &error), CREAM_OK);
  cream_image_free(&image);
  data->destroy(data);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(same_for_any_workers),
      cmocka_unit_test(changes),
      cmocka_unit_test(ranks),
      cmocka_unit_test(damaged),
      cmocka_unit_test(packed_is_the_same),
      cmocka_unit_test(packed_sizes),
      cmocka_unit_test(packed_damage),
      cmocka_unit_test(packed_image_damage),
  };
  return cmocka_run_group_tests(tests, make_folder, scratch_teardown);
}
