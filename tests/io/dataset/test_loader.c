#include "tests/io/scratch.h"

#include <pthread.h>
#include <stdatomic.h>

#include "io/dataset/loader.h"

enum { COUNT = 103, CLASSES = 3, BATCH = 8, SIDE = 5, IMAGE_BYTES = SIDE * SIDE * 3 };

/* Images whose bytes are their part, index and random draw. decode() is slower for some of them. */
typedef struct fake {
  cream_dataset dataset;
  int32_t labels[CREAM_PARTS][COUNT];
  int broken; /* index of an image that cannot be decoded; -1: none */
} fake;

static atomic_int decoded; /* images, in all */

static cream_status fake_decode(const cream_dataset *dataset, cream_part part, size_t index, int side,
                                cream_rng *augment, uint8_t *pixels, cream_error *err) {
  const fake *self = (const fake *)dataset;
  if ((int)index == self->broken) return cream_fail(err, CREAM_BAD_DATA, "image %zu is damaged", index);
  if (index % 17 == 0) usleep(300);
  decoded++;
  memset(pixels, (int)index, (size_t)side * (size_t)side * 3);
  pixels[0] = (uint8_t)part;
  if (augment) {
    uint32_t draw = cream_rng_u32(augment);
    memcpy(pixels + 4, &draw, sizeof draw);
  }
  return CREAM_OK;
}

static fake fake_dataset(void) {
  fake self = {.dataset = {.name = "fake",
                           .classes = CLASSES,
                           .count = {COUNT, COUNT - 1},
                           .mean = {1, 2, 3},
                           .std = {4, 5, 6},
                           .decode = fake_decode},
               .broken = -1};
  for (int i = 0; i < COUNT; i++) {
    self.labels[0][i] = i % CLASSES;
    self.labels[1][i] = (i + 1) % CLASSES;
  }
  return self;
}

static cream_source *make(fake *data, cream_loader_options options) {
  cream_source *source = NULL;
  cream_error error;
  data->dataset.labels[0] = data->labels[0];
  data->dataset.labels[1] = data->labels[1];
  if (cream_loader_create(&data->dataset, &options, &source, &error)) fail_msg("%s", error.text);
  return source;
}

static cream_loader_options training(int workers) {
  return (cream_loader_options){
      .batch = BATCH, .side = SIDE, .seed = 9, .train = true, .augment = true, .workers = workers};
}

/* Both sources give the same batch. */
static void assert_same(cream_source *a, cream_source *b, uint64_t epoch, uint64_t step) {
  cream_batch x, y;
  assert_int_equal(a->read(a, epoch, step, &x, NULL), CREAM_OK);
  assert_int_equal(b->read(b, epoch, step, &y, NULL), CREAM_OK);
  assert_int_equal(x.n, y.n);
  assert_int_equal(x.side, SIDE);
  assert_int_equal(x.channels, 3);
  assert_memory_equal(x.labels, y.labels, (size_t)x.n * sizeof *x.labels);
  assert_memory_equal(x.pixels, y.pixels, (size_t)x.n * IMAGE_BYTES);
}

static void same_for_any_workers(void **state) {
  (void)state;
  fake data = fake_dataset();
  const int workers[] = {1, 3, 8};
  for (int w = 0; w < 3; w++) {
    cream_source *none = make(&data, training(0)), *some = make(&data, training(workers[w]));
    uint64_t steps = cream_source_steps(none, 1);
    assert_int_equal(steps, COUNT / BATCH);
    for (uint64_t epoch = 0; epoch < 4; epoch++)
      for (uint64_t step = 0; step < steps; step++) assert_same(none, some, epoch, step);
    cream_source_destroy(none);
    cream_source_destroy(some);
  }
}

