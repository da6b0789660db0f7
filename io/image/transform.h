/* From a decoded picture to the pixels of a batch: the transforms of torchvision and timm, as one table. */
#ifndef CREAM_IO_TRANSFORM_H
#define CREAM_IO_TRANSFORM_H

#include "core/base/config.h"
#include "core/base/rng.h"
#include "image.h"
#include "randaugment.h"
#include "resample.h"

/* The transforms of a training picture, in their order. */
typedef enum cream_transform {
  CREAM_TRANSFORM_CROP, /* a random part, resized; without it the middle, as in a test */
  CREAM_TRANSFORM_FLIP,
  CREAM_TRANSFORM_RANDAUGMENT,
  CREAM_TRANSFORM_COLOUR, /* only where there is no RandAugment */
  CREAM_TRANSFORM_ERASE,
  CREAM_TRANSFORMS
} cream_transform;

enum { CREAM_ERASE_LEVELS = 4096 };

/* Settings worked out for a data set and a size; read-only, shared by all workers. */
typedef struct cream_transforms {
  cream_augment_config config;
  cream_randaugment randaugment;
  int side;
  uint8_t fill[3];                      /* the data's mean colour, where there is no picture */
  uint8_t noise[3][CREAM_ERASE_LEVELS]; /* values, equally likely each, of erased pixels */
} cream_transforms;

/* CREAM_BAD_CONFIG for settings that contradict each other. mean and std are the data set's. */
cream_status cream_transforms_init(cream_transforms *, const cream_augment_config *, int side,
                                   const float mean[3], const float std[3], cream_error *);

const char *cream_transform_name(cream_transform); /* "crop" */
/* The transform's parameters, for people; "" where the settings leave it out. Returns `text`. */
char *cream_transform_describe(const cream_transforms *, cream_transform, char *text, size_t size);

/* What a worker needs beside its picture; begins as {0}. */
typedef struct cream_transform_memory {
  cream_scratch resize, spare;
} cream_transform_memory;
void cream_transform_memory_free(cream_transform_memory *);

/* The way of one picture. Begin, load the picture with image->crop = &work.crop, finish. */
typedef struct cream_transform_work {
  cream_image_crop crop; /* first: it is what the decoder is given */
  const cream_transforms *transforms;
  cream_rng *rng; /* NULL: a test's transform, nothing is random */
  unsigned only;  /* bits 1 << cream_transform: the others are left out */
  bool chosen;
  double box[4];             /* left, top, right, bottom of what is resized, in pixels of the full picture */
  int out_width, out_height; /* to this size, of which */
  int out_left, out_top;     /* the square from here on is wanted */
} cream_transform_work;

/* In a test: the shorter side resized to floor(side / config.test_crop), bicubic (bilinear if the settings say
 * so), and the middle cut out. In training: the table's transforms, every draw from `rng`. */
cream_transform_work cream_transform_begin(const cream_transforms *, cream_rng *rng, unsigned only);
/* Writes [side, side, 3]. */
cream_status cream_transform_finish(cream_transform_work *, const cream_image *, cream_transform_memory *,
                                    uint8_t *pixels, cream_error *);

#endif
