/* The list of formats of data sets for detection. A new format is a source file that defines cream_boxes_read_NAME and
 * cream_boxes_write_NAME, and one line here (docs/detection.md describes the formats to users).
 */
#ifndef CREAM_IO_BOX_FORMATS_H
#define CREAM_IO_BOX_FORMATS_H

#include "box_build.h"

/* X(name, train, test, usage, summary), for `--data NAME:PLACE`. train, test: the folders of the images of a part in a set
 * that is written (box_write.h). usage and summary are printed in help. */
#define CREAM_BOX_FORMATS(X)                                                                                 \
  X(coco, "images", "images", "coco:IMAGES,JSON[,IMAGES,JSON]",                                              \
    "COCO: a folder of images and a file of boxes; then the test's")                                         \
  X(voc, "JPEGImages", "JPEGImages", "voc:FOLDER", "Pascal VOC: Annotations, ImageSets/Main, JPEGImages")    \
  X(yolo, "images/train", "images/val", "yolo:FOLDER", "YOLO: images, labels, and data.yaml or classes.txt")

/* A line of help per format, as one string: CREAM_BOX_FORMATS(CREAM_BOX_HELP). */
#define CREAM_BOX_HELP(name, train, test, usage, summary) "  " usage ": " summary "\n"

#define CREAM_BOX_FORMAT_ID(name, train, test, usage, summary) CREAM_BOX_FORMAT_##name,
typedef enum cream_box_format {
  CREAM_BOX_FORMATS(CREAM_BOX_FORMAT_ID) CREAM_BOX_FORMAT_COUNT
} cream_box_format;
#undef CREAM_BOX_FORMAT_ID

/* Reads a set into the builder. CREAM_BAD_CONFIG: `place` is malformed; CREAM_BAD_DATA: the set cannot be used. */
typedef cream_status cream_box_reader(const cream_box_place *place, cream_box_builder *, cream_error *);

/* Writes the files of a set beside its images into an existing folder that is empty but for the images. names[part][i]: the
 * file name of image i there, which is in the folder of images that the list above names for the part. `spec` becomes the text that
 * opens the set again, where the folder is `place`. */
typedef cream_status cream_box_writer(const cream_box_set *, const char *folder,
                                      char *const *const names[CREAM_PARTS], const char *place, char *spec,
                                      size_t size, cream_error *);

#define CREAM_BOX_FORMAT_FUNCTIONS(name, train, test, usage, summary)                                        \
  cream_box_reader cream_boxes_read_##name;                                                                  \
  cream_box_writer cream_boxes_write_##name;
CREAM_BOX_FORMATS(CREAM_BOX_FORMAT_FUNCTIONS)
#undef CREAM_BOX_FORMAT_FUNCTIONS

#endif
