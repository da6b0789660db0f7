/* Classifying image files with a trained network, on the CPU. Example: docs/examples/classify.c. */
#ifndef CREAM_LIB_CLASSIFIER_H
#define CREAM_LIB_CLASSIFIER_H

#include "core/base/status.h"

/* A network with its buffers. It may be used by one thread at a time; several classifiers may work side by side. */
typedef struct cream_classifier cream_classifier;

typedef struct cream_classifier_options {
  const char *run;  /* folder of a retraining: its settings, architecture and weights; NULL: the two below */
  const char *arch; /* with `run` NULL: an architecture file, or the name of a built-in network */
  const char *weights; /* with `run` NULL: a weights file (safetensors) */
  int threads;         /* 0: cream_cpu_threads() (cpu/cpu.h) */
} cream_classifier_options;

/* A class of an image. */
typedef struct cream_class {
  int label;        /* 0 to classes - 1 */
  const char *name; /* UTF-8, of the weights file; where that has no names, the label in digits. Owned by the
                         classifier, valid until it is closed */
  double probability; /* 0 to 1: softmax over all classes of the network */
} cream_class;

/* Loads a network and folds its batch norms. Files and strings of the options are no longer needed afterwards. The caller
 * ends *out with cream_classifier_close. CREAM_BAD_CONFIG: neither a run nor both files are given, or the settings or the
 * architecture are wrong, or the run is a search, whose network is not trained yet. CREAM_BAD_DATA: the weights are not
 * those of the network. CREAM_FAILED: a file cannot be read, or there is no memory. *out is unchanged then. */
cream_status cream_classifier_open(const cream_classifier_options *, cream_classifier **out, cream_error *);

/* Classifies an image file of any size, in a format that a data set may have. It is prepared as in cream test and cream
 * predict: resized, cropped to the network's side, normalised. Fills top[] with the *count most probable classes, the most
 * probable first, the lower label first among equals. *count, at least 1, is the room in top[]; it becomes the number
 * filled in, which is less where the network has fewer classes. CREAM_BAD_DATA: the image is missing, damaged or of an
 * unknown format. CREAM_FAILED: no memory. top[] and *count are unchanged then, and the classifier can be used further. */
cream_status cream_classifier_run(cream_classifier *, const char *image, cream_class top[], int *count,
                                  cream_error *);

/* NULL is allowed. */
void cream_classifier_close(cream_classifier *);

#endif
