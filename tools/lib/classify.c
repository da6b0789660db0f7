#include "classify.h"

#include <math.h>
#include <string.h>

#include "core/base/elementary.h"

void cream_reader_free(cream_reader *reader) {
  cream_image_free(&reader->image);
  cream_transform_memory_free(&reader->memory);
}

cream_status cream_classify_transforms(const cream_model *m, const cream_augment_config *settings,
                                       cream_transforms *transforms, cream_error *err) {
  cream_augment_config augment = *settings;
  augment.test_crop = m->info.test_crop;
  augment.interpolation =
      strcmp(m->info.interpolation, "bilinear") ? CREAM_INTERPOLATION_BICUBIC : CREAM_INTERPOLATION_BILINEAR;
  return cream_transforms_init(transforms, &augment, m->arch.net.resolution, m->info.mean, m->info.std, err);
}

cream_status cream_classify_read(const cream_transforms *transforms, cream_reader *reader, const char *path,
                                 uint8_t *pixels, cream_error *err) {
  cream_transform_work work = cream_transform_begin(transforms, NULL, ~0u);
  reader->image.crop = &work.crop;
  cream_status status = cream_image_read(path, 0, &reader->image, err);
  reader->image.crop = NULL;
  return status ? status : cream_transform_finish(&work, &reader->image, &reader->memory, pixels, err);
}

cream_status cream_classify_forward(cream_model *m, int n, const uint8_t *pixels, float *logits,
                                    cream_error *err) {
  cream_backend *backend = m->backend;
  cream_path path = cream_skeleton_first_path(&m->arch.net);
  cream_tensor x = cream_net_input(m->net, n, m->arch.net.resolution);
  backend->upload_pixels(backend, &x, pixels, m->info.mean, m->info.std);
  cream_buf result = cream_net_forward(m->net, &path, &x, CREAM_BN_RUNNING, 0);
  return backend->download(backend, logits, result, (size_t)n * (size_t)m->arch.net.classes, err);
}

double cream_classify_sum(const float *logits, int classes, float largest) {
  double sum = 0;
  for (int c = 0; c < classes; c++) sum += cream_exp((double)logits[c] - largest);
  return sum;
}

void cream_classify_sort(const float *logits, int classes, int top, int *order, double *probability) {
  for (int c = 0; c < classes; c++) order[c] = c;
  for (int i = 0; i < top; i++) {
    int best = i;
    for (int c = i + 1; c < classes; c++) {
      float a = logits[order[c]], b = logits[order[best]];
      if (a > b || (a == b && order[c] < order[best])) best = c;
    }
    int label = order[best];
    order[best] = order[i];
    order[i] = label;
  }
  const double sum = cream_classify_sum(logits, classes, logits[order[0]]);
  for (int i = 0; i < top; i++) probability[i] = cream_exp((double)logits[order[i]] - logits[order[0]]) / sum;
}
