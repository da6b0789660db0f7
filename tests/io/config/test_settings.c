#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/search/board.h"
#include "io/config/settings.h"
#include "io/config/yaml.h"

static char *print(const cream_config *config) {
  char *text = NULL;
  size_t size = 0;
  FILE *file = open_memstream(&text, &size);
  cream_settings_print(config, file);
  fclose(file);
  return text;
}

static cream_config defaults(void) {
  cream_config config;
  cream_config_defaults(&config);
  return config;
}

/* Parses over the defaults. Returns the message, or "" on success. A failure must change nothing. */
static const char *parse_sized(const char *text, size_t size, cream_config *config) {
  static cream_error err;
  *config = defaults();
  cream_config before = *config;
  err.text[0] = '\0';
  cream_status status = cream_settings_parse(config, "a.yaml", text, size, &err);
  if (status) {
    assert_int_equal(err.status, status);
    assert_memory_equal(config, &before, sizeof before);
    assert_null(strchr(err.text, '\n'));
  }
  return err.text;
}

static const char *parse(const char *text) {
  cream_config config;
  return parse_sized(text, strlen(text), &config);
}

static const char *set(cream_config *config, const char *key, const char *value) {
  static cream_error err;
  cream_config before = *config;
  err.text[0] = '\0';
  if (cream_settings_set(config, key, value, &err)) {
    assert_int_equal(err.status, CREAM_BAD_CONFIG);
    assert_memory_equal(config, &before, sizeof before);
  }
  return err.text;
}

static void defaults_are_the_papers(void **state) {
  (void)state;
  cream_config c = defaults();
  assert_string_equal(c.data, "digits");
  assert_string_equal(c.space, "micro");
  assert_int_equal(c.search.epochs, 120);
  assert_int_equal(c.search.batch, 128);
  assert_true(c.search.lr.lr == 0.5 && c.search.lr.schedule == CREAM_SCHEDULE_LINEAR);
  assert_int_equal(c.search.board.size, 10);
  assert_true(c.search.board.gap == 5);
  assert_int_equal(c.search.meta.every, 200);
  assert_int_equal(c.search.meta.slice, 4);
  assert_int_equal(c.retrain.epochs, 500);
  assert_true(c.retrain.optim == CREAM_OPTIM_RMSPROP_TF && c.retrain.lr.lr == 0.064);
  assert_true(c.retrain.lr.warmup_lr == 1e-6 && c.retrain.ema == 0.9999);
}

static void printing_round_trips(void **state) {
  (void)state;
  cream_config c = defaults();
  assert_string_equal(set(&c, "data", "a folder: with 'quotes' # \"and\" \xc3\xa4"), "");
  assert_string_equal(set(&c, "out", " blanks "), "");
  assert_string_equal(set(&c, "flops", "10.5:600"), "");
  assert_string_equal(set(&c, "depth", "1,2,3"), "");
  assert_string_equal(set(&c, "seed", "18446744073709551615"), "");
  assert_string_equal(set(&c, "heldout", "0.1234567890123456"), "");
  assert_string_equal(set(&c, "search.teacher", "random"), "");
  assert_string_equal(set(&c, "search.fixed_prior", "[1, 0, 0.3333333333333333]"), "");
  assert_string_equal(set(&c, "search.board.images", "1000000"), "");
  assert_true(c.flops.min == 10.5 && c.flops.max == 600);
  assert_int_equal(c.depth[2], 3);
  assert_int_equal(c.depth[3], 0);
  assert_true(c.seed == UINT64_MAX);
  assert_int_equal(c.search.teacher, CREAM_TEACHER_RANDOM);
  char *text = print(&c);
  cream_config again;
  assert_string_equal(parse_sized(text, strlen(text), &again), "");
  assert_memory_equal(&c, &again, sizeof c);
  char *second = print(&again);
  assert_string_equal(text, second);
  free(text);
  free(second);
}

