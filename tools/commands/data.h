/* cream data: what its modes share. */
#ifndef CREAM_TOOLS_DATA_H
#define CREAM_TOOLS_DATA_H

#include "core/base/config.h"
#include "io/dataset/skipped_images.h"
#include "io/dataset/data.h"

typedef struct data_options {
  cream_config config; /* data, out, seed, threads, augment, max_bad */
  bool json;
  int threads;    /* as config.threads, but never 0 */
  int side;       /* of the pictures of a sheet and of a batch */
  int count;      /* pictures of a sheet; batches of a speed test */
  int batch;      /* pictures of a batch */
  int shorter;    /* side of packed pictures */
  int quality;    /* of packed JPEGs; 0: raw pixels */
  int classes;    /* of a subset */
  int train, val; /* pictures of each of its classes */
} data_options;

cream_status data_check(const data_options *, const cream_dataset *, cream_error *);
cream_status data_pack(const data_options *, const cream_dataset *, cream_error *);
cream_status data_show(const data_options *, const cream_dataset *, cream_error *);
cream_status data_speed(const data_options *, const cream_dataset *, cream_error *);
cream_status data_subset(const data_options *, const cream_dataset *, cream_error *);

#endif
