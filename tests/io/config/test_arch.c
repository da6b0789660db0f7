#include "tests/io/scratch.h"

#include <math.h>

#include "core/cream.h"
#include "io/base/file.h"
#include "io/config/arch.h"
#include "io/config/space_yaml.h"

/* A network of the paper's space: a stage of one layer (its base op), and stages of several. */
static cream_skeleton network(void) {
  cream_space space;
  cream_skeleton skeleton;
  cream_error error;
  if (cream_space_load("cream", &space, &error)) fail_msg("%s", error.text);
  const int depth[CREAM_MAX_STAGES] = {1, 1, 2, 3, 1, 4};
  if (cream_skeleton_init(&skeleton, &space, depth, 160, 10, &error)) fail_msg("%s", error.text);
  cream_path path = cream_skeleton_first_path(&skeleton);
  for (int l = 0; l < path.n_layers; l++) path.choice[l] = (uint8_t)(l * 5 % skeleton.layers[l].n_options);
  return cream_skeleton_fix(&skeleton, &path);
}

static void round_trip(void **state) {
  (void)state;
  cream_skeleton net = network();
  cream_arch arch;
  cream_error error;
  assert_int_equal(cream_arch_save(scratch("a"), &net, NULL, &error), CREAM_OK);
  if (cream_arch_load(scratch("a"), &arch, &error)) fail_msg("%s", error.text);
  char hash[33];
  assert_int_equal(cream_space_hash(&net.space, hash, &error), CREAM_OK);
  assert_string_equal(arch.space_hash, hash);
  assert_string_equal(arch.net.space.name, "cream");
  assert_true(arch.net.fixed);
  assert_int_equal(arch.net.resolution, 160);
  assert_int_equal(arch.net.classes, 10);
  assert_int_equal(arch.net.n_layers, net.n_layers);
  assert_memory_equal(arch.net.depth, net.depth, sizeof net.depth);
  for (int l = 0; l < net.n_layers; l++) {
    const cream_layer *x = &net.layers[l], *y = &arch.net.layers[l];
    const cream_op *op = &net.space.ops[x->options[0]], *read = &arch.net.space.ops[y->options[0]];
    assert_int_equal(y->n_options, 1);
    assert_int_equal(y->stage, x->stage);
    assert_int_equal(y->index, x->index);
    assert_int_equal(y->cin, x->cin);
    assert_int_equal(y->cout, x->cout);
    assert_int_equal(y->stride, x->stride);
    assert_string_equal(read->name, op->name);
    assert_int_equal(read->kind, op->kind);
    assert_int_equal(read->kernel, op->kernel);
    assert_int_equal(read->dilation, op->dilation);
    assert_true(read->expand == op->expand && read->se == op->se);
    assert_int_equal(read->act, op->act);
    assert_int_equal(read->se_of_input, op->se_of_input);
    assert_int_equal(read->se_act, op->se_act);
    assert_int_equal(read->se_gate, op->se_gate);
  }
  assert_memory_equal(&arch.net.space.stem, &net.space.stem, sizeof net.space.stem);
  assert_int_equal(arch.net.space.head.channels, net.space.head.channels);
  assert_int_equal(arch.net.space.head.features, net.space.head.features);
  assert_int_equal(arch.net.space.head.act, net.space.head.act);
  cream_cost one = cream_arch_cost(&net), two = cream_arch_cost(&arch.net);
  assert_true(one.macs > 0 && one.macs == two.macs && one.params == two.params);

  assert_int_equal(cream_arch_save(scratch("b"), &arch.net, arch.space_hash, &error), CREAM_OK);
  char *first = scratch_read("a", NULL), *second = scratch_read("b", NULL);
  assert_string_equal(first, second);
  assert_int_equal(first[strlen(first) - 1], '\n');
  assert_text_contains(
      first, "{\n  \"format\": \"cream-arch\",\n  \"version\": 1,\n  \"space\": {\"name\": \"cream\"");
  assert_text_contains(first, "\"resolution\": 160,\n  \"classes\": 10,\n  \"stem\": {\"channels\": 16, ");
  assert_text_contains(first, "{\"channels\": 24, \"stride\": 2, \"layers\": [\"k3e4\"]}");
  assert_text_contains(first,
                       "\"k5e6\": {\"block\": \"mbconv\", \"kernel\": 5, \"dilation\": 1, \"expand\": 6, "
                       "\"act\": \"swish\", \"se\": 0.25, \"se_of_input\": false, \"se_act\": \"relu\", "
                       "\"se_gate\": \"hard-sigmoid\"}");
  free(first);
  free(second);
}

