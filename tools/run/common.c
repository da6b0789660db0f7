#include "common.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/space/budget.h"
#include "device.h"
#include "io/config/latency_table.h"
#include "io/run/origin.h"
#include "io/config/space_yaml.h"
#include "io/weights/weights_info.h"
#include "tools/cli/signals.h"

static void tell_bad(void *context, cream_part part, size_t index, const char *line) {
  (void)context, (void)part, (void)index;
  fprintf(stderr, "left out: %s\n", line);
}

/* Small pictures that a data set makes by itself take no time; others a thread for every one that trains. */
static int workers_for(const cream_config *config, const cream_dataset *dataset) {
  long cores = sysconf(_SC_NPROCESSORS_ONLN);
  int threads = config->threads ? config->threads : (int)cores;
  return dataset->decode ? 1 : threads < 1 ? 1 : threads > 64 ? 64 : threads;
}

cream_status common_data_open(const cream_config *config, common_data *data, cream_error *err) {
  memset(data, 0, sizeof *data);
  cream_status status = cream_dataset_open(config->data, &data->dataset, err);
  if (status != CREAM_OK) return status;
  data->augment = config->augment;
  data->workers = workers_for(config, data->dataset);
  size_t count = data->dataset->count[CREAM_PART_TRAIN];
  data->n_heldout = (size_t)llround(config->heldout * (double)count);
  data->n_rest = count - data->n_heldout;
  data->heldout = malloc((data->n_heldout + 1) * sizeof *data->heldout);
  data->rest = malloc((data->n_rest + 1) * sizeof *data->rest);
  status = data->heldout && data->rest
               ? cream_skipped_create(data->dataset, config->max_bad, tell_bad, NULL, &data->bad, err)
               : cream_fail_memory(err, count * sizeof *data->rest, "the split");
  if (status != CREAM_OK) {
    common_data_close(data);
    return status;
  }
  cream_split(data->dataset->labels[CREAM_PART_TRAIN], count, data->dataset->classes, config->seed,
              data->n_heldout, data->heldout, data->rest);
  return CREAM_OK;
}

void common_data_close(common_data *data) {
  cream_skipped_destroy(data->bad);
  if (data->dataset) data->dataset->destroy(data->dataset);
  free(data->heldout);
  free(data->rest);
  memset(data, 0, sizeof *data);
}

static cream_status open_source(const common_data *data, cream_loader_options *options, cream_source **source,
                                cream_error *err) {
  options->transforms = &data->augment;
  options->skipped = data->bad;
  return cream_loader_create(data->dataset, options, source, err);
}

cream_status common_train_source(const common_data *data, const cream_config *config, int batch, int side,
                                 cream_source **source, cream_error *err) {
  cream_loader_options options = {.part = CREAM_PART_TRAIN,
                                  .indices = data->rest,
                                  .count = data->n_rest,
                                  .batch = batch,
                                  .side = side,
                                  .seed = config->seed,
                                  .train = true,
                                  .augment = config->augment.enabled,
                                  .workers = data->workers};
  return open_source(data, &options, source, err);
}

cream_status common_heldout_source(const common_data *data, int batch, int side, cream_source **source,
                                   cream_error *err) {
  if (data->n_heldout == 0)
    return cream_fail(err, CREAM_BAD_CONFIG,
                      "heldout: none of the %zu training images are held out, expected some; raise heldout",
                      data->n_rest);
  cream_loader_options options = {.part = CREAM_PART_TRAIN,
                                  .indices = data->heldout,
                                  .count = data->n_heldout,
                                  .batch = batch,
                                  .side = side,
                                  .workers = data->workers};
  return open_source(data, &options, source, err);
}

cream_status common_test_source(const common_data *data, int batch, int side, cream_source **source,
                                cream_error *err) {
  cream_loader_options options = {
      .part = CREAM_PART_TEST, .batch = batch, .side = side, .workers = data->workers};
  return open_source(data, &options, source, err);
}

