/* cream detect eval. */
#include <math.h>

#include "detect.h"
#include "io/base/json.h"
#include "io/detect/coco_results.h"

static void print_number(const char *name, double value, const char *meaning) {
  if (value < 0)
    printf("%-8s-        %s\n", name, meaning);
  else
    printf("%-8s%.4f   %s\n", name, value, meaning);
}

static void print_report(const cream_box_set *set, const cream_coco_result *result) {
  for (int i = 0; i < CREAM_COCO_COUNT; i++)
    print_number(cream_coco_name((cream_coco_number)i), result->numbers[i],
                 cream_coco_meaning((cream_coco_number)i));
  print_number("VOC", result->voc_ap50, "Pascal VOC's AP50, at all points");
  printf("\n%-24s%8s%12s%9s%9s%9s\n", "class", "objects", "detections", "AP", "AP50", "VOC");
  for (int c = 0; c < result->classes; c++) {
    const cream_coco_class *of = &result->of_class[c];
    printf("%-24.60s%8zu%12zu", set->class_names[c], of->objects, of->detections);
    if (of->objects)
      printf("%9.4f%9.4f%9.4f\n", of->ap, of->ap50, of->voc_ap50);
    else
      printf("%9s%9s%9s\n", "-", "-", "-");
  }
}

/* A number; null where there is no object. */
static void write_number(cream_json *json, const char *key, double value) {
  cream_json_number(json, key, value < 0 ? NAN : value);
}

static void write_report(const cream_box_set *set, const cream_coco_result *result) {
  cream_json json = cream_json_to(stdout);
  cream_json_object(&json, NULL, true);
  for (int i = 0; i < CREAM_COCO_COUNT; i++)
    write_number(&json, cream_coco_name((cream_coco_number)i), result->numbers[i]);
  write_number(&json, "VOC_AP50", result->voc_ap50);
  cream_json_array(&json, "classes", true);
  for (int c = 0; c < result->classes; c++) {
    const cream_coco_class *of = &result->of_class[c];
    cream_json_object(&json, NULL, false);
    cream_json_string(&json, "name", set->class_names[c]);
    cream_json_integer(&json, "objects", of->objects);
    cream_json_integer(&json, "detections", of->detections);
    write_number(&json, "AP", of->ap);
    write_number(&json, "AP50", of->ap50);
    write_number(&json, "VOC_AP50", of->voc_ap50);
    cream_json_array(&json, "precision", false);
    for (int r = 0; r < CREAM_COCO_RECALLS; r++) write_number(&json, NULL, of->precision[r]);
    cream_json_end(&json);
    cream_json_end(&json);
  }
  cream_json_end(&json);
  cream_json_end(&json);
  putchar('\n');
}

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
    (options->json ? write_report : print_report)(set, &measured);
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
