/* Latency tables: files that read back unchanged, tables of other networks, sums over paths. */
#include "tests/io/scratch.h"

#include "core/base/rng.h"
#include "core/space/latency.h"
#include "io/base/file.h"
#include "io/config/latency_table.h"
#include "io/config/space_yaml.h"

static cream_skeleton skeleton_of(const char *name, const int *depth, int resolution, int classes) {
  cream_space space;
  cream_skeleton skeleton;
  cream_error error;
  if (cream_space_load(name, &space, &error)) fail_msg("%s", error.text);
  if (cream_skeleton_init(&skeleton, &space, depth, resolution, classes, &error)) fail_msg("%s", error.text);
  return skeleton;
}

static const int deep[CREAM_MAX_STAGES] = {1, 3, 3, 3}, shallow[CREAM_MAX_STAGES] = {1, 2, 1, 3};

/* A table with every block of the micro space; block i takes i + 1 ms. */
static void fill(cream_latency_table *table) {
  cream_skeleton net = skeleton_of("micro", deep, 32, 10);
  cream_error error;
  memset(table, 0, sizeof *table);
  *table = (cream_latency_table){.space = "micro",
                                 .resolution = 32,
                                 .classes = 10,
                                 .batch = 1,
                                 .threads = 2,
                                 .device = "cpu",
                                 .machine = "a \"fast\" machine",
                                 .program = "0.1.0",
                                 .stem = {.ms = 0.5, .iqr = 0.25, .samples = 7},
                                 .head = {.ms = 0.25, .iqr = 0.125, .samples = 7},
                                 .rest = -0.125};
  memcpy(table->depth, deep, sizeof deep);
  assert_int_equal(cream_space_hash(&net.space, table->space_hash, &error), CREAM_OK);
  int side = 16;
  for (int l = 0; l < net.n_layers; l++) {
    const cream_layer *layer = &net.layers[l];
    for (int i = 0; i < layer->n_options; i++) {
      const char *op = net.space.ops[layer->options[i]].name;
      if (cream_latency_table_find(table, op, side, layer)) continue;
      cream_latency *block = &table->blocks[table->n_blocks++];
      *block = (cream_latency){.side = side,
                               .cin = layer->cin,
                               .cout = layer->cout,
                               .stride = layer->stride,
                               .ms = table->n_blocks,
                               .iqr = 0.1,
                               .samples = 3};
      strcpy(block->op, op);
    }
    side = cream_out_side(side, layer->stride);
  }
}

static void round_trip(void **state) {
  (void)state;
  static cream_latency_table table, back;
  cream_error error;
  fill(&table);
  assert_int_equal(table.n_blocks,
                   1 + 3 * 2 * 4); /* the first layer of a stage, and the later ones, which have one shape */
  assert_int_equal(cream_latency_table_save(scratch("a"), &table, &error), CREAM_OK);
  if (cream_latency_table_load(scratch("a"), &back, &error)) fail_msg("%s", error.text);
  assert_memory_equal(&back, &table, sizeof table);
  assert_int_equal(cream_latency_table_save(scratch("b"), &back, &error), CREAM_OK);
  char *first = scratch_read("a", NULL), *second = scratch_read("b", NULL);
  assert_string_equal(first, second);
  free(first);
  free(second);
}

