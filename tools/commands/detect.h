/* What the files of `cream detect` share. */
#ifndef CREAM_TOOLS_DETECT_H
#define CREAM_TOOLS_DETECT_H

#include <stdint.h>

#include "io/detect/box_set.h"
#include "tools/run/run_options.h"

/* The score from which on a box is shown as a detection, unless --score is given. */
#define DETECT_LEAST 0.3

typedef struct detect_options {
  run_options run;
  const char *data, *out; /* of run.config */
  const char *results;    /* of eval */
  const char *draw;       /* of predict: a folder; NULL: nothing is drawn */
  char run_data[1024];    /* the data of --run; "": none */
  int to;                 /* cream_box_format */
  int part;               /* cream_part */
  int side, count, threads;
  uint64_t seed; /* of run.config */
  double least;  /* of predict: score of a detection */
  bool copy, augment, json;
  bool suppress; /* of export: in the model */
} detect_options;

/* Reads every image; CREAM_BAD_DATA where one cannot be used. */
cream_status detect_check(const detect_options *, cream_error *);
cream_status detect_convert(const detect_options *, cream_error *);
cream_status detect_sheet(const detect_options *, cream_error *);
cream_status detect_eval(const detect_options *, cream_error *);
cream_status detect_train(const detect_options *, cream_error *);
cream_status detect_test(const detect_options *, cream_error *);
cream_status detect_predict(const detect_options *, cream_error *);
cream_status detect_export(const detect_options *, cream_error *);

/* --backbone: the architecture, and of a run's folder the weights too. */
cream_status detect_backbone(void *values, const cli_given *, const char *argument, cream_error *);

/* Boxes of a part by class, [classes], and in all; crowds are counted apart. */
typedef struct detect_counts {
  size_t boxes, crowds;
  size_t *of_class; /* with crowds */
} detect_counts;
/* The caller frees `of_class`, which is NULL where memory ran out. */
detect_counts detect_count(const cream_box_set *, cream_part);

#endif
