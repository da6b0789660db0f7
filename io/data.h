/* Data sets: labelled pictures in a training and a test part. A further kind of data set is one more
 * implementation of the functions below and one more line in data.c.
 */
#ifndef CREAM_IO_DATA_H
#define CREAM_IO_DATA_H

#include <stddef.h>
#include <stdint.h>

#include "core/rng.h"
#include "core/status.h"

typedef enum cream_part { CREAM_PART_TRAIN, CREAM_PART_TEST, CREAM_PARTS } cream_part;

/* Read-only once it is open: any number of threads may decode at a time. */
typedef struct cream_dataset cream_dataset;
struct cream_dataset {
  const char *name; /* "digits" */
  int classes;
  const char *const *class_names;     /* [classes] */
  size_t count[CREAM_PARTS];          /* pictures */
  const int32_t *labels[CREAM_PARTS]; /* [count], 0..classes-1 */
  float mean[3], std[3];              /* of pixel/255 over the training part, by channel */

  /* Picture `index` of a part as pixels [side, side, 3]. `augment`: the draws that change it at random, in
   * the way that suits the data set; NULL: as it is. */
  cream_status (*decode)(const cream_dataset *, cream_part, size_t index, int side, cream_rng *augment,
                         uint8_t *pixels, cream_error *);
  void (*destroy)(cream_dataset *);
};

/* Opens what --data names: `digits`, or `digits:FILE`. CREAM_BAD_CONFIG for an unknown kind, with those that
 * there are. The caller ends it with its destroy. */
cream_status cream_dataset_open(const char *spec, cream_dataset **, cream_error *);

#endif
