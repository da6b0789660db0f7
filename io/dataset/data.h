/* Data sets: labelled pictures in a training and a test part. A further kind of data set is one more
 * implementation of the functions below and one more line in data.c.
 */
#ifndef CREAM_IO_DATA_H
#define CREAM_IO_DATA_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/rng.h"
#include "core/base/status.h"
#include "io/image/image.h"

typedef enum cream_part { CREAM_PART_TRAIN, CREAM_PART_TEST, CREAM_PARTS } cream_part;

/* Read-only once it is open: any number of threads may load and decode at a time. */
typedef struct cream_dataset cream_dataset;
struct cream_dataset {
  const char *name; /* "digits" */
  int classes;
  const char *const *class_names;     /* [classes], in the order of the labels; UTF-8 */
  size_t count[CREAM_PARTS];          /* pictures */
  const int32_t *labels[CREAM_PARTS]; /* [count], 0..classes-1 */
  float mean[3], std[3];              /* of pixel/255, by channel: what pictures are normalised with */

  /* The whole picture `index` of a part as it is stored. Where the format can give it at 1/2, 1/4 or 1/8 of
   * its size for less work, it is the smallest of these whose shorter side is still at least `least_side`
   * pixels; 0: the full size. `image` begins as {0}, is used again from picture to picture, and ends with
   * cream_image_free. CREAM_BAD_DATA with the path and the reason: this picture cannot be used. */
  cream_status (*load)(const cream_dataset *, cream_part, size_t index, int least_side, cream_image *image,
                       cream_error *);
  /* The same picture as pixels [side, side, 3], by a data set that has an augmentation of its own. `augment`:
   * the draws that change it at random; NULL: as it is. NULL where pictures go through transforms. */
  cream_status (*decode)(const cream_dataset *, cream_part, size_t index, int side, cream_rng *augment,
                         uint8_t *pixels, cream_error *);
  /* Where the picture is, for messages and reports: a file's path, bytes as they are, or the file and the
   * picture's number in it. Cut off at size - 1 bytes; returns `text`. */
  char *(*path)(const cream_dataset *, cream_part, size_t index, char *text, size_t size);
  void (*destroy)(cream_dataset *);
};

/* Opens what --data names: `digits`, `folder:PATH`, `list:FILE`, `cifar10:PATH`, `cifar100:PATH`, `idx:PATH`;
 * their headers say what they take. CREAM_BAD_CONFIG for an unknown kind, with those that there are;
 * CREAM_BAD_DATA for a set that cannot be used. The caller ends it with its destroy. */
cream_status cream_dataset_open(const char *spec, cream_dataset **, cream_error *);

#endif
