#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/space/range.h"
#include "io/config/space_yaml.h"

/* The parts of a space file; a test replaces one of them. */
typedef struct parts {
  const char *name, *defaults, *ops, *stem, *stages, *head, *resolution;
} parts;

static const parts good = {
    "name: tiny\n",
    "",
    "ops:\n  a: {block: mbconv, kernel: 3, expand: 4}\n  skip: {block: skip}\n",
    "stem: {channels: 8, kernel: 3, stride: 2}\n",
    "stages:\n  - {channels: 8, stride: 1, depth: [1, 2], choices: [a, skip]}\n",
    "head: {channels: 16, features: 0, classes: 10}\n",
    "resolution: {min: 32, max: 64, step: 32, scale_at: 64, scale_flops: 1}\n",
};

static cream_error err;

/* Returns the message, or "" on success. A failure must change nothing. */
static const char *parse_text(const char *text, size_t size, cream_space *space) {
  memset(space, 0x55, sizeof *space);
  cream_space before = *space;
  err.text[0] = '\0';
  cream_status status = cream_space_parse("s.yaml", text, size, space, &err);
  if (status) {
    assert_int_equal(status, CREAM_BAD_CONFIG);
    assert_int_equal(err.status, status);
    assert_memory_equal(space, &before, sizeof before);
  }
  return err.text;
}

static const char *parse(parts p, cream_space *space) {
  char text[8192];
  int size = snprintf(text, sizeof text, "%s%s%s%s%s%s%s", p.name, p.defaults, p.ops, p.stem, p.stages,
                      p.head, p.resolution);
  assert_in_range(size, 1, sizeof text - 1);
  return parse_text(text, (size_t)size, space);
}

static const char *hash(const cream_space *space) {
  static char hex[33];
  assert_int_equal(cream_space_hash(space, hex, &err), CREAM_OK);
  return hex;
}

static cream_space builtin(const char *name) {
  cream_space space;
  if (cream_space_load(name, &space, &err)) fail_msg("%s", err.text);
  return space;
}

static void names_are_those_of_the_files(void **state) {
  (void)state;
  const char *const *names = cream_space_names();
  assert_string_equal(names[0], "cifar");
  assert_string_equal(names[1], "cream-hard");
  assert_string_equal(names[2], "cream");
  assert_string_equal(names[3], "micro");
  assert_null(names[4]);
  for (; *names; names++) {
    char path[1024];
    cream_space space = builtin(*names), file;
    assert_string_equal(space.name, *names);
    snprintf(path, sizeof path, "%s/io/config/spaces/%s.yaml", CREAM_SOURCE_DIR, *names);
    assert_int_equal(cream_space_load(path, &file, &err), CREAM_OK);
    assert_memory_equal(&space, &file, sizeof space);
  }
}

static void printing_round_trips(void **state) {
  (void)state;
  for (const char *const *name = cream_space_names(); *name; name++) {
    cream_space space = builtin(*name), again;
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);
    cream_space_print(&space, file);
    fclose(file);
    assert_string_equal(parse_text(text, size, &again), "");
    assert_memory_equal(&space, &again, sizeof space);
    free(text);
  }
}

