/* cream detect test. */
#include <string.h>

#include "detect.h"
#include "io/detect/coco_results.h"
#include "tools/run/detector.h"
#include "tools/run/device.h"

/* The same parts as in the training where the data is that of the run, else a set without parts is all test images. */
static cream_box_use use_of(const detect_options *options) {
  const bool same = *options->run_data && strcmp(options->run_data, options->run.config.data) == 0;
  return same ? CREAM_BOX_TRAIN : CREAM_BOX_TEST;
}

static cream_status measure(const detect_options *options, cream_model *m, box_data *data, cream_error *err) {
  const cream_config *config = &options->run.config;
  detector_test test;
  memcpy(data->images.dataset->mean, m->info.mean, sizeof m->info.mean);
  memcpy(data->images.dataset->std, m->info.std, sizeof m->info.std);
  box_data_normalise(data);
  device_print(m->backend);
  cream_status status = detector_test_run(m->net, data, config, config->retrain.batch, &test, err);
  if (!status && *config->out)
    status = cream_box_results_write(config->out, data->set, CREAM_PART_TEST, test.found.boxes,
                                     test.found.first, err);
  if (!status) {
    (options->run.json ? detector_write : detector_print)(stdout, data->set, &test.measured);
    if (!options->run.json)
      printf("\ntest        %zu images, %.1f images/s\n", test.found.images, test.images_per_second);
  }
  detector_test_free(&test);
  return status;
}

cream_status detect_test(const detect_options *options, cream_error *err) {
  static cream_model m;
  static box_data data;
  cream_config config = options->run.config;
  config.heldout = 0; /* only test images are read */
  memset(&data, 0, sizeof data);
  cream_status status = detector_open(&m, &config, config.retrain.batch, err);
  if (!status) status = box_data_open(&config, use_of(options), &data, err);
  if (!status) status = detector_check_classes(&m, &config, data.set, err);
  if (!status) status = measure(options, &m, &data, err);
  box_data_close(&data);
  cream_model_close(&m);
  return status;
}