/* The text of an architecture is its file. */
static void text(void **state) {
  (void)state;
  cream_arch arch;
  cream_error error;
  char *built, *read, *absent = NULL;
  if (cream_arch_load("cream-14", &arch, &error)) fail_msg("%s", error.text);
  assert_int_equal(cream_arch_save(scratch("a"), &arch.net, arch.space_hash, &error), CREAM_OK);
  assert_int_equal(cream_arch_text("cream-14", &built, &error), CREAM_OK);
  assert_int_equal(cream_arch_text(scratch("a"), &read, &error), CREAM_OK);
  char *saved;
  size_t size;
  assert_int_equal(cream_file_read(scratch("a"), 1 << 20, &saved, &size, &error), CREAM_OK);
  assert_int_equal(size, strlen(built));
  assert_string_equal(built, saved);
  assert_string_equal(read, saved);
  assert_int_equal(cream_arch_text("absent.json", &absent, &error), CREAM_FAILED);
  assert_null(absent);
  free(built);
  free(read);
  free(saved);
}

/* Padding and epsilon are in the file only where they are not the defaults, and come back. */
static void padding_and_epsilon(void **state) {
  (void)state;
  cream_skeleton net = network();
  cream_arch arch;
  cream_error error;
  assert_int_equal(cream_arch_save(scratch("a"), &net, NULL, &error), CREAM_OK);
  char *usual = scratch_read("a", NULL);
  assert_null(strstr(usual, "padding"));
  assert_null(strstr(usual, "bn_eps"));
  net.space.padding = CREAM_PADDING_SAME;
  net.space.bn_eps = 1e-3;
  assert_int_equal(cream_arch_save(scratch("a"), &net, NULL, &error), CREAM_OK);
  char *text = scratch_read("a", NULL);
  assert_text_contains(text, "\"classes\": 10,\n  \"padding\": \"same\",\n  \"bn_eps\": 0.001,\n  \"stem\"");
  if (cream_arch_load(scratch("a"), &arch, &error)) fail_msg("%s", error.text);
  assert_true(arch.net.space.padding == CREAM_PADDING_SAME && arch.net.space.bn_eps == 1e-3);
  cream_unit_shape units[CREAM_MAX_UNITS];
  bool residual;
  cream_block_units(&arch.net.space, &arch.net.layers[0], arch.net.layers[0].options[0], units, &residual);
  assert_int_equal(units[0].padding, CREAM_PADDING_SAME);
  free(text);
  free(usual);
}

/* A copy of the text with the first `from` replaced by `to`; the caller frees it. */
static char *replaced(const char *text, const char *from, const char *to) {
  const char *at = strstr(text, from);
  if (!at) fail_msg("no %s in the file", from);
  char *changed = calloc(1, strlen(text) + strlen(to) + 1);
  memcpy(changed, text, (size_t)(at - text));
  strcat(changed, to);
  strcat(changed, at + strlen(from));
  return changed;
}