static void cream_is_the_papers(void **state) {
  (void)state;
  static const char *const choices[] = {"k3e4", "k3e6", "k5e4", "k5e6", "k7e4", "k7e6"};
  static const int channels[] = {16, 24, 40, 80, 96, 192}, strides[] = {1, 2, 2, 2, 1, 2};
  static const char *const base[] = {NULL, "k3e4", "k5e4", "k3e6", "k3e6", "k5e6"};
  cream_space s = builtin("cream");
  assert_int_equal(s.n_stages, 6);
  assert_true(s.stem.channels == 16 && s.stem.kernel == 3 && s.stem.stride == 2);
  assert_int_equal(s.stem.act, CREAM_ACT_SWISH);
  assert_int_equal(s.ops[s.stages[0].choices[0]].kind, CREAM_BLOCK_SEPARABLE);
  assert_int_equal(s.stages[0].depth_max, 1);
  for (int i = 0; i < 6; i++) {
    assert_int_equal(s.stages[i].channels, channels[i]);
    assert_int_equal(s.stages[i].stride, strides[i]);
    if (i == 0) continue;
    assert_int_equal(s.stages[i].n_choices, 6);
    assert_true(s.stages[i].depth_min == 1 && s.stages[i].depth_max == 6);
    assert_string_equal(s.ops[s.stages[i].base].name, base[i]);
    for (int c = 0; c < 6; c++) {
      const cream_op *op = &s.ops[s.stages[i].choices[c]];
      assert_string_equal(op->name, choices[c]);
      assert_int_equal(op->kernel, op->name[1] - '0');
      assert_true(op->expand == op->name[3] - '0' && op->se == 0.25 && !op->se_of_input && op->dilation == 1);
      assert_int_equal(op->se_act, CREAM_ACT_RELU);
      assert_int_equal(op->se_gate, CREAM_ACT_HARD_SIGMOID);
    }
  }
  assert_true(s.head.channels == 320 && s.head.features == 1280 && s.head.classes == 1000);
  assert_true(s.resolution.scale_at == 224 && s.resolution.scale_flops == 225);
}

static void cream_hard_has_further_choices(void **state) {
  (void)state;
  cream_space s = builtin("cream-hard");
  assert_int_equal(s.stages[5].n_choices, 10);
  assert_int_equal(s.stages[5].base, -1);
  const cream_op *bottleneck = &s.ops[cream_space_find_op(&s, "bottleneck")];
  assert_int_equal(bottleneck->kind, CREAM_BLOCK_BOTTLENECK);
  assert_true(bottleneck->expand == 0.25 && bottleneck->se == 0);
  assert_int_equal(s.ops[cream_space_find_op(&s, "k5e4d2")].dilation, 2);
  assert_int_equal(s.ops[cream_space_find_op(&s, "skip")].kind, CREAM_BLOCK_SKIP);
}

static void micro_is_small(void **state) {
  (void)state;
  cream_space s = builtin("micro");
  cream_range reach;
  assert_int_equal(cream_space_reach(&s, s.head.classes, &reach, &err), CREAM_OK);
  assert_true(reach.min > 1e6 && reach.max < 12e6);
}

static void hash_follows_meaning_alone(void **state) {
  (void)state;
  cream_space s, other;
  parts p = good;
  char first[33];
  assert_string_equal(parse(p, &s), "");
  strcpy(first, hash(&s));
  assert_string_equal(first, "afbccb58e75f31976dc6e868fa333e8a");
  assert_int_equal(strspn(first, "0123456789abcdef"), 32);

  p.name = "# the same space otherwise\nname: 'another'\n";
  p.defaults = "defaults: {act: swish, kernel: 3, expand: 4.0, dilation: 1}\n";
  p.ops = "ops: {a: {expand: 4, block: mbconv}, skip: {block: skip}}\n";
  p.head = "head: {features: 0, act: swish, classes: 10, channels: 16}\n";
  assert_string_equal(parse(p, &other), "");
  assert_string_equal(hash(&other), first);

  p.ops = "ops: {a: {expand: 4, block: mbconv, se: 0.5}, skip: {block: skip}}\n";
  assert_string_equal(parse(p, &other), "");
  assert_string_not_equal(hash(&other), first);

  /* Without squeeze-excite its activations do not count. */
  p = good;
  p.ops = "ops: {a: {block: mbconv, kernel: 3, expand: 4, se: 0}, skip: {block: skip}}\n";
  assert_string_equal(parse(p, &other), "");
  strcpy(first, hash(&other));
  p.defaults = "defaults: {se_act: swish}\n";
  assert_string_equal(parse(p, &other), "");
  assert_string_equal(hash(&other), first);
}

