/* What the files of `cream detect` share. */
#ifndef CREAM_TOOLS_DETECT_H
#define CREAM_TOOLS_DETECT_H

#include <stdint.h>

#include "io/detect/box_set.h"
#include "tools/cli/command.h"

typedef struct detect_options {
  cli_line line;
  const char *data, *out;
  const char *results; /* of eval */
  int to;              /* cream_box_format */
  int part;            /* cream_part */
  int side, count, threads, seed;
  bool copy, augment, json;
} detect_options;

/* Reads every image; CREAM_BAD_DATA where one cannot be used. */
cream_status detect_check(const detect_options *, cream_error *);
cream_status detect_convert(const detect_options *, cream_error *);
cream_status detect_sheet(const detect_options *, cream_error *);
cream_status detect_eval(const detect_options *, cream_error *);

/* Boxes of a part by class, [classes], and in all; crowds are counted apart. */
typedef struct detect_counts {
  size_t boxes, crowds;
  size_t *of_class; /* with crowds */
} detect_counts;
/* The caller frees `of_class`, which is NULL where memory ran out. */
detect_counts detect_count(const cream_box_set *, cream_part);

#endif
