/* What a network computes beside its weights, where a file of weights does not say it: padding, epsilon, mean and standard
 * deviation. */
#ifndef CREAM_TOOLS_CONVERT_READING_H
#define CREAM_TOOLS_CONVERT_READING_H

#include "io/config/arch.h"
#include "io/weights/convert.h"

/* The options. */
typedef struct convert_given {
  int padding;            /* index into convert_paddings; 0: not given */
  double bn_eps;          /* 0: not given */
  const char *mean, *std; /* NULL: not given */
} convert_given;

/* "keep", then the words of cream_padding; ends in NULL. */
extern const char *const convert_paddings[];

/* Decides by the options, then the metadata in *info, then the scheme of the names, then `arch`. Sets padding and epsilon of
 * arch (may be NULL: only the mean and the deviation are set) and of *info, and its mean, deviation and interpolation.
 * `note`: one line on what was assumed where the same file could have another meaning; empty: nothing. CREAM_BAD_CONFIG: an
 * option that is not of its form; CREAM_BAD_DATA: the file contradicts the architecture file, or its name and nothing else
 * says that it is a `tf_` network; the line names both readings. */
cream_status convert_decide(const char *file, const convert_given *, const cream_weights_source *,
                            cream_arch *, cream_weights_info *, char *note, size_t size, cream_error *);

/* Writes "0.485, 0.456, 0.406". */
char *convert_channels_text(const float values[3], char *text, size_t size);

#endif
