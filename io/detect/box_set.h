/* Data sets for detection: images with boxes, in a training and a test part. box_formats.h lists the formats; box_build.h
 * is for their readers. The images themselves are not in memory.
 */
#ifndef CREAM_IO_BOX_SET_H
#define CREAM_IO_BOX_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/boxes.h"
#include "io/dataset/notes.h"
#include "io/dataset/part.h"

/* What is wrong with boxes and images, beside what makes a set unusable: X(ID, key, text). `text` follows a number. Boxes
 * and images with these are skipped, but for BEYOND, UNLABELLED and OUTLINE. */
#define CREAM_BOX_PROBLEMS(X)                                                                                \
  X(NUMBERS, "numbers", "boxes without four finite numbers")                                                 \
  X(INVERTED, "inverted", "boxes whose right or lower edge is left of or above the opposite one")            \
  X(EMPTY, "empty", "boxes without area")                                                                    \
  X(OUTSIDE, "outside", "boxes outside of their image")                                                      \
  X(CATEGORY, "category", "boxes of unknown categories")                                                     \
  X(STRAY, "stray", "boxes of images that the set does not list")                                            \
  X(REPEATED, "repeated", "boxes with the id of another box")                                                \
  X(MISSING, "missing", "images without a file")                                                             \
  X(UNREADABLE, "unreadable", "images whose file cannot be read")                                            \
  X(UNDESCRIBED, "undescribed", "listed images without annotations")                                         \
  X(BEYOND, "beyond", "boxes that reach beyond their image by a pixel or more (kept; training cuts them)")   \
  X(UNLABELLED, "unlabelled", "images without a file of boxes (kept, as images without boxes)")              \
  X(OUTLINE, "outline", "outlines (kept, as the boxes around them)")

#define CREAM_BOX_PROBLEM_ID(id, key, text) CREAM_BOX_##id,
typedef enum cream_box_problem {
  CREAM_BOX_PROBLEMS(CREAM_BOX_PROBLEM_ID) CREAM_BOX_PROBLEM_COUNT
} cream_box_problem;
#undef CREAM_BOX_PROBLEM_ID

const char *cream_box_problem_key(cream_box_problem);
const char *cream_box_problem_text(cream_box_problem);

typedef struct cream_box_image {
  char *path;
  int32_t width, height; /* as the annotations have it, else those of the file */
  int64_t id; /* COCO's, else from 1 on in the order of the set; different for all images of a part */
} cream_box_image;

typedef struct cream_box_part {
  size_t count;            /* images, by ascending id */
  cream_box_image *images; /* [count] */
  cream_box *boxes; /* of all images, in pixels of the image; x1 < x2, y1 < y2, but parts may lie outside */
  size_t *first;    /* [count+1]: boxes of image i are first[i] .. first[i+1]-1 */
  double *areas;    /* [boxes]: of the objects in square pixels, as annotated, else of the boxes */
} cream_box_part;

/* Read-only once it is open. */
typedef struct cream_box_set {
  const char *format; /* "coco" */
  int classes;
  char **class_names;  /* [classes], UTF-8 */
  int64_t *categories; /* [classes]: their ids in COCO files, ascending; 1, 2, ... in other formats */
  cream_box_part parts[CREAM_PARTS];
  struct {
    size_t count;
    char first[300]; /* where the first one is */
  } problems[CREAM_BOX_PROBLEM_COUNT];
  cream_notes notes;     /* for the user; may be empty */
  float mean[3], std[3]; /* of pixel/255, by channel: ImageNet's */
} cream_box_set;

/* What a set is opened for: which images a set without parts has in which part. */
typedef enum cream_box_use {
  CREAM_BOX_TRAIN, /* a share is set aside as the test part. There have to be training images with boxes */
  CREAM_BOX_TEST,  /* all are test images. There has to be a test part */
  CREAM_BOX_TRUTH, /* the same, for boxes alone: image files may be missing where their sizes are annotated */
  CREAM_BOX_LOOK   /* all are training images */
} cream_box_use;

/* Opens the set that `spec` names: FORMAT:PLACE, as listed in box_formats.h, the name of the format in upper or lower case.
 * CREAM_BAD_CONFIG: an unknown format or a malformed place; CREAM_BAD_DATA: the set cannot be used. */
cream_status cream_box_set_open(const char *spec, cream_box_use, cream_box_set **, cream_error *);
void cream_box_set_free(cream_box_set *);

/* Writes `spec` with absolute paths where it has relative ones, so that it has the same meaning in any current folder.
 * CREAM_BAD_CONFIG: it is malformed, or the result is longer than size - 1 bytes. `text` may not be `spec`. */
cream_status cream_box_spec_absolute(const char *spec, char *text, size_t size, cream_error *);

/* Images of a part without boxes. */
size_t cream_box_set_without(const cream_box_set *, cream_part);

#endif