cream_status common_backend(const cream_config *config, cream_backend **backend, cream_error *err) {
  device_options options = device_options_of(config);
  return device_open(&options, backend, err);
}

cream_range common_range(const cream_config *config) {
  return (cream_range){config->flops.min * 1e6, config->flops.max * 1e6};
}

cream_status common_supernet(const cream_config *config, int classes, cream_skeleton *skeleton,
                             cream_error *err) {
  cream_space space;
  cream_status status = cream_space_load(config->space, &space, err);
  if (status != CREAM_OK) return status;
  if (classes == 0) classes = space.head.classes;
  int resolution = config->resolution, depth[CREAM_MAX_STAGES];
  memcpy(depth, config->depth, sizeof depth);
  int given = 0;
  while (given < CREAM_MAX_STAGES && depth[given]) given++;
  if (given && given != space.n_stages)
    return cream_fail(err, CREAM_BAD_CONFIG, "depth: got %d numbers, but space `%s` has %d stages", given,
                      space.name, space.n_stages);
  cream_budget budgets[CREAM_MAX_BUDGETS];
  cream_range ranges[CREAM_MAX_BUDGETS];
  int n;
  status = cream_budgets_parse(config->search.budgets, config->search.budget_share, budgets, &n, err);
  for (int i = 0; i < n; i++) ranges[i] = budgets[i].limits.flops;
  if (n == 0) ranges[n++] = common_range(config);
  if (status == CREAM_OK) status = cream_ranges_resolve(&space, ranges, n, classes, &resolution, depth, err);
  if (status != CREAM_OK) return status;
  return cream_skeleton_init(skeleton, &space, depth, resolution, classes, err);
}

cream_status common_latencies(const cream_config *config, const cream_skeleton *skeleton,
                              cream_latencies *latencies, bool *known, cream_error *err) {
  const char *file = config->search.latency.table;
  *known = *file != '\0';
  if (!*known) return CREAM_OK;
  cream_latency_table table;
  cream_status status = cream_latency_table_load(file, &table, err);
  return status != CREAM_OK ? status
                            : cream_latency_table_apply(&table, file, skeleton, NULL, latencies, err);
}

cream_status common_arch(const cream_config *config, cream_arch *arch, cream_error *err) {
  if (!*config->arch)
    return cream_fail(err, CREAM_BAD_CONFIG,
                      "no network: give --arch NAME|FILE, or --run DIR of an earlier run");
  const char *name = strrchr(config->arch, '/');
  if (*config->search.budgets && name && strcmp(name, "/" CREAM_RUN_ARCH) == 0 && access(config->arch, F_OK))
    return cream_fail(err, CREAM_BAD_CONFIG, "%.*s has networks for several budgets (%s): give --budget",
                      (int)(name - config->arch), config->arch, config->search.budgets);
  cream_status status = cream_arch_load(config->arch, arch, err);
  if (status != CREAM_OK || !config->resolution) return status;
  if (config->resolution < 8)
    return cream_fail(err, CREAM_BAD_CONFIG, "resolution: got %d, expected 8 to 4096", config->resolution);
  cream_arch_set_resolution(arch, config->resolution);
  return CREAM_OK;
}

cream_status common_check_weights(const cream_config *config, cream_error *err) {
  const char *name = strrchr(config->weights, '/');
  if (!*config->weights)
    return cream_fail(err, CREAM_BAD_CONFIG, "no weights: give --weights FILE, or --run DIR of a retrain");
  if (!name || strcmp(name, "/" CREAM_RUN_WEIGHTS) || !access(config->weights, F_OK)) return CREAM_OK;
  int length = (int)(name - config->weights);
  char supernet[sizeof config->weights + 32];
  snprintf(supernet, sizeof supernet, "%.*s/" CREAM_RUN_SUPERNET, length, config->weights);
  if (access(supernet, F_OK)) return CREAM_OK;
  return cream_fail(err, CREAM_BAD_CONFIG,
                    "%.*s is a search, whose network is not trained yet: cream retrain --run %.*s --out DIR",
                    length, config->weights, length, config->weights);
}

