/* Classifying images with a trained network, on the CPU: files in one call (cream_classifier_run), or in steps that other
 * languages can call with memory of their own: prepare images, run the network, take probabilities. Example:
 * docs/examples/classify.c. */
#ifndef CREAM_LIB_CLASSIFIER_H
#define CREAM_LIB_CLASSIFIER_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/status.h"

/* A network with its buffers. It may be used by one thread at a time; several classifiers may work side by side. */
typedef struct cream_classifier cream_classifier;

typedef struct cream_classifier_options {
  const char *run;  /* folder of a retraining: its settings, architecture and weights; NULL: the two below */
  const char *arch; /* with `run` NULL: an architecture file, or the name of a built-in network */
  const char *weights; /* with `run` NULL: a weights file (safetensors) */
  int threads;         /* 0: cream_cpu_threads() (cpu/cpu.h) */
  int batch;           /* most images of cream_classifier_forward; 0: 1 */
  bool unfolded;       /* batch norms stay layers of their own until cream_classifier_fold */
} cream_classifier_options;

/* What a classifier expects of images and knows about classes. */
typedef struct cream_classifier_info {
  int classes, side, batch; /* images are [side, side, 3] */
  bool folded;
  float mean[3], std[3];     /* of pixel/255, by channel */
  double test_crop;          /* share of the resized side that is cut out */
  const char *interpolation; /* "bilinear" or "bicubic" */
  const char *const *names;  /* [classes], UTF-8; owned by the classifier, valid until it is closed */
  bool named;                /* the weights file has names; false: `names` are the labels in digits */
} cream_classifier_info;

/* A class of an image. */
typedef struct cream_class {
  int label;        /* 0 to classes - 1 */
  const char *name; /* UTF-8, of the weights file; where that has no names, the label in digits. Owned by the
                         classifier, valid until it is closed */
  double probability; /* 0 to 1: softmax over all classes of the network */
} cream_class;

/* Loads a network and folds its batch norms, unless `unfolded`. Files and strings of the options are no longer needed afterwards. The caller
 * ends *out with cream_classifier_close. CREAM_BAD_CONFIG: neither a run nor both files are given, `batch` is negative, or the settings or the
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

/* The steps of cream_classifier_run. pixels, logits and probabilities are the caller's. */

cream_classifier_info cream_classifier_describe(const cream_classifier *);
/* Reads and prepares an image file: pixels[side, side, 3]. CREAM_BAD_DATA: the image is missing, damaged or of an unknown
 * format. CREAM_FAILED: no memory. */
cream_status cream_classifier_read(cream_classifier *, const char *image, uint8_t *pixels, cream_error *);
/* The same for a decoded image rgb[height, width, 3]. CREAM_BAD_DATA: it has no or too many pixels. */
cream_status cream_classifier_prepare(cream_classifier *, const uint8_t *rgb, int height, int width,
                                      uint8_t *pixels, cream_error *);
/* pixels[n, side, side, 3] to logits[n, classes]; n: 1 to info.batch. Their last bits may depend on n. */
cream_status cream_classifier_forward(cream_classifier *, int n, const uint8_t *pixels, float *logits,
                                      cream_error *);
/* logits[n, classes] to probabilities[n, classes], those of cream_classifier_run. */
void cream_classifier_softmax(const cream_classifier *, int n, const float *logits, double *probabilities);
/* Folds the batch norms; nothing changes where they are folded already. */
cream_status cream_classifier_fold(cream_classifier *, cream_error *);
/* Writes the weights as they are now, folded or not, with the metadata of the file that they came from. */
cream_status cream_classifier_save(const cream_classifier *, const char *weights, cream_error *);

/* NULL is allowed. */
void cream_classifier_close(cream_classifier *);

#endif
