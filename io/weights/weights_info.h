/* Metadata of a weights file: how images are prepared for the network, and the names of the classes. They are strings in
 * the header's __metadata__ (docs/weights.md).
 */
#ifndef CREAM_IO_WEIGHTS_INFO_H
#define CREAM_IO_WEIGHTS_INFO_H

#include <stdbool.h>

#include "core/space/space.h"
#include "safetensors.h"

typedef struct cream_weights_info {
  int resolution; /* side of the input in pixels; 0: not given */
  bool has_normalisation;
  float mean[3], std[3];  /* of pixel/255, by channel; only with has_normalisation */
  char interpolation[32]; /* "bilinear" or "bicubic"; "": not given */
  double test_crop;       /* centre crop of a test, as a share of the resized side; 0: not given */
  double
      bn_eps; /* epsilon of the batch norms that the weights are for; 0: it and the padding are not given */
  cream_padding padding; /* of their convolutions */
  int n_classes;         /* number of names; 0: not given */
  char **class_names;    /* [n_classes], UTF-8, owned */
} cream_weights_info;

/* The preparation of ImageNet's images for published networks: mean and standard deviation of ImageNet, bicubic, a crop
 * of 0.875; no resolution and no names. */
cream_weights_info cream_weights_info_imagenet(void);

/* The number of classes of the network whose weights are in an open file, by its classifier; 0: unknown. */
int cream_weights_classes(const cream_st_file *);

/* Reads the metadata of an open file; errors name `path`. CREAM_BAD_DATA, with file and key, for a value of the wrong type
 * or out of bounds; *info is zero then. The caller frees *info with cream_weights_info_free. `interpolation` replaces the one
 * of the file, if it is not NULL. */
cream_status cream_weights_info_read(const char *path, const cream_st_file *, const char *interpolation,
                                     cream_weights_info *info, cream_error *);
/* The same for a file by its path. */
cream_status cream_weights_info_load(const char *path, cream_weights_info *info, cream_error *);
/* Reads the value of `mean` or `std`: a JSON list of three numbers, all above 0 if `positive`. false: it is another text. */
bool cream_weights_info_channels(const char *text, bool positive, float values[3]);
/* CREAM_BAD_DATA, with both, if the metadata of the weights file `path` has another padding or epsilon than the network. */
cream_status cream_weights_info_check(const char *path, const cream_weights_info *, const cream_space *,
                                      cream_error *);
/* Replaces the names by copies of these. `info` is unchanged on error (CREAM_FAILED). */
cream_status cream_weights_info_set_classes(cream_weights_info *info, const char *const *names, int count,
                                            cream_error *);
void cream_weights_info_free(cream_weights_info *);

/* `info` as strings for cream_weights_save and cream_st_write; values that are not given are omitted. The pairs live until
 * cream_weights_metadata_free. */
typedef struct cream_weights_metadata {
  int count;
  cream_pair pairs[10];
  char *text; /* owns the values */
} cream_weights_metadata;
cream_status cream_weights_metadata_init(cream_weights_metadata *, const cream_weights_info *info,
                                         cream_error *);
void cream_weights_metadata_free(cream_weights_metadata *);

#endif