static void bad_files(void **state) {
  (void)state;
  static const struct {
    const char *from, *to, *says;
  } cases[] = {
      {"cream-arch", "cream-ark", "format"},
      {"\"version\": 1", "\"version\": 2", "this program reads"},
      {"\"version\": 1,", "", "version"},
      {"\"resolution\": 160", "\"resolution\": 160.5", "resolution"},
      {"\"resolution\": 160", "\"resolution\": 0", "resolution"},
      {"\"resolution\": 160", "\"resolution\": 99999999", "resolution"},
      {"\"resolution\": 160,", "", "resolution"},
      {"\"resolution\": 160,", "\"resolution\": 160, \"resolution\": 160,", "resolution"},
      {"\"classes\": 10", "\"classes\": -1", "classes"},
      {"\"classes\": 10", "\"classes\": 10, \"padding\": \"valid\"", "symmetric, same"},
      {"\"classes\": 10", "\"classes\": 10, \"bn_eps\": 2", "bn_eps"},
      {"\"classes\"", "\"clases\"", "did you mean `classes`"},
      {"\"stem\": {", "\"stem\": [{}], \"x\": {", "stem"},
      {"\"stride\": 2", "\"stride\": 9", "stem.stride"},
      {"[\"k3e4\"]", "[\"k3e\"]", "k3e4"},
      {"[\"k3e4\"]", "[\"k3e4 \"]", "k3e4"},
      {"[\"k3e4\"]", "[]", "layers"},
      {"[\"k3e4\"]", "[[\"k3e4\"]]", "layers"},
      {"[\"k3e4\"]", "\"k3e4\"", "layers"},
      {"\"block\": \"mbconv\"", "\"block\": \"mbcon\"", "mbconv"},
      {"\"kernel\": 5", "\"kernel\": 4", "kernel"},
      {"\"expand\": 6", "\"expand\": 1e9", "expand"},
      {"\"act\": \"swish\", \"se\"", "\"act\": \"swich\", \"se\"", "swish"},
      {"\"se_of_input\": false", "\"se_of_input\": 0", "se_of_input"},
      {"\"hash\": \"", "\"hash\": \"x", "hash"},
      {"\"flops\": ", "\"flops\": -", "flops"},
      {"\"macs\": ", "\"macs\": x", "macs"},
      {"\"params\": ", "\"params\": -", "params"},
      {"\"ops\": {", "\"ops\": {\"k3e4\": {}, ", "ops"},
      {"\"head\"", "\"heads\"", "head"},
      {"}\n  },\n  \"flops\"", "}\n  \"flops\"", ":"},
  };
  cream_skeleton net = network();
  cream_arch arch, untouched;
  cream_error error;
  memset(&arch, 7, sizeof arch);
  untouched = arch;
  assert_int_equal(cream_arch_save(scratch("a"), &net, NULL, &error), CREAM_OK);
  char *text = scratch_read("a", NULL);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char *changed = replaced(text, cases[i].from, cases[i].to);
    scratch_write("bad.json", changed, strlen(changed));
    assert_fails(cream_arch_load(scratch("bad.json"), &arch, &error), CREAM_BAD_CONFIG, error, cases[i].says);
    assert_text_contains(error.text, "bad.json");
    free(changed);
  }
  for (size_t length = 0; length < strlen(text) - 2; length += 7) {
    scratch_write("bad.json", text, length);
    assert_fails(cream_arch_load(scratch("bad.json"), &arch, &error), CREAM_BAD_CONFIG, error, "bad.json");
  }
  assert_fails(cream_arch_load(scratch("none"), &arch, &error), CREAM_FAILED, error, "none");
  assert_memory_equal(&arch, &untouched, sizeof arch);
  free(text);
}

/* The costs follow from the other keys, so that one of these can be edited alone. */
static void edited(void **state) {
  (void)state;
  cream_skeleton net = network();
  cream_arch arch;
  cream_error error;
  assert_int_equal(cream_arch_save(scratch("a"), &net, NULL, &error), CREAM_OK);
  char *text = scratch_read("a", NULL), *changed = replaced(text, "\"classes\": 10", "\"classes\": 3");
  scratch_write("edited.json", changed, strlen(changed));
  if (cream_arch_load(scratch("edited.json"), &arch, &error)) fail_msg("%s", error.text);
  cream_skeleton wanted = net;
  wanted.classes = wanted.space.head.classes = 3;
  assert_int_equal(arch.net.classes, 3);
  assert_true(cream_arch_cost(&arch.net).params == cream_arch_cost(&wanted).params);
  assert_true(cream_arch_cost(&arch.net).params < cream_arch_cost(&net).params);
  free(changed);
  free(text);
}

