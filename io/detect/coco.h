#ifndef CREAM_IO_COCO_H
#define CREAM_IO_COCO_H

#include "box_build.h"

/* Adds the images and boxes of a COCO document, `size` bytes that are changed, to a part. Images are in the folder
 * `images`; `name` is used in messages. The first call for a builder adds the classes; later documents may have the same
 * ones only. CREAM_BAD_DATA: the document cannot be used. */
cream_status cream_coco_add(cream_box_builder *, cream_part, const char *images, const char *name, char *text,
                            size_t size, cream_error *);

#endif
