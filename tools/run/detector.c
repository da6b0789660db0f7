#include "detector.h"

#include <math.h>
#include <string.h>

#include "io/base/json.h"
#include "io/detect/coco_results.h"
#include "network.h"
#include "tools/cli/progress.h"

/* ---- opening ------------------------------------------------------------------------------------------- */

static cream_status load_arch(const cream_config *config, cream_arch *arch, cream_error *err) {
  if (!*config->arch)
    return cream_fail(err, CREAM_BAD_CONFIG,
                      "no detector: expected --run DIR, the folder of cream detect train, or --arch FILE");
  cream_status status = cream_arch_load_any(config->arch, arch, err);
  if (status) return status;
  if (arch->net.detect.kind == CREAM_DETECT_NONE)
    return cream_fail(
        err, CREAM_BAD_CONFIG,
        "%s: the network classifies images, expected a detector; cream detect train makes one of it",
        config->arch);
  if (!config->resolution || config->resolution == arch->net.resolution) return CREAM_OK;
  cream_arch_set_resolution(arch, config->resolution);
  return CREAM_OK;
}

cream_status detector_open(cream_model *m, const cream_config *config, int batch, cream_error *err) {
  cream_weights_report loaded = {0};
  memset(m, 0, sizeof *m);
  cream_status status = load_arch(config, &m->arch, err);
  if (!status) status = run_check_weights(config, err);
  if (!status) status = cream_model_read(m, config->weights, &config->augment, err);
  if (!status) status = run_backend(config, &m->backend, err);
  if (!status) status = cream_model_load(m, config->weights, batch, &loaded, err);
  if (loaded.text[0]) fprintf(stderr, "%s: %s\n", config->weights, loaded.text);
  return status;
}

cream_status detector_check_classes(const cream_model *m, const cream_config *config,
                                    const cream_box_set *set, cream_error *err) {
  const cream_weights_info *info = &m->info;
  if (set->classes != m->arch.net.classes)
    return cream_fail(
        err, CREAM_BAD_DATA,
        "data: %.300s has %d classes, but the detector has %d; expected the data that it was trained "
        "for",
        config->data, set->classes, m->arch.net.classes);
  for (int c = 0; c < info->n_classes; c++)
    if (strcmp(info->class_names[c], set->class_names[c]) != 0)
      return cream_fail(
          err, CREAM_BAD_DATA,
          "data: class %d of %.300s is '%.60s', but that of the detector '%.60s'; expected the same "
          "classes in the same order",
          c, config->data, set->class_names[c], info->class_names[c]);
  return CREAM_OK;
}

/* ---- measuring ----------------------------------------------------------------------------------------- */

cream_status detector_test_run(cream_net *net, const box_data *data, const cream_config *config, int batch,
                               detector_test *test, cream_error *err) {
  const cream_detect_limits limits = cream_detect_limits_of(&config->detect);
  cream_box_source *source;
  *test = (detector_test){0};
  cream_status status = box_data_test_source(data, batch, cream_net_skeleton(net)->resolution, &source, err);
  if (status) return status;
  const double start = progress_now();
  status = cream_detect_all(NULL, net, source, &limits, &test->found, err);
  cream_box_source_destroy(source);
  if (status) return status;
  test->images_per_second = (double)test->found.images / (progress_now() - start);
  const cream_coco_input input =
      cream_box_results_input(data->set, CREAM_PART_TEST, test->found.boxes, test->found.first);
  status = cream_coco_evaluate(&input, &test->measured, err);
  if (status) return status;
  test->score = cream_detect_score_of(&test->measured, test->found.images);
  return CREAM_OK;
}

void detector_test_free(detector_test *test) {
  cream_detections_free(&test->found);
  cream_coco_result_free(&test->measured);
}

/* ---- printing ------------------------------------------------------------------------------------------ */

static void print_number(FILE *out, const char *name, double value, const char *meaning) {
  if (value < 0)
    fprintf(out, "%-8s-        %s\n", name, meaning);
  else
    fprintf(out, "%-8s%.4f   %s\n", name, value, meaning);
}

void detector_print(FILE *out, const cream_box_set *set, const cream_coco_result *result) {
  for (int i = 0; i < CREAM_COCO_COUNT; i++)
    print_number(out, cream_coco_name((cream_coco_number)i), result->numbers[i],
                 cream_coco_meaning((cream_coco_number)i));
  print_number(out, "VOC", result->voc_ap50, "Pascal VOC's AP50, at all points");
  fprintf(out, "\n%-24s%8s%12s%9s%9s%9s\n", "class", "objects", "detections", "AP", "AP50", "VOC");
  for (int c = 0; c < result->classes; c++) {
    const cream_coco_class *of = &result->of_class[c];
    fprintf(out, "%-24.60s%8zu%12zu", set->class_names[c], of->objects, of->detections);
    if (of->objects)
      fprintf(out, "%9.4f%9.4f%9.4f\n", of->ap, of->ap50, of->voc_ap50);
    else
      fprintf(out, "%9s%9s%9s\n", "-", "-", "-");
  }
}

/* A number; null where there is no object. */
static void write_number(cream_json *json, const char *key, double value) {
  cream_json_number(json, key, value < 0 ? NAN : value);
}

void detector_write(FILE *out, const cream_box_set *set, const cream_coco_result *result) {
  cream_json json = cream_json_to(out);
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
  fputc('\n', out);
}
