/* A trained detector: opened from its files, and measured. */
#ifndef CREAM_TOOLS_DETECTOR_H
#define CREAM_TOOLS_DETECTOR_H

#include <stdio.h>

#include "box_data.h"
#include "core/train/detect_evaluate.h"
#include "tools/lib/model.h"

/* Opens config->arch with config->weights, for batches of up to `batch` images. CREAM_BAD_CONFIG: it is no detector, or
 * there are no weights. Ended by cream_model_close, also after a failure. */
cream_status detector_open(cream_model *, const cream_config *, int batch, cream_error *);
/* CREAM_BAD_DATA where the data has other classes than the weights. */
cream_status detector_check_classes(const cream_model *, const cream_config *, const cream_box_set *,
                                    cream_error *);

/* What a detector found in the test part, and how good that is. */
typedef struct detector_test {
  cream_detections found;
  cream_coco_result measured;
  cream_score score;
  double images_per_second;
} detector_test;

cream_status detector_test_run(cream_net *, const box_data *, const cream_config *, int batch,
                               detector_test *, cream_error *);
void detector_test_free(detector_test *);

/* COCO's numbers, VOC's and those of classes, as text and as a JSON document. */
void detector_print(FILE *, const cream_box_set *, const cream_coco_result *);
void detector_write(FILE *, const cream_box_set *, const cream_coco_result *);

#endif