static void jumps(void **state) {
  (void)state;
  fake data = fake_dataset();
  const int workers[] = {1, 8};
  const uint64_t places[][2] = {{5, 3},  {5, 4},       {5, 3},  {5, 3}, {0, 0}, {0, 11},
                                {1, 0},  {1000000, 7}, {2, 2},  {2, 4}, {2, 3}, {2, 5},
                                {7, 11}, {8, 0},       {7, 11}, {8, 0}, {8, 1}};
  for (int w = 0; w < 2; w++) {
    cream_source *none = make(&data, training(0)), *some = make(&data, training(workers[w]));
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
      assert_same(none, some, places[i][0], places[i][1]);
    cream_source_destroy(none);
    cream_source_destroy(some);
  }
}

/* A rank that reads its share of every step: the same batches, and no others are decoded. */
static void skips_batches_of_others(void **state) {
  (void)state;
  enum { PARTS = 5, FIRST = 1, OWN = 2, EPOCHS = 3, AHEAD = 4 };
  fake data = fake_dataset();
  for (int workers = 0; workers <= 1; workers++) {
    cream_source *none = make(&data, training(0)), *some = make(&data, training(workers));
    const uint64_t groups = cream_source_steps(none, 1) / PARTS; /* and a rest */
    some->announced = (cream_source_parts){.parts = PARTS, .first = FIRST, .own = OWN};
    decoded = 0;
    for (uint64_t epoch = 0; epoch < EPOCHS; epoch++)
      for (uint64_t i = 0; i < groups * OWN; i++)
        assert_same(none, some, epoch, i / OWN * PARTS + FIRST + i % OWN);
    some->announced.parts = 0; /* from here on, any batch */
    for (uint64_t step = 0; step < 6; step++) assert_same(none, some, EPOCHS, step);
    const int read = (int)(EPOCHS * groups * OWN + 6) * BATCH;
    assert_in_range(decoded, 2 * read, 2 * read + (workers ? 3 * AHEAD * BATCH : 0));
    cream_source_destroy(none);
    cream_source_destroy(some);
  }
}

/* An epoch has each image at most once. Order and draws differ between epochs. */
static void epochs_differ(void **state) {
  (void)state;
  fake data = fake_dataset();
  cream_source *source = make(&data, training(2));
  uint64_t steps = cream_source_steps(source, 1);
  int order[2][COUNT], moved = 0, drawn = 0;
  uint32_t draws[2][COUNT] = {{0}};
  for (uint64_t epoch = 0; epoch < 2; epoch++) {
    int seen[COUNT] = {0}, at = 0;
    for (uint64_t step = 0; step < steps; step++) {
      cream_batch batch;
      assert_int_equal(source->read(source, epoch, step, &batch, NULL), CREAM_OK);
      assert_int_equal(batch.n, BATCH);
      for (int i = 0; i < batch.n; i++) {
        const uint8_t *image = batch.pixels + (size_t)i * IMAGE_BYTES;
        int index = image[IMAGE_BYTES - 1];
        assert_int_equal(seen[index]++, 0);
        assert_int_equal(batch.labels[i], index % CLASSES);
        order[epoch][at++] = index;
        memcpy(&draws[epoch][index], image + 4, sizeof draws[0][0]);
        /* The draw depends on (seed, epoch, image) alone, not on the position in the epoch. */
        cream_rng rng = cream_rng_at(9, CREAM_RNG_AUGMENT, epoch * COUNT + (uint64_t)index);
        assert_int_equal(draws[epoch][index], cream_rng_u32(&rng));
      }
    }
  }
  for (int i = 0; i < (int)steps * BATCH; i++) moved += order[0][i] != order[1][i];
  for (int i = 0; i < COUNT; i++) drawn += draws[0][i] != draws[1][i];
  assert_true(moved > COUNT / 2 && drawn > COUNT / 2);
  cream_source_destroy(source);

  cream_loader_options other = training(0);
  other.seed = 10;
  cream_source *reseeded = make(&data, other);
  cream_batch batch;
  int differ = 0;
  reseeded->read(reseeded, 0, 0, &batch, NULL);
  for (int i = 0; i < BATCH; i++)
    differ += batch.pixels[(size_t)i * IMAGE_BYTES + IMAGE_BYTES - 1] != order[0][i];
  assert_true(differ > 0);
  cream_source_destroy(reseeded);
}

