/* cream detect data convert. */
#include <stdlib.h>

#include "detect.h"
#include "io/detect/box_write.h"

cream_status detect_convert(const detect_options *options, cream_error *err) {
  cream_box_set *set;
  char spec[2 * CREAM_BOX_MAX_PATH];
  cream_status status = cream_box_set_open(options->data, CREAM_BOX_LOOK, &set, err);
  if (status) return status;
  status = cream_box_set_write(set, (cream_box_format)options->to, options->out, options->copy, spec,
                               sizeof spec, err);
  size_t boxes = 0, crowds = 0;
  for (int p = 0; p < CREAM_PARTS && !status; p++) {
    const cream_box_part *part = &set->parts[p];
    boxes += part->first[part->count];
    for (size_t b = 0; b < part->first[part->count]; b++) crowds += part->boxes[b].crowd;
  }
  if (!status && options->to == CREAM_BOX_FORMAT_yolo && crowds)
    fprintf(stderr, "cream detect: %zu crowds are left out, which the format yolo cannot have\n", crowds);
  if (!status)
    printf("%zu training and %zu test images with %zu boxes: --data %s\n", set->parts[0].count,
           set->parts[1].count, options->to == CREAM_BOX_FORMAT_yolo ? boxes - crowds : boxes, spec);
  cream_box_set_free(set);
  return status;
}