static void every_key_arrives(void **state) {
  (void)state;
  cream_space s;
  parts p = good;
  p.defaults = "defaults: {act: hard-swish, se: 0.5, se_of_input: true, se_act: swish, se_gate: sigmoid}\n";
  p.ops = "ops: {a: {block: mbconv, kernel: 5, expand: 2.5, dilation: 2, act: relu}, skip: {block: skip}}\n";
  p.stages = "stages: [{channels: 24, stride: 2, depth: [2], choices: [skip, a], base: a}]\n";
  p.stem = "stem: {channels: 8, kernel: 5, stride: 1, act: none}\n";
  assert_string_equal(parse(p, &s), "");
  const cream_op *a = &s.ops[0];
  assert_true(a->kernel == 5 && a->expand == 2.5 && a->dilation == 2 && a->act == CREAM_ACT_RELU);
  assert_true(a->se == 0.5 && a->se_of_input && a->se_act == CREAM_ACT_SWISH &&
              a->se_gate == CREAM_ACT_SIGMOID);
  assert_true(s.stages[0].depth_min == 2 && s.stages[0].depth_max == 2 && s.stages[0].base == 0);
  assert_true(s.stages[0].choices[0] == 1 && s.stages[0].choices[1] == 0);
  assert_true(s.stem.act == CREAM_ACT_NONE && s.stem.kernel == 5 && s.head.act == CREAM_ACT_HARD_SWISH);
  assert_true(s.resolution.min == 32 && s.resolution.max == 64 && s.resolution.step == 32);
}

/* The keys of networks that were trained in TensorFlow. Their defaults are as if they were not there. */
static void padding_and_epsilon(void **state) {
  (void)state;
  cream_space s, again;
  parts p = good;
  assert_string_equal(parse(p, &s), "");
  assert_true(s.padding == CREAM_PADDING_SYMMETRIC && s.bn_eps == 1e-5);
  char usual[33], *text = NULL;
  strcpy(usual, hash(&s));
  p.name = "name: tiny\npadding: symmetric\nbn_eps: 1e-5\n";
  assert_string_equal(parse(p, &s), "");
  assert_string_equal(hash(&s), usual);

  p.name = "name: tiny\npadding: same\nbn_eps: 1e-3\n";
  assert_string_equal(parse(p, &s), "");
  assert_true(s.padding == CREAM_PADDING_SAME && s.bn_eps == 1e-3);
  assert_string_not_equal(hash(&s), usual);
  size_t size = 0;
  FILE *file = open_memstream(&text, &size);
  cream_space_print(&s, file);
  fclose(file);
  assert_ptr_equal(strstr(text, "name: tiny\npadding: same\nbn_eps: 0.001\nops:\n"), text);
  assert_string_equal(parse_text(text, size, &again), "");
  assert_memory_equal(&s, &again, sizeof s);
  free(text);
}

/* The message for the activation `swich`, with all words of the list. */
static const char *bad_act(void) {
#define ACT_WORD(name, word) word,
  static const char *const words[] = {CREAM_ACTS(ACT_WORD)};
  static char text[512];
  int n = snprintf(text, sizeof text, "s.yaml:2: key `defaults.act`: got `swich`, expected one of ");
  for (int i = 0; i < CREAM_ACT_COUNT; i++)
    n += snprintf(text + n, sizeof text - (size_t)n, "%s%s", i ? ", " : "", words[i]);
  snprintf(text + n, sizeof text - (size_t)n, " (did you mean `swish`?)");
  return text;
}

