/* Detections as COCO's result files have them: a list of {"image_id", "category_id", "bbox", "score"}. */
#ifndef CREAM_IO_COCO_RESULTS_H
#define CREAM_IO_COCO_RESULTS_H

#include "box_set.h"
#include "core/detect/coco_eval.h"
#include "io/base/json.h"

/* Detections in the images of a part of a set. */
typedef struct cream_box_results {
  cream_box *boxes; /* in the order of the file, by image */
  size_t *first;    /* [images+1]: detections of image i are first[i] .. first[i+1]-1 */
  size_t unknown;   /* detections of categories that the set does not have, which are left out */
} cream_box_results;

void cream_box_results_free(cream_box_results *);

/* Reads a file, or `size` bytes at `text`, which are changed; `name` is used in messages. The caller frees *results.
 * CREAM_BAD_DATA, with the number of the detection: an image that the part does not have, or no four finite numbers and
 * finite score. */
cream_status cream_box_results_read(const char *path, const cream_box_set *, cream_part,
                                    cream_box_results *results, cream_error *);
cream_status cream_box_results_parse(const char *name, char *text, size_t size, const cream_box_set *,
                                     cream_part, cream_box_results *results, cream_error *);

/* Writes a detection into a list that is open in `json`. file, category: names of its image and class, which are keys of
 * their own; NULL: left out. */
void cream_box_results_put(cream_json *json, int64_t image_id, int64_t category_id, const cream_box *,
                           const char *file, const char *category);
/* Writes a file with the detections of the images of a part. */
cream_status cream_box_results_write(const char *path, const cream_box_set *, cream_part,
                                     const cream_box *boxes, const size_t *first, cream_error *);

/* What cream_coco_evaluate needs to measure detections in the images of a part. */
cream_coco_input cream_box_results_input(const cream_box_set *, cream_part, const cream_box *found,
                                         const size_t *first_found);

#endif
