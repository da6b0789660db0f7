/* cream detect eval. */
#include "detect.h"
#include "io/detect/coco_results.h"
#include "tools/run/detector.h"

static cream_status measure(const detect_options *options, const cream_box_set *set, cream_error *err) {
  cream_box_results results;
  cream_coco_result measured;
  cream_status status = cream_box_results_read(options->results, set, CREAM_PART_TEST, &results, err);
  if (status) return status;
  if (results.unknown)
    fprintf(stderr, "cream detect: %zu detections of categories that the data do not have are left out\n",
            results.unknown);
  cream_coco_input input = cream_box_results_input(set, CREAM_PART_TEST, results.boxes, results.first);
  status = cream_coco_evaluate(&input, &measured, err);
  if (!status) {
    (options->json ? detector_write : detector_print)(stdout, set, &measured);
    cream_coco_result_free(&measured);
  }
  cream_box_results_free(&results);
  return status;
}

cream_status detect_eval(const detect_options *options, cream_error *err) {
  cream_box_set *set;
  cream_status status = cream_box_set_open(options->data, CREAM_BOX_TRUTH, &set, err);
  if (status) return status;
  status = measure(options, set, err);
  cream_box_set_free(set);
  return status;
}