static void bad_spaces_are_explained(void **state) {
  (void)state;
#define BAD(part, text, message)                                                                             \
  do {                                                                                                       \
    parts p = good;                                                                                          \
    cream_space space;                                                                                       \
    p.part = text;                                                                                           \
    assert_string_equal(parse(p, &space), message);                                                          \
  } while (0)
  BAD(name, "", "s.yaml:1: key `name`: missing, expected text of at most 31 bytes");
  BAD(name, "name: a name that is much longer than it may be\n",
      "s.yaml:1: key `name`: got `a name that is much longer than it may be`, expected text of at most 31 "
      "bytes");
  BAD(name, "name: ''\n", "s.yaml: name: a space needs one");
  BAD(name, "name: tiny\nstage: []\n", "s.yaml:2: key `stage`: no such key, did you mean `stages`?");
  BAD(name, "name: tiny\nname: tiny\n", "s.yaml:2: key `name`: given twice, first on line 1");
  BAD(name, "name: tiny\npadding: sane\n",
      "s.yaml:2: key `padding`: got `sane`, expected one of symmetric, same (did you mean `same`?)");
  BAD(name, "name: tiny\nbn_eps: 0\n", "s.yaml:2: key `bn_eps`: got `0`, expected a number from 1e-12 to 1");
  BAD(defaults, "defaults: {block: mbconv}\n", "s.yaml:2: key `defaults.block`: no such key");
  BAD(defaults, "defaults: {act: swich}\n", bad_act());
  BAD(ops, "ops: {}\n", "s.yaml:2: key `ops`: got 0 ops, expected 1 to 32");
  BAD(ops, "ops: [a]\n", "s.yaml:2: key `ops`: got a list, expected a map of keys and values");
  BAD(ops, "ops: {a: {kernel: 3}}\n",
      "s.yaml:2: key `ops.a.block`: missing, expected one of mbconv, separable, bottleneck, skip");
  BAD(ops, "ops: {a: {block: mbconv, kernel: 4, expand: 4}}\n",
      "s.yaml:2: key `ops.a.kernel`: got `4`, expected an odd number");
  BAD(ops, "ops: {a: {block: mbconv, expand: 4}}\n",
      "s.yaml:2: key `ops.a.kernel`: missing, expected an odd number");
  BAD(ops, "ops: {a: {block: mbconv, kernel: 3}}\n",
      "s.yaml:2: key `ops.a.expand`: missing, expected a number above 0");
  BAD(ops, "ops: {a: {block: mbconv, kernel: 3, expand: -1}}\n",
      "s.yaml:2: key `ops.a.expand`: got `-1`, expected a number from 0 to 64");
  BAD(ops, "ops: {a: {block: skip, kernel: 3}}\n",
      "s.yaml:2: key `ops.a.kernel`: a skip block has no such key");
  BAD(ops, "ops: {a: {block: bottleneck, kernel: 3, expand: 0.5, se: 0.5}}\n",
      "s.yaml:2: key `ops.a.se`: a bottleneck block has no such key");
  BAD(ops, "ops: {a: {block: skip}, a: {block: skip}}\n",
      "s.yaml:2: key `ops.a`: given twice, first on line 2");
  BAD(ops, "ops: {a-b: {block: skip}}\n",
      "s.yaml:2: key `ops.a-b`: the name of an op may have letters, digits and _ only");
  BAD(ops, "ops: {'': {block: skip}}\n",
      "s.yaml:2: key `ops.`: the name of an op must have 1 to 31 characters");
  BAD(ops, "ops: {a: {block: mbconv, kernel: 3, expand: 4, se_of_input: yes}}\n",
      "s.yaml:2: key `ops.a.se_of_input`: got `yes`, expected true or false");
  BAD(ops, "ops: &o {a: *o}\n", "s.yaml:2: key `ops.a.a`: no such key");
  BAD(stem, "stem: {channels: 0, kernel: 3, stride: 2}\n",
      "s.yaml:5: key `stem.channels`: got `0`, expected a whole number from 1 to 8192");
  BAD(stem, "stem: {channels: 8, kernel: 2, stride: 2}\n",
      "s.yaml: stem.kernel: got 2, expected an odd number from 1 to 31");
  BAD(stages, "", "s.yaml:1: key `stages`: missing, expected a list");
  BAD(stages, "stages: []\n", "s.yaml:6: key `stages`: got 0 stages, expected 1 to 12");
  BAD(stages, "stages: [1,2,3,4,5,6,7,8,9,10,11,12,13]\n",
      "s.yaml:6: key `stages`: got 13 stages, expected 1 to 12");
  BAD(stages, "stages: [a]\n", "s.yaml:6: key `stages[0]`: got `a`, expected a map of keys and values");
  BAD(stages, "stages:\n  - {channels: -8, stride: 1, depth: [1], choices: [a]}\n",
      "s.yaml:7: key `stages[0].channels`: got `-8`, expected a whole number from 1 to 8192");
  BAD(stages, "stages: [{channels: 8, stride: 1, depth: [3, 2], choices: [a]}]\n",
      "s.yaml:6: key `stages[0].depth`: got [3, 2], expected [DEPTH] or [LEAST, LARGEST]");
  BAD(stages, "stages: [{channels: 8, stride: 1, depth: [], choices: [a]}]\n",
      "s.yaml:6: key `stages[0].depth`: got an empty list, expected [DEPTH] or [LEAST, LARGEST]");
  BAD(stages, "stages: [{channels: 8, stride: 1, depth: [1, 2, 3], choices: [a]}]\n",
      "s.yaml:6: key `stages[0].depth`: got 3 items, expected at most 2");
  BAD(stages, "stages: [{channels: 8, stride: 1, depth: [1], choices: []}]\n",
      "s.yaml:6: key `stages[0].choices`: got 0 ops, expected 1 to 32");
  BAD(stages, "stages: [{channels: 8, stride: 1, depth: [1], choices: [a, skop]}]\n",
      "s.yaml:6: key `stages[0].choices[1]`: got `skop`, expected an op of `ops` (did you mean `skip`?)");
  BAD(stages, "stages: [{channels: 8, stride: 1, depth: [1], choices: [a, a]}]\n",
      "s.yaml: stages[0].choices: `a` is a duplicate");
  BAD(stages, "stages: [{channels: 8, stride: 1, depth: [1], choices: [a], base: skipp}]\n",
      "s.yaml:6: key `stages[0].base`: got `skipp`, expected an op of `ops` (did you mean `skip`?)");
  BAD(stages, "stages:\n- &s {channels: 8, stride: 1, depth: [1, 40], choices: [a]}\n- *s\n",
      "s.yaml: stages: layers at the largest depths: got 80, expected 1 to 64");
  BAD(head, "head: {channels: 16, features: 0}\n",
      "s.yaml:8: key `head.classes`: missing, expected a whole number from 1 to 1048576");
  BAD(resolution, "resolution: {min: 64, max: 32, step: 32, scale_at: 64, scale_flops: 1}\n",
      "s.yaml: resolution.max: got 32, expected 64 to 4096");
  BAD(resolution, "resolution: {min: 32, max: 64, step: 32, scale_at: 64, scale_flops: 0}\n",
      "s.yaml: resolution.scale_flops: got 0, expected more than 0 (M FLOPs)");
  BAD(resolution, "resolution:\n\t{min: 32}\n",
      "s.yaml:10: not YAML: found character that cannot start any token (a tab; indent with spaces)");
#undef BAD
  cream_space space;
  assert_string_equal(parse_text("", 0, &space), "s.yaml:1: missing, expected a map of keys and values");
}