/* Costs are optional, ops may be unused, and keys may be in any order. */
static void written_by_hand(void **state) {
  (void)state;
  const char text[] =
      "{\"version\": 1, \"format\": \"cream-arch\", \"classes\": 4, \"resolution\": 48,\n"
      " \"space\": {\"hash\": \"0123456789abcdef0123456789abcdef\", \"name\": \"own\"},\n"
      " \"ops\": {\"unused\": {\"block\": \"mbconv\", \"kernel\": 7, \"dilation\": 1, \"expand\": 2.5, "
      "\"act\": \"relu\",\n"
      "          \"se\": 0, \"se_of_input\": false, \"se_act\": \"none\", \"se_gate\": \"none\"},\n"
      "         \"b\": {\"block\": \"bottleneck\", \"kernel\": 3, \"dilation\": 2, \"expand\": 0.25, "
      "\"act\": \"relu\",\n"
      "          \"se\": 0, \"se_of_input\": false, \"se_act\": \"none\", \"se_gate\": \"none\"}},\n"
      " \"stages\": [{\"layers\": [\"b\", \"b\"], \"channels\": 32, \"stride\": 2}],\n"
      " \"stem\": {\"channels\": 8, \"kernel\": 3, \"stride\": 2, \"act\": \"relu\"},\n"
      " \"head\": {\"channels\": 64, \"features\": 0, \"act\": \"relu\"}}\n";
  cream_arch arch;
  cream_error error;
  scratch_write("own", text, sizeof text - 1);
  if (cream_arch_load(scratch("own"), &arch, &error)) fail_msg("%s", error.text);
  cream_path path = cream_skeleton_first_path(&arch.net);
  char written[100];
  assert_string_equal(cream_path_format(&arch.net, &path, written, sizeof written), "b-b");
  assert_string_equal(arch.space_hash, "0123456789abcdef0123456789abcdef");
  assert_int_equal(arch.net.layers[1].cin, 32);
  assert_int_equal(arch.net.layers[1].stride, 1);
}

static void built_in(void **state) {
  (void)state;
  static const struct {
    const char *name;
    int resolution;
    double macs, params; /* M; of the networks that timm has too, as its modules have them */
  } known[] = {{"cream-14", 64, 13.19, 0},
               {"cream-43", 96, 40.66, 0},
               {"cream-114", 160, 109.62, 0},
               {"cream-287", 224, 276.26, 0},
               {"cream-481", 224, 460.40, 0},
               {"cream-604", 224, 578.70, 0},
               {"efficientnet-b0", 224, 385.81, 5.288548},
               {"efficientnet-b1", 240, 686.80, 7.794184},
               {"efficientnet-b2", 260, 993.56, 9.109994},
               {"efficientnet-b3", 300, 1827.14, 12.233232},
               {"efficientnet-b4", 380, 4393.77, 19.341616},
               {"efficientnet-lite0", 224, 385.19, 4.652008},
               {"efficientnet-lite1", 240, 600.19, 5.41668},
               {"efficientnet-lite2", 260, 859.74, 6.092072},
               {"efficientnet-lite3", 280, 1383.32, 8.197096},
               {"efficientnet-lite4", 300, 2553.03, 13.006568},
               {"mnasnet-100", 224, 314.42, 4.383312},
               {"mobilenet-v2", 224, 300.77, 3.504872},
               {"mobilenet-v3-large", 224, 216.59, 5.483032}};
  size_t count = sizeof known / sizeof *known, names = 0;
  while (cream_arch_names()[names]) names++;
  assert_int_equal(names, count);
  for (size_t i = 0; i < count; i++) {
    cream_arch arch;
    cream_error error;
    if (cream_arch_load(known[i].name, &arch, &error)) fail_msg("%s", error.text);
    cream_cost cost = cream_arch_cost(&arch.net);
    assert_true(arch.builtin && arch.net.classes == 1000);
    assert_int_equal(arch.net.resolution, known[i].resolution);
    assert_true(fabs(cost.macs / 1e6 - known[i].macs) < 0.005);
    assert_true(known[i].params == 0 || cost.params == known[i].params * 1e6);
  }
  cream_arch arch;
  cream_error error;
  assert_fails(cream_arch_load("cream-287x", &arch, &error), CREAM_BAD_CONFIG, error,
               "did you mean `cream-287`?");
}

