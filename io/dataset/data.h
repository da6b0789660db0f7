/* Data sets: labelled images in a training and a test part. formats.h lists the formats that can be opened. */
#ifndef CREAM_IO_DATA_H
#define CREAM_IO_DATA_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/rng.h"
#include "core/base/status.h"
#include "io/image/image.h"
#include "part.h"

/* An open data set is read-only: any number of threads may call load, decode and path at the same time. */
typedef struct cream_dataset cream_dataset;
struct cream_dataset {
  const char *name; /* of the format: "digits" */
  int classes;
  const char *const *class_names;     /* [classes], in the order of the labels; UTF-8 */
  size_t count[CREAM_PARTS];          /* images */
  const int32_t *labels[CREAM_PARTS]; /* [count], 0..classes-1 */
  float mean[3], std[3];              /* of pixel/255, by channel: images are normalised with them */

  /* Loads image `index` of a part as it is stored. A format that can decode at 1/2, 1/4 or 1/8 of the size for less
   * work uses the smallest of these scales whose shorter side has at least `least_side` pixels; 0: the full size.
   * `image` is initialised with {0}, may be reused from image to image, and is freed with cream_image_free.
   * CREAM_BAD_DATA, with the path and the reason: this image cannot be used. */
  cream_status (*load)(const cream_dataset *, cream_part, size_t index, int least_side, cream_image *image,
                       cream_error *);
  /* Writes the same image as RGB [side, side, 3]. `augment`: the source of random changes; NULL: unchanged. NULL for
   * data sets without an augmentation of their own, whose images go through the transforms (io/image/transform.h). */
  cream_status (*decode)(const cream_dataset *, cream_part, size_t index, int side, cream_rng *augment,
                         uint8_t *pixels, cream_error *);
  /* Writes where the image is, for messages and reports: the path of its file, not escaped, or a file and the number
   * of the image in it; truncated to size - 1 bytes. Returns `text`. */
  char *(*path)(const cream_dataset *, cream_part, size_t index, char *text, size_t size);
  void (*destroy)(cream_dataset *);
};

/* Opens the data set that `spec`, the argument of --data, names: FORMAT or FORMAT:PLACE, as listed in formats.h. The
 * caller ends it with its destroy. CREAM_BAD_CONFIG: unknown format or malformed place; CREAM_BAD_DATA: the data
 * cannot be used. */
cream_status cream_dataset_open(const char *spec, cream_dataset **, cream_error *);

#endif
