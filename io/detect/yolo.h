#ifndef CREAM_IO_YOLO_H
#define CREAM_IO_YOLO_H

#include <math.h>

#include "box_build.h"

/* A left or upper edge as a share of the image: 0 where it is only a rounding error of centre and size. */
static inline double cream_yolo_edge(double share) {
  return fabs(share) < 1e-9 ? 0 : share;
}

/* Adds the boxes of an image from its file of labels, `size` bytes and a 0 byte, which are changed: a line
 * CLASS X Y WIDTH HEIGHT for each, the centre and the size as shares of the image; or CLASS and three or more points of an
 * outline. `name` is used in messages. CREAM_BAD_DATA, with the line: anything else. */
cream_status cream_yolo_add(cream_box_builder *, cream_part, size_t image, const char *name, char *text,
                            size_t size, cream_error *);

#endif
