#include "coco_index.h"

#include <stdlib.h>

static void count_most(coco_index *self, int classes) {
  for (int class = 0; class < classes; class ++) {
    coco_span span = coco_index_of(self, class);
    if (span.n > self->most_of_class) self->most_of_class = span.n;
    while (span.n) {
      size_t n = coco_take(self, span, self->image_of[span.boxes[0]]);
      if (n > self->most_of_image) self->most_of_image = n;
      span = coco_rest(span, n);
    }
  }
}

bool coco_index_make(coco_index *self, const cream_box *boxes, const size_t *first, size_t images,
                     int classes) {
  size_t count = first[images];
  CREAM_ASSERT(count <= UINT32_MAX && images <= UINT32_MAX);
  self->image_of = malloc((count + 1) * sizeof *self->image_of);
  self->boxes = malloc((count + 1) * sizeof *self->boxes);
  self->first = calloc((size_t)classes + 2, sizeof *self->first);
  if (!self->image_of || !self->boxes || !self->first) return false;
  for (size_t i = 0; i < images; i++)
    for (size_t b = first[i]; b < first[i + 1]; b++) {
      CREAM_ASSERT(boxes[b].label >= 0 && boxes[b].label < classes);
      self->image_of[b] = (uint32_t)i;
      self->first[boxes[b].label + 2]++;
    }
  for (int class = 0; class < classes; class ++) self->first[class + 2] += self->first[class + 1];
  /* first[class + 1] is where the next box of the class belongs, and in the end where the class ends. */
  for (size_t b = 0; b < count; b++) self->boxes[self->first[boxes[b].label + 1]++] = (uint32_t)b;
  count_most(self, classes);
  return true;
}

void coco_index_free(coco_index *self) {
  free(self->image_of);
  free(self->boxes);
  free(self->first);
  *self = (coco_index){0};
}

coco_span coco_index_of(const coco_index *self, int class) {
  return (coco_span){self->boxes + self->first[class], self->first[class + 1] - self->first[class]};
}

uint32_t coco_first_image(const coco_index *a, coco_span of_a, const coco_index *b, coco_span of_b) {
  uint32_t first = of_a.n ? a->image_of[of_a.boxes[0]] : UINT32_MAX;
  if (of_b.n && b->image_of[of_b.boxes[0]] < first) first = b->image_of[of_b.boxes[0]];
  return first;
}

size_t coco_take(const coco_index *self, coco_span span, uint32_t image) {
  size_t n = 0;
  while (n < span.n && self->image_of[span.boxes[n]] == image) n++;
  return n;
}

size_t coco_before(const coco_index *self, coco_span span, uint32_t image) {
  size_t low = 0, high = span.n;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (self->image_of[span.boxes[middle]] < image)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

coco_span coco_rest(coco_span span, size_t n) {
  return (coco_span){span.boxes + n, span.n - n};
}
