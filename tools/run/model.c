#include "model.h"

#include <string.h>

#include "core/net/fold.h"
#include "io/weights/weights.h"
#include "network.h"

static void apply_settings(cream_weights_info *info, const cream_augment_config *augment) {
  static cream_config defaults;
  cream_config_defaults(&defaults);
  if (augment->interpolation != defaults.augment.interpolation)
    snprintf(info->interpolation, sizeof info->interpolation, "%s",
             augment->interpolation == CREAM_INTERPOLATION_BILINEAR ? "bilinear" : "bicubic");
  if (augment->test_crop != defaults.augment.test_crop) info->test_crop = augment->test_crop;
}

/* Completes the metadata of the weights file with ImageNet's values. */
static cream_status complete_info(model *m, const cream_config *config, cream_error *err) {
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
  apply_settings(info, &config->augment);
  if (info->n_classes == 0 || info->n_classes == m->arch.net.classes) return CREAM_OK;
  return cream_fail(err, CREAM_BAD_DATA,
                    "%s: the metadata has names of %d classes, expected the %d of the network",
                    config->weights, info->n_classes, m->arch.net.classes);
}

static cream_status read_header(model *m, const cream_config *config, cream_error *err) {
  cream_st_file *file;
  cream_status status = cream_st_open(config->weights, &file, err);
  if (status != CREAM_OK) return status;
  cream_skeleton *net = &m->arch.net;
  const cream_st_tensor *bias = cream_st_find(file, "classifier.bias");
  if (m->arch.builtin && bias && bias->n_dims == 1 && bias->dims[0] > 0 && bias->dims[0] <= INT32_MAX)
    net->classes = net->space.head.classes = (int)bias->dims[0];
  status = cream_weights_info_read(config->weights, file, NULL, &m->info, err);
  cream_st_close(file);
  return status == CREAM_OK ? complete_info(m, config, err) : status;
}

cream_status model_open(model *m, const cream_config *config, int batch, cream_error *err) {
  memset(m, 0, sizeof *m);
  cream_status status = run_arch(config, &m->arch, err);
  if (status == CREAM_OK) status = run_check_weights(config, err);
  if (status == CREAM_OK) status = read_header(m, config, err);
  if (status == CREAM_OK) status = run_backend(config, &m->backend, err);
  cream_net_options options = {.batch = batch};
  if (status == CREAM_OK) status = cream_net_create(m->backend, &m->arch.net, &options, &m->net, err);
  cream_weights_report loaded = {0};
  if (status == CREAM_OK) status = cream_weights_load(config->weights, m->backend, m->net, &loaded, err);
  if (loaded.text[0]) fprintf(stderr, "%s: %s\n", config->weights, loaded.text);
  return status == CREAM_OK ? cream_net_fold(m->net, err) : status;
}

void model_close(model *m) {
  cream_net_destroy(m->net);
  if (m->backend) m->backend->destroy(m->backend);
  cream_weights_info_free(&m->info);
}
