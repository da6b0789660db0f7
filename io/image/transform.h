/* From a decoded image to the pixels of a batch: transforms as in torchvision and timm. */
#ifndef CREAM_IO_TRANSFORM_H
#define CREAM_IO_TRANSFORM_H

#include "core/base/config.h"
#include "core/base/rng.h"
#include "image.h"
#include "randaugment.h"
#include "resample.h"

/* The transforms of a training image, in the order in which they are applied: X(ID, name).
 *
 * crop: a random part, resized; without it the central part, as in tests
 * colour: only if RandAugment is off */
#define CREAM_TRANSFORM_LIST(X)                                                                              \
  X(CROP, crop)                                                                                              \
  X(FLIP, flip)                                                                                              \
  X(RANDAUGMENT, randaugment)                                                                                \
  X(COLOUR, colour)                                                                                          \
  X(ERASE, erase)

#define CREAM_TRANSFORM_ID(id, name) CREAM_TRANSFORM_##id,
typedef enum cream_transform { CREAM_TRANSFORM_LIST(CREAM_TRANSFORM_ID) CREAM_TRANSFORMS } cream_transform;
#undef CREAM_TRANSFORM_ID

enum { CREAM_ERASE_LEVELS = 4096 };

/* Transforms prepared for a data set and an image size; read-only, shared by all workers. */
typedef struct cream_transforms {
  cream_augment_config config;
  cream_randaugment randaugment;
  int side;                             /* of the result, in pixels */
  uint8_t fill[3];                      /* the mean colour of the data, for pixels outside of the image */
  uint8_t noise[3][CREAM_ERASE_LEVELS]; /* by channel: equally likely values of erased pixels */
} cream_transforms;

/* Prepares transforms; mean and std are those of the data set. CREAM_BAD_CONFIG: settings contradict each other. */
cream_status cream_transforms_init(cream_transforms *, const cream_augment_config *, int side,
                                   const float mean[3], const float std[3], cream_error *);

const char *cream_transform_name(cream_transform); /* "crop" */
/* Writes the parameters of a transform for human readers; "" if the settings turn it off. Returns `text`. */
char *cream_transform_describe(const cream_transforms *, cream_transform, char *text, size_t size);

/* Buffers of a worker; initialise with {0}. */
typedef struct cream_transform_memory {
  cream_scratch resize, spare;
} cream_transform_memory;
void cream_transform_memory_free(cream_transform_memory *);

/* The transformation of one image: call cream_transform_begin, load the image with image->crop = &work.crop, call
 * cream_transform_finish. */
typedef struct cream_transform_work {
  cream_image_crop crop; /* the first member: `choose` casts it back */
  const cream_transforms *transforms;
  cream_rng *rng;            /* NULL: the transform of a test, without random draws */
  unsigned only;             /* bits 1 << cream_transform: the others are skipped */
  bool chosen;               /* `crop` and the sizes below are set */
  int out_width, out_height; /* the crop is resized to this size */
  int out_left, out_top;     /* the square that is kept of it */
} cream_transform_work;

/* Without rng, for tests: the shorter side is resized to floor(side / config.test_crop), bicubic unless the settings
 * say bilinear, and the central square is cut out. With rng, for training: applies the transforms above; all draws come
 * from `rng`, which must outlive the work. */
cream_transform_work cream_transform_begin(const cream_transforms *, cream_rng *rng, unsigned only);
/* Writes RGB [side, side, 3]. CREAM_FAILED: out of memory. */
cream_status cream_transform_finish(cream_transform_work *, const cream_image *, cream_transform_memory *,
                                    uint8_t *pixels, cream_error *);

#endif