cream_status common_check_classes(cream_arch *arch, const common_data *data, cream_error *err) {
  cream_skeleton *skeleton = &arch->net;
  if (arch->builtin) skeleton->classes = skeleton->space.head.classes = data->dataset->classes;
  if (skeleton->classes == data->dataset->classes) return CREAM_OK;
  return cream_fail(
      err, CREAM_BAD_CONFIG,
      "the network has %d classes, but the data (%s) has %d; a built-in --arch takes the data's "
      "number, another needs data of its own number",
      skeleton->classes, data->dataset->name, data->dataset->classes);
}

cream_status common_test_net(cream_net *net, const common_data *data, int batch, uint32_t *confusion,
                             common_test *test, cream_error *err) {
  const cream_skeleton *skeleton = cream_net_skeleton(net);
  cream_path path = cream_skeleton_first_path(skeleton);
  cream_source *source;
  cream_status status = common_test_source(data, batch, skeleton->resolution, &source, err);
  if (status != CREAM_OK) return status;
  double start = progress_now();
  status = cream_evaluate_confusion(net, &path, source, CREAM_BN_RUNNING, &test->score, confusion, err);
  test->images_per_second = (double)test->score.count / (progress_now() - start);
  cream_source_destroy(source);
  return status;
}

cream_status common_save_weights(const char *path, const cream_net *net, const common_data *data,
                                 const cream_st_tensor *extra, int n_extra, cream_error *err) {
  const cream_dataset *dataset = data->dataset;
  cream_weights_info info = {.resolution = cream_net_skeleton(net)->resolution, .has_normalisation = true};
  memcpy(info.mean, dataset->mean, sizeof info.mean);
  memcpy(info.std, dataset->std, sizeof info.std);
  if (!dataset->decode) {
    bool bilinear = data->augment.interpolation == CREAM_INTERPOLATION_BILINEAR;
    strcpy(info.interpolation, bilinear ? "bilinear" : "bicubic");
    info.test_crop = data->augment.test_crop;
  }
  cream_weights_metadata metadata = {0};
  cream_status status = cream_weights_info_set_classes(&info, dataset->class_names, dataset->classes, err);
  if (status == CREAM_OK) status = cream_weights_metadata_init(&metadata, &info, err);
  if (status == CREAM_OK)
    status = cream_weights_save(path, cream_net_backend(net), net, extra, n_extra, metadata.pairs,
                                metadata.count, err);
  cream_weights_metadata_free(&metadata);
  cream_weights_info_free(&info);
  return status;
}

cream_status common_check_out(const cream_config *config, cream_error *err) {
  if (*config->out) return CREAM_OK;
  return cream_fail(err, CREAM_BAD_CONFIG, "no run folder: give --out DIR, a folder for what the run makes");
}

static cream_status on_event(void *self, const cream_event *event, cream_error *err) {
  common_run *run = self;
  progress_event(&run->progress, event);
  if (event->kind == CREAM_EVENT_START) run->trained_from = progress_now();
  if (event->kind == CREAM_EVENT_STEP) {
    run->steps++;
    run->trained = progress_now() - run->trained_from;
  }
  return cream_run_on_event(&run->folder, event, err);
}

cream_listener common_run_listener(common_run *run) {
  return (cream_listener){on_event, run, signals_catch()};
}

