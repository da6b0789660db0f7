/* test.json: the accuracy of a trained network by class, and which classes it confuses. Format: docs/formats.md. */
#ifndef CREAM_IO_TEST_RESULT_H
#define CREAM_IO_TEST_RESULT_H

#include <stdint.h>

#include "core/base/status.h"
#include "core/train/evaluate.h"

typedef struct cream_test_result {
  const char *data; /* the setting */
  cream_score score;
  int classes;
  const char *const *names;  /* [classes] */
  const uint32_t *confusion; /* [classes][classes], by label and predicted class */
} cream_test_result;

typedef struct cream_class_score {
  int label;
  uint64_t correct, images;
  int mistaken_for; /* the class most often predicted instead; -1: none */
} cream_class_score;

cream_class_score cream_test_class(const cream_test_result *, int label);
/* 0 to 1; NaN: the class has no images. */
double cream_class_accuracy(const cream_class_score *);
/* For qsort of cream_class_score: the least accurate first, classes without images last. */
int cream_class_by_accuracy(const void *, const void *);

/* Writes the file to the run folder `dir` atomically. The same values give the same bytes. */
cream_status cream_test_result_write(const char *dir, const cream_test_result *, cream_error *);

#endif
