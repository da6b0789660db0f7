#include <stdio.h>
#include <string.h>

#include "common.h"
#include "io/weights.h"

/* What a test works with, in the order of its making. */
typedef struct test_run {
  cream_arch arch;
  common_data data;
  cream_backend *backend;
  cream_net *net;
} test_run;

static cream_status open_all(test_run *t, const cream_config *config, cream_error *err) {
  cream_status status = common_arch(config, &t->arch, err);
  if (status != CREAM_OK) return status;
  if (!*config->weights)
    return cream_fail(err, CREAM_BAD_CONFIG, "no weights: give --weights FILE, or --run DIR of a retrain");
  status = common_data_open(config, &t->data, err);
  if (status == CREAM_OK) status = common_check_classes(&t->arch.net, &t->data, err);
  if (status == CREAM_OK) status = common_backend(config, &t->backend, err);
  cream_net_options options = {.batch = config->retrain.batch};
  if (status == CREAM_OK) status = cream_net_create(t->backend, &t->arch.net, &options, &t->net, err);
  cream_weights_report loaded = {0};
  if (status == CREAM_OK) status = cream_weights_load(config->weights, t->backend, t->net, &loaded, err);
  if (loaded.text[0]) fprintf(stderr, "%s: %s\n", config->weights, loaded.text);
  return status;
}

static void write_json(const common_test *test) {
  cream_json json = cream_json_to(stdout);
  cream_json_object(&json, NULL, true);
  cream_json_number(&json, "top1", test->score.top1);
  cream_json_number(&json, "top5", test->score.top5);
  cream_json_number(&json, "loss", test->score.loss);
  cream_json_integer(&json, "images", test->score.count);
  cream_json_number(&json, "images_per_second", test->images_per_second);
  cream_json_end(&json);
  putchar('\n');
}

static cream_status test_run_tool(const tool_options *options, cream_error *err) {
  static test_run t;
  memset(&t, 0, sizeof t);
  common_test tested;
  cream_status status = open_all(&t, &options->config, err);
  if (status == CREAM_OK)
    status = common_test_net(t.net, &t.data, options->config.retrain.batch, &tested, err);
  if (status == CREAM_OK && options->json) {
    write_json(&tested);
  } else if (status == CREAM_OK) {
    cream_path path = cream_skeleton_first_path(&t.arch.net);
    common_print_network(&t.arch.net, &path);
    common_print_test(&tested);
  }
  cream_net_destroy(t.net);
  if (t.backend) t.backend->destroy(t.backend);
  common_data_close(&t.data);
  return status;
}

const tool tool_test = {
    .name = "test",
    .summary = "measure a trained network on the test images",
    .section = "retrain",
    .options = "run arch weights config set data batch threads json ",
    .run = test_run_tool,
};
