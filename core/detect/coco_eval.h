/* Measures detections as COCO's evaluation does (pycocotools), and by the AP50 of Pascal VOC. */
#ifndef CREAM_CORE_COCO_EVAL_H
#define CREAM_CORE_COCO_EVAL_H

#include "core/base/boxes.h"

enum { CREAM_COCO_THRESHOLDS = 10, CREAM_COCO_RECALLS = 101 };

/* Ranges of the area of an object, in square pixels: X(ID, from, to), both included. */
#define CREAM_COCO_AREAS(X)                                                                                  \
  X(ALL, 0, 1e10)                                                                                            \
  X(SMALL, 0, 1024)                                                                                          \
  X(MEDIUM, 1024, 9216)                                                                                      \
  X(LARGE, 9216, 1e10)

#define CREAM_COCO_AREA_ID(id, from, to) CREAM_COCO_AREA_##id,
typedef enum cream_coco_area { CREAM_COCO_AREAS(CREAM_COCO_AREA_ID) CREAM_COCO_AREA_COUNT } cream_coco_area;
#undef CREAM_COCO_AREA_ID

/* Largest numbers of detections of a class in an image: X(ID, number). */
#define CREAM_COCO_LIMITS(X) X(1, 1) X(10, 10) X(100, 100)

#define CREAM_COCO_LIMIT_ID(id, number) CREAM_COCO_LIMIT_##id,
typedef enum cream_coco_limit {
  CREAM_COCO_LIMITS(CREAM_COCO_LIMIT_ID) CREAM_COCO_LIMIT_COUNT
} cream_coco_limit;
#undef CREAM_COCO_LIMIT_ID

typedef enum cream_coco_kind { CREAM_COCO_PRECISION, CREAM_COCO_RECALL } cream_coco_kind;

/* COCO's twelve numbers, in its order: X(ID, name, kind, threshold, area, limit, meaning). threshold: of 0.50, 0.55, ...,
 * 0.95, the index; -1: the mean over all. */
#define CREAM_COCO_NUMBERS(X)                                                                                \
  X(AP, "AP", PRECISION, -1, ALL, 100, "mean over IoU 0.50 to 0.95")                                         \
  X(AP50, "AP50", PRECISION, 0, ALL, 100, "IoU 0.50")                                                        \
  X(AP75, "AP75", PRECISION, 5, ALL, 100, "IoU 0.75")                                                        \
  X(AP_SMALL, "APs", PRECISION, -1, SMALL, 100, "objects of up to 32 x 32 pixels")                           \
  X(AP_MEDIUM, "APm", PRECISION, -1, MEDIUM, 100, "objects between these")                                   \
  X(AP_LARGE, "APl", PRECISION, -1, LARGE, 100, "objects of 96 x 96 pixels or more")                         \
  X(AR1, "AR1", RECALL, -1, ALL, 1, "best detection of a class in an image")                                 \
  X(AR10, "AR10", RECALL, -1, ALL, 10, "best 10")                                                            \
  X(AR100, "AR100", RECALL, -1, ALL, 100, "best 100")                                                        \
  X(AR_SMALL, "ARs", RECALL, -1, SMALL, 100, "small objects")                                                \
  X(AR_MEDIUM, "ARm", RECALL, -1, MEDIUM, 100, "medium objects")                                             \
  X(AR_LARGE, "ARl", RECALL, -1, LARGE, 100, "large objects")

#define CREAM_COCO_NUMBER_ID(id, ...) CREAM_COCO_##id,
typedef enum cream_coco_number {
  CREAM_COCO_NUMBERS(CREAM_COCO_NUMBER_ID) CREAM_COCO_COUNT
} cream_coco_number;
#undef CREAM_COCO_NUMBER_ID

/* "AP50"; "IoU 0.50". */
const char *cream_coco_name(cream_coco_number);
const char *cream_coco_meaning(cream_coco_number);

/* Boxes of the same images, which are in the order of COCO's image ids. The order of images, and of the boxes in an image,
 * decides between equal scores. */
typedef struct cream_coco_input {
  size_t images;
  int classes;
  const cream_box *truth;    /* the objects; crowds match any number of detections, and neither count */
  const size_t *first_truth; /* [images+1]: objects of image i are first_truth[i] .. first_truth[i+1]-1 */
  const double *areas;       /* of the objects, which COCO takes from their outlines; NULL: of their boxes */
  const cream_box *found;    /* the detections, with scores that are numbers */
  const size_t *first_found; /* [images+1] */
} cream_coco_input;

/* One class. Numbers are -1 where there is no object (crowds aside). */
typedef struct cream_coco_class {
  size_t objects;    /* without crowds */
  size_t detections; /* at most 100 in an image */
  double ap, ap50;   /* as COCO's AP and AP50 */
  double voc_ap50;
  double
      precision[CREAM_COCO_RECALLS]; /* at IoU 0.5, by recall 0, 0.01, ..., 1; the curve whose mean is ap50 */
} cream_coco_class;

typedef struct cream_coco_result {
  double numbers[CREAM_COCO_COUNT]; /* -1: no object of any class in the range */
  /* Pascal VOC's, as since 2010: the area below the curve of precision, at all points and not at 11; IoU of at least
   * 0.5; crowds are its difficult objects. The mean over the classes with objects; -1: none. */
  double voc_ap50;
  int classes;
  cream_coco_class *of_class; /* [classes] */
} cream_coco_result;

/* Fills the result, which the caller frees. CREAM_FAILED: out of memory. */
cream_status cream_coco_evaluate(const cream_coco_input *, cream_coco_result *, cream_error *);
void cream_coco_result_free(cream_coco_result *);

#endif