/* Compound scaling: widths and depths follow from those of the network of index 0. */
static void scaled(void **state) {
  (void)state;
  static const struct {
    double width, depth;
    int resolution, lite;
  } known[] = {{1, 1.1, 240, 240}, {1.1, 1.2, 260, 260}, {1.2, 1.4, 300, 280}, {1.4, 1.8, 380, 300}};
  for (int i = 0; i < 8; i++) {
    const bool lite = i >= 4;
    const double width = known[i % 4].width, depth = known[i % 4].depth;
    char name[32];
    cream_arch arch, first;
    cream_error error;
    if (cream_arch_load(lite ? "efficientnet-lite0" : "efficientnet-b0", &first, &error))
      fail_msg("%s", error.text);
    snprintf(name, sizeof name, "efficientnet-%s%d", lite ? "lite" : "b", i % 4 + 1);
    if (cream_arch_load(name, &arch, &error)) fail_msg("%s", error.text);
    const cream_space *to = &arch.net.space, *from = &first.net.space;
    assert_string_equal(to->name, name);
    assert_int_equal(arch.net.resolution, lite ? known[i % 4].lite : known[i % 4].resolution);
    assert_int_equal(to->stem.channels, lite ? 32 : cream_make_divisible(32 * width));
    assert_int_equal(to->head.channels, lite ? 1280 : cream_make_divisible(1280 * width));
    for (int s = 0; s < 7; s++) {
      assert_int_equal(to->stages[s].channels, cream_make_divisible(from->stages[s].channels * width));
      assert_int_equal(to->stages[s].stride, from->stages[s].stride);
      const bool fixed = lite && (s == 0 || s == 6);
      assert_int_equal(arch.net.depth[s], fixed ? 1 : ceil(first.net.depth[s] * depth));
    }
    assert_int_equal(to->n_ops, from->n_ops);
    assert_memory_equal(to->ops, from->ops, sizeof to->ops);
  }
}

/* The expansion sizes and activations of MobileNetV3-Large's table, layer by layer. */
static void mobilenet(void **state) {
  (void)state;
  static const struct {
    int kernel, inner, out, stride;
    bool se, hard;
  } known[] = {{3, 16, 16, 1, 0, 0},   {3, 64, 24, 2, 0, 0},   {3, 72, 24, 1, 0, 0},   {5, 72, 40, 2, 1, 0},
               {5, 120, 40, 1, 1, 0},  {5, 120, 40, 1, 1, 0},  {3, 240, 80, 2, 0, 1},  {3, 200, 80, 1, 0, 1},
               {3, 184, 80, 1, 0, 1},  {3, 184, 80, 1, 0, 1},  {3, 480, 112, 1, 1, 1}, {3, 672, 112, 1, 1, 1},
               {5, 672, 160, 2, 1, 1}, {5, 960, 160, 1, 1, 1}, {5, 960, 160, 1, 1, 1}};
  static const int reduced[] = {0, 0, 0, 24, 32, 32, 0, 0, 0, 0, 120, 168, 168, 240, 240};
  cream_arch arch;
  cream_error error;
  if (cream_arch_load("mobilenet-v3-large", &arch, &error)) fail_msg("%s", error.text);
  assert_int_equal(arch.net.n_layers, 15);
  for (int l = 0; l < 15; l++) {
    cream_unit_shape units[CREAM_MAX_UNITS];
    bool residual;
    const cream_layer *layer = &arch.net.layers[l];
    int n = cream_block_units(&arch.net.space, layer, layer->options[0], units, &residual);
    const cream_unit_shape *depthwise = &units[n - 2];
    assert_int_equal(depthwise->kernel, known[l].kernel);
    assert_int_equal(depthwise->cout, known[l].inner);
    assert_int_equal(depthwise->stride, known[l].stride);
    assert_int_equal(depthwise->se, reduced[l]);
    assert_int_equal(depthwise->se != 0, known[l].se);
    assert_int_equal(depthwise->act, known[l].hard ? CREAM_ACT_HARD_SWISH : CREAM_ACT_RELU);
    assert_int_equal(units[n - 1].cout, known[l].out);
    const cream_op *op = &arch.net.space.ops[layer->options[0]];
    if (known[l].se) assert_true(op->se_act == CREAM_ACT_RELU && op->se_gate == CREAM_ACT_HARD_SIGMOID);
  }
}

