/* What a weights file says about its network beside the numbers: how pictures have to be prepared and what
 * the classes are called. Strings of the header's __metadata__ (docs/weights.md).
 */
#ifndef CREAM_IO_WEIGHTS_INFO_H
#define CREAM_IO_WEIGHTS_INFO_H

#include <stdbool.h>

#include "safetensors.h"

typedef struct cream_weights_info {
  int resolution; /* side of the input in pixels; 0: not told */
  bool has_normalisation;
  float mean[3], std[3];  /* of pixel/255, by channel, where has_normalisation */
  char interpolation[32]; /* "bicubic"; "": not told */
  double test_crop;       /* share of the resized side that a test looks at; 0: not told */
  int n_classes;          /* names; 0: none */
  char **class_names;     /* [n_classes], UTF-8 */
} cream_weights_info;

/* The pictures of ImageNet as published networks were tested on them: its mean and deviation, bicubic, 0.875
 * of the resized side; no resolution, no names. */
cream_weights_info cream_weights_info_imagenet(void);

/* Reads what an open file says. CREAM_BAD_DATA, naming file and key, for a value of the wrong kind or out of
 * bounds. Ended by cream_weights_info_free; on failure *info is zero. */
cream_status cream_weights_info_read(const char *path, const cream_st_file *, cream_weights_info *info,
                                     cream_error *);
/* The same of a file by its path. */
cream_status cream_weights_info_load(const char *path, cream_weights_info *info, cream_error *);
/* Copies the names: what `info` had is freed. */
cream_status cream_weights_info_set_classes(cream_weights_info *info, const char *const *names, int count,
                                            cream_error *);
void cream_weights_info_free(cream_weights_info *);

/* `info` as strings for cream_weights_save and cream_st_write; what is not told is left out. The pairs live
 * until cream_weights_metadata_free. */
typedef struct cream_weights_metadata {
  int count;
  cream_pair pairs[8];
  char *text; /* owns the values */
} cream_weights_metadata;
cream_status cream_weights_metadata_init(cream_weights_metadata *, const cream_weights_info *info,
                                         cream_error *);
void cream_weights_metadata_free(cream_weights_metadata *);

#endif