cream_status common_run_open(common_run *run, const tool_options *options, const common_data *data,
                             const cream_skeleton *skeleton, int images, const keep_target *target,
                             cream_error *err) {
  const cream_config *config = &options->config;
  memset(run, 0, sizeof *run);
  run->images = images;
  cream_status status = options->resume ? cream_run_reopen(&run->folder, config->out, err)
                                        : cream_run_open(&run->folder, config->out, options->force, err);
  if (status != CREAM_OK) return status;
  run->open = true;
  progress_init(&run->progress, skeleton);
  bool resumed = false;
  status = keep_open(&run->keep, &run->folder, target->command, config, err);
  if (status == CREAM_OK && options->resume) status = keep_resume(&run->keep, target, &resumed, err);
  if (status == CREAM_OK) status = cream_run_write_config(&run->folder, config, err);
  if (status == CREAM_OK)
    status =
        cream_run_write_split(&run->folder, config->data, config->seed,
                              data->dataset->count[CREAM_PART_TRAIN], data->heldout, data->n_heldout, err);
  if (status == CREAM_OK && !skeleton->fixed)
    status = cream_run_write_space(&run->folder, &skeleton->space, err);
  const cream_origin origin = {target->command, options->words, options->n_words,
                               config->threads, config->data,   data->dataset};
  return status == CREAM_OK ? cream_origin_write(&run->folder, &origin, resumed, err) : status;
}

cream_status common_run_close(common_run *run, cream_status status, cream_error *err) {
  if (!run->open) return status;
  run->open = false;
  progress_end(&run->progress);
  status = keep_close(&run->keep, status, err);
  cream_error close_error;
  if (cream_run_close(&run->folder, &close_error) == CREAM_OK || status != CREAM_OK) return status;
  *err = close_error;
  return close_error.status;
}

cream_status common_run_tested(common_run *run, const char *split, const common_test *test,
                               cream_error *err) {
  cream_event event = {.kind = CREAM_EVENT_EVAL,
                       .phase = "test",
                       .split = split,
                       .accuracy = test->score.top1,
                       .top5 = test->score.top5,
                       .eval_loss = test->score.loss,
                       .images_per_second = test->images_per_second};
  return on_event(run, &event, err);
}

void common_print_network(const cream_skeleton *skeleton, const cream_path *path) {
  cream_costs costs;
  cream_costs_init(&costs, skeleton, skeleton->resolution);
  cream_cost cost = cream_costs_path(&costs, path);
  char text[400];
  printf("network     %s, %dx%d pixels: %s\n", skeleton->space.name, skeleton->resolution,
         skeleton->resolution, cream_path_format(skeleton, path, text, sizeof text));
  printf("costs       %.3f M multiply-adds, %.3f M FLOPs as the paper counts them, %.3f M parameters\n",
         cost.macs / 1e6, cream_cost_flops(&cost) / 1e6, cost.params / 1e6);
}

void common_print_test(const char *title, const common_test *test) {
  printf("%-12stop-1 %.2f %%, top-5 %.2f %%, loss %.4f on %zu images, %.0f images/s\n", title,
         100 * test->score.top1, 100 * test->score.top5, test->score.loss, test->score.count,
         test->images_per_second);
}

cream_status common_print_file(const char *path, cream_error *err) {
  char *text;
  size_t size;
  cream_status status = cream_file_read(path, 64 << 20, &text, &size, err);
  if (status != CREAM_OK) return status;
  fwrite(text, 1, size, stdout);
  free(text);
  return CREAM_OK;
}

cream_status common_run_result(const common_run *run, const tool_options *options, cream_net *net,
                               cream_run_result *result, cream_error *err) {
  result->memory = cream_net_memory(net);
  result->seconds = progress_now() - run->folder.start;
  if (run->steps) result->images_per_second = (double)run->steps * (double)run->images / run->trained;
  cream_status status = cream_run_write_result(&run->folder, result, err);
  char path[CREAM_MAX_FILE_NAME];
  if (status == CREAM_OK && options->json)
    status = common_print_file(cream_run_file(&run->folder, CREAM_RUN_RESULT, path), err);
  return status;
}

cream_status common_join(char *text, size_t size, const char *folder, const char *name, cream_error *err) {
  if ((size_t)snprintf(text, size, "%s/%s", folder, name) < size) return CREAM_OK;
  return cream_fail(err, CREAM_BAD_CONFIG, "%s/%s: the name is longer than %zu bytes", folder, name,
                    size - 1);
}