static void sums_over_paths(void **state) {
  (void)state;
  static cream_latency_table table;
  static cream_latencies latencies;
  cream_error error;
  fill(&table);
  cream_skeleton net = skeleton_of("micro", shallow, 32, 10);
  if (cream_latency_table_apply(&table, "t", &net, NULL, &latencies, &error)) fail_msg("%s", error.text);
  assert_true(latencies.fixed == 0.625);
  for (uint64_t seed = 0; seed < 20; seed++) {
    cream_rng rng = cream_rng_at(seed, CREAM_RNG_TEST, 0);
    cream_path path = cream_skeleton_first_path(&net);
    double sum = 0.625;
    int side = 16;
    for (int l = 0; l < net.n_layers; l++) {
      const cream_layer *layer = &net.layers[l];
      path.choice[l] = (uint8_t)cream_rng_below(&rng, (uint32_t)layer->n_options);
      sum += cream_latency_table_find(&table, net.space.ops[layer->options[path.choice[l]]].name, side, layer)
                 ->ms;
      side = cream_out_side(side, layer->stride);
    }
    assert_true(cream_latencies_path(&latencies, &path) == sum);
    assert_true(cream_latencies_least(&latencies, &net) <= sum);
  }
  /* a network: its ops are found by their names, its space by the given hash */
  cream_path first = cream_skeleton_first_path(&net);
  double expected = cream_latencies_path(&latencies, &first);
  cream_skeleton fixed = cream_skeleton_fix(&net, &first);
  fixed.space.head.classes = 11;
  assert_int_equal(cream_latency_table_apply(&table, "t", &fixed, NULL, &latencies, &error),
                   CREAM_BAD_CONFIG);
  if (cream_latency_table_apply(&table, "t", &fixed, table.space_hash, &latencies, &error))
    fail_msg("%s", error.text);
  assert_true(cream_latencies_path(&latencies, &first) == expected);
}

static void refuses(const cream_latency_table *table, const cream_skeleton *net, const char *part) {
  static cream_latencies latencies;
  cream_error error;
  assert_int_equal(cream_latency_table_apply(table, "t.json", net, NULL, &latencies, &error),
                   CREAM_BAD_CONFIG);
  if (!strstr(error.text, "t.json") || !strstr(error.text, part)) fail_msg("%s", error.text);
}

static void other_networks(void **state) {
  (void)state;
  static cream_latency_table table;
  fill(&table);
  cream_skeleton net = skeleton_of("micro", shallow, 32, 11);
  refuses(&table, &net, "10 classes, expected 11");
  const int depth[CREAM_MAX_STAGES] = {1, 1, 2, 2, 1, 1};
  net = skeleton_of("cream", depth, 32, 10);
  refuses(&table, &net, "measured for the space micro");
  net = skeleton_of("micro", shallow, 32, 10);
  table.resolution = 64;
  refuses(&table, &net, "--resolution 32");
  table.resolution = 32;
  table.n_blocks--;
  refuses(&table, &net, "no block k5e6 from 80 to 80 channels, stride 1, at 4 pixels");
}

static void bad_file(const char *was, const char *is, const char *part) {
  static cream_latency_table table, loaded;
  static char text[1 << 16], changed[1 << 16];
  cream_error error;
  fill(&table);
  FILE *stream = fmemopen(text, sizeof text, "w");
  cream_latency_table_write(stream, &table);
  fclose(stream);
  char *at = strstr(text, was);
  assert_non_null(at);
  snprintf(changed, sizeof changed, "%.*s%s%s", (int)(at - text), text, is, at + strlen(was));
  assert_int_equal(cream_file_write(scratch("bad"), changed, strlen(changed), &error), CREAM_OK);
  memset(&loaded, 0, sizeof loaded);
  assert_int_equal(cream_latency_table_load(scratch("bad"), &loaded, &error), CREAM_BAD_CONFIG);
  if (!strstr(error.text, part)) fail_msg("\"%s\" does not have \"%s\"", error.text, part);
  assert_int_equal(loaded.resolution, 0);
}

static void bad_files(void **state) {
  (void)state;
  bad_file("cream-latency", "cream-arch", "expected `cream-latency`");
  bad_file("\"version\": 1", "\"version\": 2", "expected 1, the version this program reads");
  bad_file("\"threads\": 2,", "", "threads");
  bad_file("\"ms\": 1,", "\"ms\": -1,", "expected a number from 0");
  bad_file("\"ms\": 1,", "\"ms\": nan,", "expected a number from 0");
  bad_file("\"op\": \"k3e6\", \"side\": 16, \"cin\": 16", "\"op\": \"k3e4\", \"side\": 16, \"cin\": 16",
           "duplicate of an earlier block");
  bad_file("\"iqr\"", "\"irq\"", "did you mean `iqr`");
  bad_file("\"blocks\": [", "\"blocks\": 3, \"b\": [", "blocks");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(round_trip),
      cmocka_unit_test(sums_over_paths),
      cmocka_unit_test(other_networks),
      cmocka_unit_test(bad_files),
  };
  return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
