#include "tests/io/scratch.h"

#include "core/net/memory.h"
#include "cpu/cpu.h"
#include "io/config/arch.h"
#include "io/weights/naming.h"

static cream_arch arch;

static void load(const char *name) {
  cream_error err;
  if (cream_arch_load(name, &arch, &err)) fail_msg("%s", err.text);
}

/* Literal names of the programs. */
static void names(void **state) {
  (void)state;
  static const struct {
    cream_naming naming;
    const char *network, *own, *name; /* NULL: none */
  } cases[] = {
      {CREAM_NAMING_TIMM, "efficientnet-b0", "blocks.0.0.conv_pw.weight", "blocks.0.0.conv_pw.weight"},
      {CREAM_NAMING_EFFICIENTNET_PYTORCH, "efficientnet-b0", "bn1.bias", "_bn0.bias"},
      {CREAM_NAMING_EFFICIENTNET_PYTORCH, "efficientnet-b0", "bn2.bias", "_bn1.bias"},
      {CREAM_NAMING_EFFICIENTNET_PYTORCH, "efficientnet-b0", "blocks.0.0.bn1.weight",
       "_blocks.0._bn1.weight"},
      {CREAM_NAMING_EFFICIENTNET_PYTORCH, "efficientnet-b0", "blocks.2.1.se.conv_expand.bias",
       "_blocks.4._se_expand.bias"},
      {CREAM_NAMING_EFFICIENTNET_PYTORCH, "mobilenet-v3-large", "conv_head.weight", NULL},
      {CREAM_NAMING_TORCHVISION_EFFICIENTNET, "efficientnet-b0", "blocks.0.0.conv_pw.weight",
       "features.1.0.block.2.0.weight"},
      {CREAM_NAMING_TORCHVISION_EFFICIENTNET, "efficientnet-b0", "blocks.6.0.bn3.running_var",
       "features.7.0.block.3.1.running_var"},
      {CREAM_NAMING_TORCHVISION_EFFICIENTNET, "efficientnet-b0", "conv_head.weight", "features.8.0.weight"},
      {CREAM_NAMING_TORCHVISION_MOBILENET_V3, "mobilenet-v3-large", "blocks.0.0.bn2.weight",
       "features.1.block.1.1.weight"},
      {CREAM_NAMING_TORCHVISION_MOBILENET_V3, "mobilenet-v3-large", "blocks.6.0.conv.weight",
       "features.16.0.weight"},
      {CREAM_NAMING_TORCHVISION_MOBILENET_V3, "mobilenet-v3-large", "conv_head.bias", "classifier.0.bias"},
      {CREAM_NAMING_TORCHVISION_MOBILENET_V3, "mobilenet-v3-large", "classifier.bias", "classifier.3.bias"},
      {CREAM_NAMING_TORCHVISION_MOBILENET_V2, "mobilenet-v2", "blocks.0.0.bn2.bias",
       "features.1.conv.2.bias"},
      {CREAM_NAMING_TORCHVISION_MOBILENET_V2, "mobilenet-v2", "blocks.6.0.bn3.running_var",
       "features.17.conv.3.running_var"},
      {CREAM_NAMING_TORCHVISION_MOBILENET_V2, "mobilenet-v2", "bn2.weight", "features.18.1.weight"},
      {CREAM_NAMING_TORCHVISION_MOBILENET_V2, "efficientnet-b0", "blocks.0.0.se.conv_reduce.bias", NULL},
      {CREAM_NAMING_TORCHVISION_MNASNET, "mnasnet-100", "blocks.0.0.bn2.bias", "layers.7.bias"},
      {CREAM_NAMING_TORCHVISION_MNASNET, "mnasnet-100", "blocks.6.0.bn3.running_var",
       "layers.13.0.layers.7.running_var"},
      {CREAM_NAMING_TORCHVISION_MNASNET, "mnasnet-100", "bn2.weight", "layers.15.weight"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char name[96] = "";
    load(cases[i].network);
    bool has = cream_naming_of(cases[i].naming, &arch.net, cases[i].own, name, sizeof name);
    assert_int_equal(has, cases[i].name != NULL);
    if (has) assert_string_equal(name, cases[i].name);
    if (has)
      assert_false(cream_naming_of(cases[i].naming, &arch.net, cases[i].own, name, 4) &&
                   cases[i].naming != CREAM_NAMING_TIMM);
  }
}

/* Names of all parameters differ where a scheme has them, and a scheme without a layer is left out. */
static void whole_networks(void **state) {
  (void)state;
  static const struct {
    const char *network;
    int schemes;
  } cases[] = {{"efficientnet-b0", 4},
               {"efficientnet-lite4", 6},
               {"mobilenet-v2", 6},
               {"mnasnet-100", 6},
               {"mobilenet-v3-large", 2}};
  cream_backend *backend;
  cream_error err;
  assert_int_equal(cream_cpu_create(&(cream_cpu_options){.threads = 1}, &backend, &err), CREAM_OK);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    cream_counter counter;
    cream_net *net;
    int count, schemes = 0;
    load(cases[i].network);
    cream_counter_init(&counter, backend);
    assert_int_equal(cream_net_create(&counter.base, &arch.net, &(cream_net_options){.batch = 1}, &net, &err),
                     CREAM_OK);
    const cream_param *params = cream_net_params(net, &count);
    cream_param *copy = malloc((size_t)count * sizeof *copy);
    for (int n = 0; n < CREAM_NAMING_COUNT; n++) {
      memcpy(copy, params, (size_t)count * sizeof *copy);
      schemes += cream_naming_apply((cream_naming)n, &arch.net, copy, count);
    }
    if (schemes != cases[i].schemes)
      fail_msg("%s: %d schemes, expected %d", cases[i].network, schemes, cases[i].schemes);
    free(copy);
    cream_net_destroy(net);
  }
  backend->destroy(backend);
}

static void facts(void **state) {
  (void)state;
  load("efficientnet-lite0");
  cream_naming_facts f = cream_naming_facts_of(CREAM_NAMING_EFFICIENTNET_PYTORCH, &arch.net);
  assert_true(f.known && f.padding == CREAM_PADDING_SAME && f.bn_eps == 1e-3);
  assert_true(f.mean[0] == 127.0f / 255 && f.std[2] == 128.0f / 255);
  load("efficientnet-b0");
  f = cream_naming_facts_of(CREAM_NAMING_EFFICIENTNET_PYTORCH, &arch.net);
  assert_true(f.known && f.padding == CREAM_PADDING_SAME && f.mean[0] == 0.485f);
  f = cream_naming_facts_of(CREAM_NAMING_TORCHVISION_EFFICIENTNET, &arch.net);
  assert_true(f.known && f.padding == CREAM_PADDING_SYMMETRIC && f.bn_eps == 1e-5);
  assert_false(cream_naming_facts_of(CREAM_NAMING_TIMM, &arch.net).known);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(names), cmocka_unit_test(whole_networks),
                                     cmocka_unit_test(facts)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