/* The published networks as lists give the same bytes as the built-in ones. */
static void lists(void **state) {
  (void)state;
  static const struct {
    const char *name, *list;
  } published[] = {
      {"cream-14", "[[3],[3,3],[3,3],[3],[3]]"},
      {"cream-43", " [[3], [3, 1], [3, 1], [3, 3, 3], [3, 3]]"},
      {"cream-114", "[[3],[3,3],[3,3],[3,3,3],[3,3]]"},
      {"cream-287", "[[3],[3,3],[3,1,3],[3,3,3,3],[3,3,3]]"},
      {"cream-481", "[[3,4,3,1],[3,2,3,0],[3,3,3,1,1],[3,3,3,3],[3,3,3,3]]"},
      {"cream-14", "[[0], [3], [3, 3], [3, 3], [3], [3], [0]]"}, /* as the authors write them */
      {"cream-43", "[[0],[3],[3,1],[3,1],[3,3,3],[3,3],[0]]"},
      {"cream-604", "[[3,3,2,3,3],[3,2,3,2,3],[3,2,3,2,3],[3,3,2,2,3,3],[3,3,2,3,3,3]]"},
  };
  static const struct {
    const char *list, *says;
  } bad[] = {
      {"[]", "got 0 stages, expected the 5 that have choices in space `cream`"},
      {"[[3],[3],[3],[3]]", "got 4 stages"},
      {"[[3],[3],[3],[3],[3],[3]]", "got 6 stages"},
      {"[[0],[3],[3],[3],[3],[3],[1]]", "got 7 stages, expected the 5 that have choices"},
      {"[[0],[3],[3],[3],[3],[3],[0,0]]", "got 7 stages"},
      {"[[0],[3],[3],[3],[3],[6],[0]]", "key `[5][0]`: got `6`"},
      {"[[3],[],[3],[3],[3]]", "key `[1]`: got 0 layers, expected 1 to 6"},
      {"[[3],[0,0,0,0,0,0,0],[3],[3],[3]]", "got 7 layers"},
      {"[[3],[3,6],[3],[3],[3]]", "key `[1][1]`: got `6`, expected a whole number from 0 to 5"},
      {"[[3],[3,-1],[3],[3],[3]]", "key `[1][1]`"},
      {"[[3],[3,x],[3],[3],[3]]", "key `[1][1]`"},
      {"[[3],[3,[3]],[3],[3],[3]]", "key `[1][1]`"},
      {"[3,[3],[3],[3],[3]]", "key `[0]`"},
      {"[[3],[3],[3],[3],[3]", "--arch"},
      {"[[3],[3],[3],[3],[3]] x", "--arch"},
  };
  cream_arch arch, builtin, untouched;
  cream_error error;
  for (size_t i = 0; i < sizeof published / sizeof *published; i++) {
    if (cream_arch_load(published[i].name, &builtin, &error)) fail_msg("%s", error.text);
    if (cream_arch_load(published[i].list, &arch, &error)) fail_msg("%s", error.text);
    assert_int_equal(arch.net.resolution, 224);
    assert_true(arch.builtin);
    cream_arch_set_resolution(&arch, builtin.net.resolution);
    assert_int_equal(cream_arch_save(scratch("list"), &arch.net, arch.space_hash, &error), CREAM_OK);
    assert_int_equal(cream_arch_save(scratch("name"), &builtin.net, builtin.space_hash, &error), CREAM_OK);
    char *first = scratch_read("list", NULL), *second = scratch_read("name", NULL);
    assert_string_equal(first, second);
    free(first);
    free(second);
  }
  memset(&arch, 7, sizeof arch);
  untouched = arch;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    assert_fails(cream_arch_load(bad[i].list, &arch, &error), CREAM_BAD_CONFIG, error, bad[i].says);
  assert_memory_equal(&arch, &untouched, sizeof arch);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(round_trip, scratch_setup, scratch_teardown),
      cmocka_unit_test_setup_teardown(text, scratch_setup, scratch_teardown),
      cmocka_unit_test_setup_teardown(padding_and_epsilon, scratch_setup, scratch_teardown),
      cmocka_unit_test_setup_teardown(bad_files, scratch_setup, scratch_teardown),
      cmocka_unit_test_setup_teardown(edited, scratch_setup, scratch_teardown),
      cmocka_unit_test_setup_teardown(written_by_hand, scratch_setup, scratch_teardown),
      cmocka_unit_test(built_in),
      cmocka_unit_test(scaled),
      cmocka_unit_test(mobilenet),
      cmocka_unit_test_setup_teardown(lists, scratch_setup, scratch_teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
