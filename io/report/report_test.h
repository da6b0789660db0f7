/* The test of a network by class (test.json). Internal to io/report/report*.c. */
#ifndef CREAM_IO_REPORT_TEST_H
#define CREAM_IO_REPORT_TEST_H

#include <stdbool.h>

#include "report_json.h"

typedef struct report_class {
  const char *name;
  int label;
  double images, correct; /* numbers of images */
  double taken;           /* images of other classes that were taken for this one */
  int mistaken_for;       /* the class most often predicted instead; -1: none */
} report_class;

typedef struct report_confusion {
  int label, predicted; /* not equal */
  double images;
} report_confusion;

typedef struct report_test_data {
  int n_classes, n_confusions;
  report_class *classes;        /* by label */
  report_confusion *confusions; /* the most frequent first */
} report_test_data;

/* Reads what is valid of the file's content; the names stay in it. False: there are no classes, or there is no
 * memory. After success the caller ends it with report_test_free. */
bool report_test_read(report_test_data *, const json_t *file);
void report_test_free(report_test_data *);

/* 0 to 1; NaN: the class has no images. */
double report_class_accuracy(const report_class *);
/* The number of images of the class that were taken for `predicted`. */
double report_confused(const report_test_data *, int label, int predicted);

/* For qsort of report_class: the least accurate first, classes without images last; most mistakes (in either
 * direction) first; by label. */
int report_class_by_accuracy(const void *, const void *);
int report_class_by_mistakes(const void *, const void *);
int report_class_by_label(const void *, const void *);

#endif
