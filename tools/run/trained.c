#include "trained.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/space/complexity.h"
#include "io/weights/weights_info.h"
#include "tools/cli/progress.h"

cream_status run_test_net(cream_cluster *cluster, cream_net *net, const run_data *data, int batch,
                          uint32_t *confusion, run_test *test, cream_error *err) {
  const cream_skeleton *skeleton = cream_net_skeleton(net);
  cream_path path = cream_skeleton_first_path(skeleton);
  cream_source *source;
  cream_status status = run_test_source(data, batch, skeleton->resolution, &source, err);
  if (status != CREAM_OK) return status;
  double start = progress_now();
  status = cream_evaluate_shared(cluster, net, &path, source, CREAM_BN_RUNNING, &test->score, confusion, err);
  test->images_per_second = (double)test->score.count / (progress_now() - start);
  cream_source_destroy(source);
  return status;
}

cream_status run_save_weights(const char *path, const cream_net *net, const run_data *data, const char *kind,
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
  cream_pair pairs[sizeof metadata.pairs / sizeof *metadata.pairs + 1];
  memcpy(pairs, metadata.pairs, sizeof metadata.pairs);
  if (kind) pairs[metadata.count] = (cream_pair){"weights", kind};
  if (status == CREAM_OK)
    status = cream_weights_save(path, cream_net_backend(net), net, extra, n_extra, pairs,
                                metadata.count + (kind != NULL), err);
  cream_weights_metadata_free(&metadata);
  cream_weights_info_free(&info);
  return status;
}

void run_print_network(const cream_skeleton *skeleton, const cream_path *path) {
  cream_costs costs;
  cream_costs_init(&costs, skeleton, skeleton->resolution);
  cream_cost cost = cream_costs_path(&costs, path);
  char text[400];
  printf("network     %s, %dx%d pixels: %s\n", skeleton->space.name, skeleton->resolution,
         skeleton->resolution, cream_path_format(skeleton, path, text, sizeof text));
  printf("costs       %.3f M multiply-adds, %.3f M FLOPs as the paper counts them, %.3f M parameters\n",
         cost.macs / 1e6, cream_cost_flops(&cost) / 1e6, cost.params / 1e6);
}

void run_hint_at_chance(const char *section, const cream_score *score, int classes) {
  double chance = 1.0 / classes, images = (double)score->count;
  if (images < 5.0 * classes || score->top1 > chance + 2 * sqrt(chance * (1 - chance) / images)) return;
  fprintf(stderr,
          "the accuracy of %.2f %% on %zu images is that of guessing one of %d classes: too few steps, or "
          "too small a "
          "rate? %s.epochs, %s.batch, %s.lr.lr and augment.* decide; see docs/guide.md, \"Small images\"\n",
          100 * score->top1, score->count, classes, section, section, section);
}

void run_print_test(const char *title, const run_test *test) {
  printf("%-12stop-1 %.2f %%, top-5 %.2f %%, loss %.4f on %zu images, %.0f images/s\n", title,
         100 * test->score.top1, 100 * test->score.top5, test->score.loss, test->score.count,
         test->images_per_second);
}