static void maps_are_printed_nested(void **state) {
  (void)state;
  cream_config c = defaults();
  char *text = print(&c);
  assert_non_null(
      strstr(text, "\nsearch:\n  epochs: 120\n  batch: 128\n  lr:\n    lr: 0.5\n    schedule: linear\n"));
  assert_non_null(strstr(
      text, "\n  meta:\n    every: 200\n    slice: 4\n    input: softmax\n    lr: 0.0001\n    clip: 1\n"
            "  evolution:\n    population: 50\n"));
  assert_non_null(strstr(text, "\n  recalibrate: 20\nretrain:\n  epochs: 500\n"));
  free(text);
}

static void files_change_what_they_name(void **state) {
  (void)state;
  cream_config c, expected = defaults();
  const char *text = "# a comment\nsearch: {batch: 32, board: {size: 3}}\nflops: 2:9\ndepth: [1, 2]\n"
                     "retrain: {optim: sgd, lr: {schedule: cosine}}\narch: \"\"\n";
  expected.search.batch = 32;
  expected.search.board.size = 3;
  expected.flops = (cream_range){2, 9};
  expected.depth[0] = 1;
  expected.depth[1] = 2;
  expected.retrain.optim = CREAM_OPTIM_SGD;
  expected.retrain.lr.schedule = CREAM_SCHEDULE_COSINE;
  assert_string_equal(parse_sized(text, strlen(text), &c), "");
  assert_memory_equal(&c, &expected, sizeof c);
}

static void files_without_settings_are_fine(void **state) {
  (void)state;
  assert_string_equal(parse(""), "");
  assert_string_equal(parse("# nothing\n"), "");
  assert_string_equal(parse("---\n"), "");
  assert_string_equal(parse("{}"), "");
}