static void in_order(void **state) {
  (void)state;
  fake data = fake_dataset();
  const uint32_t indices[] = {90, 3, 101, 5, 5, 0, 77, 2, 1, 60, 4};
  enum { N = sizeof indices / sizeof *indices };
  for (int workers = 0; workers <= 4; workers += 2) {
    cream_source *source = make(&data, (cream_loader_options){.part = CREAM_PART_TEST,
                                                              .indices = indices,
                                                              .count = N,
                                                              .batch = 4,
                                                              .side = SIDE,
                                                              .workers = workers});
    assert_int_equal(source->count, N);
    assert_int_equal(source->classes, CLASSES);
    assert_true(source->mean[2] == 3 && source->std[0] == 4);
    assert_int_equal(cream_source_steps(source, 0), 3);
    const uint64_t steps[] = {0, 1, 2, 0, 1, 2, 2, 1, 0, 0};
    for (size_t s = 0; s < sizeof steps / sizeof *steps; s++) {
      cream_batch batch;
      assert_int_equal(source->read(source, 0, steps[s], &batch, NULL), CREAM_OK);
      assert_int_equal(batch.n, steps[s] == 2 ? 3 : 4);
      for (int i = 0; i < batch.n; i++) {
        uint32_t index = indices[steps[s] * 4 + (uint64_t)i];
        assert_int_equal(batch.pixels[(size_t)i * IMAGE_BYTES], CREAM_PART_TEST);
        assert_int_equal(batch.pixels[(size_t)i * IMAGE_BYTES + 1], index);
        assert_int_equal(batch.labels[i], (int)(index + 1) % CLASSES);
      }
    }
    cream_source_destroy(source);
  }
}

static void picks(void **state) {
  (void)state;
  fake data = fake_dataset();
  const uint32_t indices[] = {40, 41, 42, 43, 44, 45, 46, 47, 48, 49}, wanted[] = {9, 0, 0, 4};
  cream_loader_options options = training(2);
  options.indices = indices;
  options.count = 10;
  cream_source *source = make(&data, options);
  cream_batch batch, picked;
  assert_int_equal(source->read(source, 0, 0, &batch, NULL), CREAM_OK);
  assert_int_equal(source->pick(source, wanted, 4, &picked, NULL), CREAM_OK);
  assert_int_equal(picked.n, 4);
  for (int i = 0; i < 4; i++) {
    for (int b = 1; b < IMAGE_BYTES; b++)
      assert_int_equal(picked.pixels[i * IMAGE_BYTES + b], indices[wanted[i]]); /* not augmented */
    assert_int_equal(picked.labels[i], (int)indices[wanted[i]] % CLASSES);
  }
  cream_source_destroy(source);
}

static void destroyed_at_any_time(void **state) {
  (void)state;
  fake data = fake_dataset();
  for (uint64_t reads = 0; reads < 6; reads++) {
    cream_source *source = make(&data, training(4));
    cream_batch batch;
    for (uint64_t i = 0; i < reads; i++) assert_int_equal(source->read(source, i, i, &batch, NULL), CREAM_OK);
    cream_source_destroy(source);
  }
  cream_source_destroy(NULL);
}

static void waiting_counts(void **state) {
  (void)state;
  fake data = fake_dataset();
  cream_source *source = make(&data, training(0));
  cream_batch batch;
  assert_true(source->waited == 0);
  for (uint64_t step = 0; step < COUNT / BATCH; step++) source->read(source, 0, step, &batch, NULL);
  assert_true(source->waited > 0.001); /* at least four images take 0.3 ms each */
  cream_source_destroy(source);
}

