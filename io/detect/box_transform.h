/* From a decoded image and its boxes to the square input of a network.
 *
 * Evaluation: the image is resized (bilinear, with antialiasing) so that its longer side is the input's, lies in the upper
 * left corner, and the rest has the mean colour. Training: the longer side becomes a random multiple of the input's; of a
 * larger image a random part is cut out, a smaller one lies in the upper left corner (torchvision's ScaleJitter and
 * FixedSizeCrop, and EfficientDet's recipe); then flip and colour.
 */
#ifndef CREAM_IO_BOX_TRANSFORM_H
#define CREAM_IO_BOX_TRANSFORM_H

#include "core/base/box_augment.h"
#include "core/base/boxes.h"
#include "core/base/rng.h"
#include "io/image/image.h"
#include "io/image/resample.h"

/* Read-only, shared by all threads. */
typedef struct cream_box_transform {
  cream_box_augment augment;
  int side;
  uint8_t fill[3]; /* around the image */
} cream_box_transform;

/* mean: of the data, of pixel/255. CREAM_BAD_CONFIG: a setting out of its range, or limits in the wrong order. */
cream_status cream_box_transform_init(cream_box_transform *, const cream_box_augment *, int side,
                                      const float mean[3], cream_error *);

/* Where an image lies in the input: input = original * scale + offset, negative scales where it is flipped. */
typedef struct cream_box_view {
  float scale[2], offset[2]; /* x, y */
  int32_t size[2];           /* width and height of the original */
} cream_box_view;

/* Buffers of a thread; initialise with {0}. */
typedef struct cream_box_memory {
  cream_scratch resize, window, spare;
} cream_box_memory;
void cream_box_memory_free(cream_box_memory *);

/* The transformation of one image: begin, load the image with image->crop = &work.crop, finish. */
typedef struct cream_box_work {
  cream_image_crop crop; /* the first member: `choose` casts it back */
  const cream_box_transform *transform;
  cream_rng *rng; /* NULL: as in an evaluation */
  bool chosen, mirror;
  int width, height;         /* of the original */
  int out_width, out_height; /* of the resized image */
  int left, top;             /* of the part that is cut out of it */
  int window_width, window_height;
} cream_box_work;

/* All random draws come from `rng`, which must outlive the work. */
cream_box_work cream_box_transform_begin(const cream_box_transform *, cream_rng *rng);
/* Writes RGB [side, side, 3] and where the image lies in it. CREAM_FAILED: out of memory. */
cream_status cream_box_transform_finish(cream_box_work *, const cream_image *, cream_box_memory *,
                                        uint8_t *pixels, cream_box_view *, cream_error *);
/* Moves the boxes of the image into the input, in place: cuts them to it and drops those that are too small, in training
 * also those of which too little is left. Returns how many are left. */
size_t cream_box_transform_boxes(const cream_box_work *, const cream_box_view *, cream_box *, size_t n);

#endif