static void bad_files_are_explained(void **state) {
  (void)state;
  static const struct {
    const char *text, *message;
  } cases[] = {
      {"search:\n  epoch: 3", "a.yaml:2: key `search.epoch`: no such setting, did you mean `search.epochs`?"},
      {"epochs: 3", "a.yaml:1: key `epochs`: no such setting, did you mean `search.epochs`?"},
      {"zzzzzzzz: 3", "a.yaml:1: key `zzzzzzzz`: no such setting"},
      {"search.epochs: 3", "a.yaml:1: key `search.epochs`: got a key with dots, expected nested maps"},
      {"search: 5", "a.yaml:1: key `search`: got `5`, expected a map of keys and values"},
      {"- search", "a.yaml:1: got a list, expected a map of keys and values"},
      {"data: [digits]", "a.yaml:1: key `data`: got a list, expected text of at most 1023 bytes"},
      {"data: \"a\\nb\"", "a.yaml:1: key `data`: got `a?b`, expected text of at most 1023 bytes"},
      {"search: {batch: many}",
       "a.yaml:1: key `search.batch`: got `many`, expected a whole number from 1 to 65536"},
      {"search: {batch: }", "a.yaml:1: key `search.batch`: got ``, expected a whole number from 1 to 65536"},
      {"search: {batch: 1.5}",
       "a.yaml:1: key `search.batch`: got `1.5`, expected a whole number from 1 to 65536"},
      {"search: {batch: -8}",
       "a.yaml:1: key `search.batch`: got `-8`, expected a whole number from 1 to 65536"},
      {"search: {batch: 0}",
       "a.yaml:1: key `search.batch`: got `0`, expected a whole number from 1 to 65536"},
      {"search: {batch: 99999999999999999999}",
       "a.yaml:1: key `search.batch`: got `99999999999999999999`, expected a whole number from 1 to 65536"},
      {"search: {board: {size: 65}}",
       "a.yaml:1: key `search.board.size`: got `65`, expected a whole number from 1 to 64"},
      {"seed: -1", "a.yaml:1: key `seed`: got `-1`, expected a whole number from 0 to 18446744073709551615"},
      {"seed: 18446744073709551616",
       "a.yaml:1: key `seed`: got `18446744073709551616`, expected a whole number "
       "from 0 to 18446744073709551615"},
      {"\nheldout: .inf", "a.yaml:2: key `heldout`: got `.inf`, expected a number from 0 to 0.9"},
      {"heldout: nan", "a.yaml:1: key `heldout`: got `nan`, expected a number from 0 to 0.9"},
      {"heldout: 0.95", "a.yaml:1: key `heldout`: got `0.95`, expected a number from 0 to 0.9"},
      {"search: {teacher: tpo1}",
       "a.yaml:1: key `search.teacher`: got `tpo1`, expected one of meta, top1, random, largest, "
       "none (did you mean `top1`?)"},
      {"search: {teacher: 3}",
       "a.yaml:1: key `search.teacher`: got `3`, expected one of meta, top1, random, largest, none"},
      {"flops: 600:10", "a.yaml:1: key `flops`: got `600:10`, expected MIN:MAX (0 <= MIN <= MAX, 0 < MAX <= "
                        "1000000000) or any"},
      {"flops: 600",
       "a.yaml:1: key `flops`: got `600`, expected MIN:MAX (0 <= MIN <= MAX, 0 < MAX <= 1000000000) or any"},
      {"flops: 0:0",
       "a.yaml:1: key `flops`: got `0:0`, expected MIN:MAX (0 <= MIN <= MAX, 0 < MAX <= 1000000000) or any"},
      {"depth: 3",
       "a.yaml:1: key `depth`: got `3`, expected a list of at most 12 whole numbers from 1 to 64"},
      {"depth: [1,2,\n 0]", "a.yaml:2: key `depth[2]`: got `0`, expected a whole number from 1 to 64"},
      {"depth: [1,1,1,1,1,1,1,1,1,1,1,1,1]", "a.yaml:1: key `depth`: got 13 items, expected at most 12"},
      {"seed: 1\nthreads: 1\nseed: 1", "a.yaml:3: key `seed`: given twice, first on line 1"},
      {"search: {batch: 1}\nsearch: {}", "a.yaml:2: key `search`: given twice, first on line 1"},
      {"? [a]\n: 3", "a.yaml:1: key `?`: got a key that is not plain text, expected plain text"},
      {"search:\n\tbatch: 3",
       "a.yaml:2: not YAML: found character that cannot start any token (a tab; indent with spaces)"},
      {"seed: 1\ndepth: [1,2\nout: x", "a.yaml:3: not YAML: did not find expected ',' or ']'"},
      {"seed: *nothing", "a.yaml:1: not YAML: found undefined alias"},
      {"seed: 1\nout: \xff", "a.yaml:2: not YAML: invalid leading UTF-8 octet"},
      {"seed: 1\n---\nseed: 2", "a.yaml:3: got a second document, expected one"},
      {"search: &s {lr: *s}", "a.yaml:1: key `search.lr.lr`: got a map, expected a number from 0 to 100"},
      {"search: &s {search: *s}",
       "a.yaml:1: key `search.search`: no such setting, did you mean `search.batch`?"},
      {"depth: &d [*d]", "a.yaml:1: key `depth[0]`: got a list, expected a whole number from 1 to 64"},
      {"heldout: a value so long that only its beginning is of any use to a reader",
       "a.yaml:1: key `heldout`: got `a value so long that only its beginning is of any use to a r...`, "
       "expected a "
       "number from 0 to 0.9"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    assert_string_equal(parse(cases[i].text), cases[i].message);
}

static void zero_bytes_do_not_hide_text(void **state) {
  (void)state;
  cream_config config;
  const char text[] = "out: \"a\\0b\"";
  assert_string_equal(parse_sized(text, sizeof text - 1, &config),
                      "a.yaml:1: key `out`: got `a?b`, expected text of at most 1023 bytes");
}

static void sizes_are_limited(void **state) {
  (void)state;
  cream_config config;
  const size_t size = CREAM_YAML_MAX_BYTES + 1;
  char *text = malloc(size);
  assert_non_null(text);
  memset(text, '#', size);
  assert_string_equal(parse_sized(text, size, &config),
                      "a.yaml: got 1048577 bytes, expected at most 1048576");
  assert_string_equal(parse_sized(text, size - 1, &config), "");
  memset(text, '[', size);
  assert_string_equal(parse_sized(text, size - 1, &config),
                      "a.yaml: got 1048576 of the characters [{&%, expected at most 4096");
  assert_string_equal(parse_sized(text, 4096, &config),
                      "a.yaml:2: not YAML: did not find expected node content");
  for (size_t i = 0; i < size; i++) text[i] = i % 2 ? ' ' : '-';
  assert_string_equal(parse_sized(text, 1 << 16, &config),
                      "a.yaml:1: got a list, expected a map of keys and values");
  memset(text, 'x', size);
  memcpy(text, "out: ", 5);
  assert_string_equal(parse_sized(text, 5 + 1023, &config), "");
  assert_int_equal(strlen(config.out), 1023);
  assert_non_null(strstr(parse_sized(text, 5 + 1024, &config), "expected text of at most 1023 bytes"));
  free(text);
}

static void missing_files_are_named(void **state) {
  (void)state;
  cream_error err;
  cream_config config = defaults();
  assert_int_equal(cream_settings_load(&config, "no/such.yaml", &err), CREAM_FAILED);
  assert_non_null(strstr(err.text, "no/such.yaml"));
}

static void single_settings(void **state) {
  (void)state;
  cream_config c = defaults();
  char text[32];
  assert_string_equal(set(&c, "search.lr.lr", "0.25"), "");
  assert_true(c.search.lr.lr == 0.25);
  assert_string_equal(cream_settings_get(&c, "search.lr.lr", text, sizeof text), "0.25");
  assert_string_equal(set(&c, "depth", ""), "");
  assert_string_equal(cream_settings_get(&c, "depth", text, sizeof text), "[]");
  assert_string_equal(set(&c, "flops", "any"), "");
  assert_string_equal(cream_settings_get(&c, "flops", text, sizeof text), "any");
  assert_string_equal(set(&c, "out", ""), "");
  assert_string_equal(set(&c, "data", "0123456789012345678901234567890123456789"), "");
  assert_string_equal(cream_settings_get(&c, "data", text, sizeof text), "0123456789012345678901234567890");

  assert_string_equal(set(&c, "search.batch", ""),
                      "key `search.batch`: got ``, expected a whole number from 1 to 65536");
  assert_string_equal(set(&c, "search.batch", " 5"),
                      "key `search.batch`: got ` 5`, expected a whole number from 1 to 65536");
  assert_string_equal(set(&c, "lr", "1"), "key `lr`: no such setting, did you mean `search.lr.lr`?");
  assert_string_equal(set(&c, "search", "1"), "key `search`: no such setting, did you mean `search.epochs`?");
  assert_string_equal(set(&c, "depth",
                          "1,2"
                          "]\nx"),
                      "not YAML: did not find expected <document start>");
  assert_string_equal(set(&c, "data", "a\x01"), "not YAML: control characters are not allowed");
}

static void reference_names_every_setting(void **state) {
  (void)state;
  char *text = NULL;
  size_t size = 0;
  FILE *file = open_memstream(&text, &size);
  cream_settings_describe(file);
  fclose(file);
  assert_non_null(
      strstr(text, "| `search.meta.every` | `200` | steps | a whole number from 1 to 1000000 | "));
  assert_non_null(
      strstr(text, "| `search.teacher` | `meta` |  | one of meta, top1, random, largest, none | "));
  char *printed = print(&(cream_config){0});
  int rows = -2, values = 0;
  for (const char *c = text; *c; c++) rows += *c == '\n';
  for (const char *c = printed; *c; c++) values += c[0] == ':' && c[1] == ' ';
  assert_int_equal(rows, values);
  free(text);
  free(printed);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(defaults_are_the_papers),         cmocka_unit_test(printing_round_trips),
      cmocka_unit_test(maps_are_printed_nested),         cmocka_unit_test(files_change_what_they_name),
      cmocka_unit_test(files_without_settings_are_fine), cmocka_unit_test(bad_files_are_explained),
      cmocka_unit_test(zero_bytes_do_not_hide_text),     cmocka_unit_test(sizes_are_limited),
      cmocka_unit_test(missing_files_are_named),         cmocka_unit_test(single_settings),
      cmocka_unit_test(reference_names_every_setting),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
