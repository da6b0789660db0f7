/* Examples of what a detector found: some images of a part, small, with their annotated boxes and the detections, in one
 * file that a report can show without the data set. */
#ifndef CREAM_IO_EXAMPLES_H
#define CREAM_IO_EXAMPLES_H

#include "box_set.h"

enum {
  CREAM_EXAMPLES = 6,        /* images at most, evenly spread over the part */
  CREAM_EXAMPLE_SIDE = 384,  /* pixels of the longer side at most */
  CREAM_EXAMPLE_QUALITY = 70 /* of the JPEG */
};

/* Writes a file (docs/formats.md, examples.json) with the detections that score more than `least`. Detections of image i are
 * boxes[first[i]] .. boxes[first[i+1]-1], in pixels of the image. Images that cannot be read are left out. */
cream_status cream_box_examples_write(const char *path, const cream_box_set *, cream_part,
                                      const cream_box *boxes, const size_t *first, double least,
                                      cream_error *);

#endif
