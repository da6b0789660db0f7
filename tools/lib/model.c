#include "model.h"

#include <string.h>
#include <unistd.h>

#include "core/net/fold.h"
#include "io/base/file.h"
#include "io/run/run_names.h"

static void apply_settings(cream_weights_info *info, const cream_augment_config *augment) {
  cream_config defaults;
  cream_config_defaults(&defaults);
  if (augment->interpolation != defaults.augment.interpolation)
    snprintf(info->interpolation, sizeof info->interpolation, "%s",
             augment->interpolation == CREAM_INTERPOLATION_BILINEAR ? "bilinear" : "bicubic");
  if (augment->test_crop != defaults.augment.test_crop) info->test_crop = augment->test_crop;
}

/* Completes the metadata of the weights file with ImageNet's values. */
static cream_status complete_info(cream_model *m, const char *weights, const cream_augment_config *augment,
                                  cream_error *err) {
  cream_weights_info *info = &m->info;
  const cream_weights_info usual = cream_weights_info_imagenet();
  info->resolution = m->arch.net.resolution;
  if (!info->has_normalisation) {
    memcpy(info->mean, usual.mean, sizeof info->mean);
    memcpy(info->std, usual.std, sizeof info->std);
    info->has_normalisation = true;
  }
  if (!info->interpolation[0]) memcpy(info->interpolation, usual.interpolation, sizeof info->interpolation);
  if (info->test_crop <= 0) info->test_crop = usual.test_crop;
  apply_settings(info, augment);
  if (info->n_classes == 0 || info->n_classes == m->arch.net.classes) return CREAM_OK;
  return cream_fail(err, CREAM_BAD_DATA,
                    "%s: the metadata has names of %d classes, expected the %d of the network", weights,
                    info->n_classes, m->arch.net.classes);
}

cream_status cream_model_check_weights(const char *weights, cream_error *err) {
  const char *name = strrchr(weights, '/');
  if (!name || strcmp(name, "/" CREAM_RUN_WEIGHTS) || !access(weights, F_OK)) return CREAM_OK;
  const int length = (int)(name - weights);
  char supernet[CREAM_MAX_FILE_NAME];
  snprintf(supernet, sizeof supernet, "%.*s/" CREAM_RUN_SUPERNET, length, weights);
  if (access(supernet, F_OK)) return CREAM_OK;
  return cream_fail(err, CREAM_BAD_CONFIG,
                    "%.*s is a search, and its network is not trained yet; train it with cream retrain --run "
                    "%.*s --out DIR",
                    length, weights, length, weights);
}

cream_status cream_model_read(cream_model *m, const char *weights, const cream_augment_config *augment,
                              cream_error *err) {
  cream_st_file *file;
  cream_status status = cream_st_open(weights, &file, err);
  if (status != CREAM_OK) return status;
  cream_skeleton *net = &m->arch.net;
  int classes = cream_weights_classes(file);
  if (m->arch.builtin && classes) net->classes = net->space.head.classes = classes;
  status = cream_weights_info_read(weights, file, NULL, &m->info, err);
  cream_st_close(file);
  return status == CREAM_OK ? complete_info(m, weights, augment, err) : status;
}

cream_status cream_model_load_unfolded(cream_model *m, const char *weights, int batch,
                                       cream_weights_report *report, cream_error *err) {
  const cream_net_options options = {.batch = batch};
  cream_status status = cream_net_create(m->backend, &m->arch.net, &options, &m->net, err);
  return status == CREAM_OK ? cream_weights_load(weights, m->backend, m->net, report, err) : status;
}

cream_status cream_model_load(cream_model *m, const char *weights, int batch, cream_weights_report *report,
                              cream_error *err) {
  const cream_status status = cream_model_load_unfolded(m, weights, batch, report, err);
  return status == CREAM_OK ? cream_net_fold(m->net, err) : status;
}

void cream_model_close(cream_model *m) {
  cream_net_destroy(m->net);
  if (m->backend) m->backend->destroy(m->backend);
  cream_weights_info_free(&m->info);
}
