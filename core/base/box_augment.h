/* How training images with boxes are changed at random (io/detect/box_transform.h): settings as plain values. */
#ifndef CREAM_CORE_BOX_AUGMENT_H
#define CREAM_CORE_BOX_AUGMENT_H

#include <stdbool.h>

typedef struct cream_box_augment {
  bool enabled; /* false: training images are as in an evaluation */
  double flip;  /* probability of a horizontal flip */
  double scale_min,
      scale_max; /* of the longer side, as a multiple of the input's side: above 1, a random part is cut out */
  double colour;     /* strength of the changes of brightness, contrast and saturation; 0: none */
  double least_side; /* pixels of the input: boxes of which less is left, in width or height, are dropped */
  double least_part; /* share of a box's area: boxes of which less is left after the cut are dropped */
} cream_box_augment;

/* Scales as EfficientDet's recipe has them; no changes of colour. */
static inline cream_box_augment cream_box_augment_defaults(void) {
  return (cream_box_augment){.enabled = true,
                             .flip = 0.5,
                             .scale_min = 0.1,
                             .scale_max = 2,
                             .colour = 0,
                             .least_side = 1,
                             .least_part = 0};
}

#endif
