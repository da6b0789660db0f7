/* Shared by the subcommands of cream data. */
#ifndef CREAM_TOOLS_DATA_H
#define CREAM_TOOLS_DATA_H

#include "core/base/config.h"
#include "io/dataset/data.h"
#include "io/dataset/skipped_images.h"
#include "tools/cli/command.h"

typedef struct data_options {
  cli_line line;
  cream_config config; /* data, out, seed, threads, augment, max_bad */
  bool json;
  int threads;    /* config.threads; where that is 0, the processors' number */
  int side;       /* of the images of a sheet and of a batch */
  int count;      /* images of a sheet; batches of a speed test */
  int batch;      /* images of a batch */
  int shorter;    /* side of packed images */
  int quality;    /* of packed JPEGs; 0: raw pixels */
  int classes;    /* of a subset */
  int train, val; /* images of each of its classes */
} data_options;

cream_status data_check(const data_options *, const cream_dataset *, cream_error *);
cream_status data_pack(const data_options *, const cream_dataset *, cream_error *);
cream_status data_show(const data_options *, const cream_dataset *, cream_error *);
cream_status data_speed(const data_options *, const cream_dataset *, cream_error *);
cream_status data_subset(const data_options *, const cream_dataset *, cream_error *);

#endif
