/* From image files to probabilities of classes, in steps: what cream predict and the library's classifier share. */
#ifndef CREAM_LIB_CLASSIFY_H
#define CREAM_LIB_CLASSIFY_H

#include "io/image/transform.h"
#include "model.h"

/* Buffers of a thread that reads images; initialise with {0}. */
typedef struct cream_reader {
  cream_image image;
  cream_transform_memory memory;
} cream_reader;
void cream_reader_free(cream_reader *);

/* The transforms of a test for the model's images, by m->info. */
cream_status cream_classify_transforms(const cream_model *m, const cream_augment_config *, cream_transforms *,
                                       cream_error *);
/* Reads and transforms an image to pixels[side, side, 3]. CREAM_BAD_DATA: it cannot be used. */
cream_status cream_classify_read(const cream_transforms *, cream_reader *, const char *path, uint8_t *pixels,
                                 cream_error *);
/* pixels[n, side, side, 3] to logits[n, classes]. */
cream_status cream_classify_forward(cream_model *, int n, const uint8_t *pixels, float *logits,
                                    cream_error *);
/* The divisor of a softmax: the sum of exp(logit - largest), in the order of classes. */
double cream_classify_sum(const float *logits, int classes, float largest);
/* Puts the classes with the largest logits first in order[classes], `top` of them sorted, the lower class first among
 * equals, and their softmax over all classes into probability[top]. top: 1 to classes. */
void cream_classify_sort(const float *logits, int classes, int top, int *order, double *probability);

#endif
