/* Networks in 8 bits: what export and test share. */
#ifndef CREAM_TOOLS_INT8_H
#define CREAM_TOOLS_INT8_H

#include "core/quant/int8.h"
#include "core/train/evaluate.h"
#include "run_data.h"
#include "run_options.h"

enum { INT8_IMAGES = 512 }; /* of a calibration, unless another number is given */

typedef struct int8_options {
  bool on;
  int images;      /* 0: INT8_IMAGES */
  int calibration; /* a cream_calibration; -1: the first one */
} int8_options;

#define INT8_UNSET ((int8_options){.calibration = -1})

extern const char *const int8_calibrations[]; /* words of --calibration */

/* Rows of a table of options; `member` is an int8_options of `owner`. */
#define INT8_ROWS(owner, member, help)                                                                       \
  CLI_VALUE(owner, member.on, METHOD, "int8", NULL, help),                                                   \
      CLI_CHOICE(owner, member.calibration, METHOD, "calibration", "METHOD",                                 \
                 "with --int8, how the ranges of values are chosen: entropy or percentile",                  \
                 int8_calibrations, .fallback = "entropy"),                                                  \
      CLI_VALUE(owner, member.images, METHOD, "calibration-images", "N",                                     \
                "with --int8, training images that the ranges of values are measured on; drawn by the seed", \
                CLI_AT_LEAST(1), .fallback = "512")

/* For cli_command.check: fails where the options contradict each other or the device is not the CPU; "auto" becomes
 * the CPU. */
cream_status int8_check(const int8_options *, cream_config *, cream_error *);
/* Quantises the network of `net`, which is folded, with the ranges of its values on training images of the data. mean,
 * std: of pixel/255, by the weights file; NULL: the data's. Lines on stderr say where they differ from the data's, and
 * where there are fewer images than were asked for. */
cream_status int8_create(const int8_options *, cream_net *, const run_data *, const cream_config *,
                         const float *mean, const float *std, cream_int8 **, cream_error *);
/* Scores the test images. */
cream_status int8_test(const cream_int8 *, const run_data *, const cream_config *, int side, cream_score *,
                       cream_error *);

#endif