static void ops_are_counted(void **state) {
  (void)state;
  char ops[2048] = "ops:\n";
  for (int i = 0; i < CREAM_MAX_OPS + 1; i++)
    snprintf(ops + strlen(ops), sizeof ops - strlen(ops), "  %c%d: {block: skip}\n", 'a' + i % 26, i);
  parts p = good;
  p.ops = ops;
  cream_space space;
  assert_string_equal(parse(p, &space), "s.yaml:2: key `ops`: got 33 ops, expected 1 to 32");
}

static void unknown_names_list_or_suggest(void **state) {
  (void)state;
  cream_space space;
  assert_int_equal(cream_space_load("creem", &space, &err), CREAM_BAD_CONFIG);
  assert_string_equal(err.text, "space `creem`: no such file or built-in space, did you mean `cream`?");
  assert_int_equal(cream_space_load("elsewhere", &space, &err), CREAM_BAD_CONFIG);
  assert_string_equal(
      err.text,
      "space `elsewhere`: no such file or built-in space; the built-in spaces are cifar, cream-hard, cream, "
      "micro");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(names_are_those_of_the_files),
      cmocka_unit_test(printing_round_trips),
      cmocka_unit_test(cream_is_the_papers),
      cmocka_unit_test(cream_hard_has_further_choices),
      cmocka_unit_test(micro_is_small),
      cmocka_unit_test(hash_follows_meaning_alone),
      cmocka_unit_test(every_key_arrives),
      cmocka_unit_test(padding_and_epsilon),
      cmocka_unit_test(bad_spaces_are_explained),
      cmocka_unit_test(ops_are_counted),
      cmocka_unit_test(unknown_names_list_or_suggest),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