static void damaged_image(void **state) {
  (void)state;
  for (int workers = 0; workers < 3; workers++) {
    fake data = fake_dataset();
    data.broken = 9;
    cream_source *source = make(&data, (cream_loader_options){.batch = 8, .side = SIDE, .workers = workers});
    cream_batch batch;
    cream_error error;
    assert_int_equal(source->read(source, 0, 0, &batch, &error), CREAM_OK);
    assert_fails(source->read(source, 0, 1, &batch, &error), CREAM_BAD_DATA, error, "image 9 is damaged");
    assert_int_equal(source->read(source, 0, 2, &batch, &error), CREAM_OK);
    const uint32_t nine = 9;
    assert_fails(source->pick(source, &nine, 1, &batch, &error), CREAM_BAD_DATA, error, "image 9 is damaged");
    cream_source_destroy(source);
  }
}

static void bad_options(void **state) {
  (void)state;
  fake data = fake_dataset();
  const uint32_t indices[] = {1, 2, COUNT}, two[] = {0, 1};
  const cream_loader_options good = training(0);
  cream_loader_options o = good;
  cream_error error;
  cream_source *source = NULL;
#define REFUSED(change, status, says)                                                                        \
  o = good;                                                                                                  \
  change;                                                                                                    \
  assert_fails(cream_loader_create(&data.dataset, &o, &source, &error), status, error, says)
  REFUSED(o.batch = 0, CREAM_BAD_CONFIG, "batch: got 0");
  REFUSED(o.side = 0, CREAM_BAD_CONFIG, "side: got 0");
  REFUSED(o.workers = -1, CREAM_BAD_CONFIG, "workers: got -1");
  REFUSED(o.workers = 100000, CREAM_BAD_CONFIG, "workers: got 100000");
  REFUSED(o.train = false, CREAM_BAD_CONFIG, "augment: expected only with train");
  REFUSED(o.batch = COUNT + 1, CREAM_BAD_CONFIG,
          "batch: got 104, expected at most 103, the training images of fake");
  REFUSED((o.indices = two, o.count = 0), CREAM_BAD_DATA, "no images");
  REFUSED((o.indices = two, o.count = 2), CREAM_BAD_DATA, "got 2 images for 3 classes");
  REFUSED((o.indices = indices, o.count = 3, o.batch = 1), CREAM_BAD_DATA,
          "got index 103, but the part has 103 images");
  assert_null(source);
  /* Some images of a part, not for training, need not have every class. */
  o = (cream_loader_options){.batch = 8, .side = SIDE, .indices = two, .count = 2};
  assert_int_equal(cream_loader_create(&data.dataset, &o, &source, &error), CREAM_OK);
  cream_source_destroy(source);
}

/* The augmented digits: the number of workers does not change the batches. */
static void digits(void **state) {
  (void)state;
  cream_dataset *data;
  cream_error error;
  if (cream_dataset_open("digits:" CREAM_SOURCE_DIR "/io/dataset/data/digits.csv.gz", &data, &error))
    fail_msg("%s", error.text);
  cream_loader_options options = {.batch = 64, .side = 32, .train = true, .augment = true};
  cream_source *none, *some;
  assert_int_equal(cream_loader_create(data, &options, &none, &error), CREAM_OK);
  options.workers = 3;
  assert_int_equal(cream_loader_create(data, &options, &some, &error), CREAM_OK);
  for (uint64_t step = 0; step < 6; step++) {
    cream_batch x, y;
    assert_int_equal(none->read(none, 1, step, &x, &error), CREAM_OK);
    assert_int_equal(some->read(some, 1, step, &y, &error), CREAM_OK);
    assert_memory_equal(x.pixels, y.pixels, 64 * 32 * 32 * 3);
  }
  cream_source_destroy(none);
  cream_source_destroy(some);
  data->destroy(data);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(same_for_any_workers),
      cmocka_unit_test(jumps),
      cmocka_unit_test(skips_batches_of_others),
      cmocka_unit_test(epochs_differ),
      cmocka_unit_test(in_order),
      cmocka_unit_test(picks),
      cmocka_unit_test(destroyed_at_any_time),
      cmocka_unit_test(waiting_counts),
      cmocka_unit_test(damaged_image),
      cmocka_unit_test(bad_options),
      cmocka_unit_test(digits),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
