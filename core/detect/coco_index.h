/* The boxes of many images by class, for coco_eval.c. */
#ifndef CREAM_CORE_COCO_INDEX_H
#define CREAM_CORE_COCO_INDEX_H

#include "core/base/boxes.h"

typedef struct coco_index {
  uint32_t *image_of;   /* [boxes] */
  uint32_t *boxes;      /* [boxes]: by class, then in their order, so that those of an image are together */
  size_t *first;        /* [classes+1]: where a class begins in `boxes` */
  size_t most_of_class; /* boxes of one class */
  size_t most_of_image; /* boxes of one class in one image */
} coco_index;

/* Some boxes of one class, in the order of their images. */
typedef struct coco_span {
  const uint32_t *boxes; /* [n] */
  size_t n;
} coco_span;

/* False: out of memory. Boxes with labels outside 0..classes-1 are a broken invariant. */
bool coco_index_make(coco_index *, const cream_box *, const size_t *first, size_t images, int classes);
void coco_index_free(coco_index *);

/* All boxes of a class. */
coco_span coco_index_of(const coco_index *, int class);
/* The image of the first box of two spans, of which one at least is not empty. */
uint32_t coco_first_image(const coco_index *, coco_span, const coco_index *, coco_span);
/* How many boxes at the start of a span are in an image. */
size_t coco_take(const coco_index *, coco_span, uint32_t image);
/* How many boxes at the start of a span are in images before this one. */
size_t coco_before(const coco_index *, coco_span, uint32_t image);
/* The span without its first n boxes. */
coco_span coco_rest(coco_span, size_t n);

#endif
