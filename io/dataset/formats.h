/* The list of data set formats. A new format is a source file that defines cream_NAME_open and one line here
 * (docs/data.md describes the formats to users).
 */
#ifndef CREAM_IO_FORMATS_H
#define CREAM_IO_FORMATS_H

#include "data.h"

/* X(name, usage, summary), for `--data NAME` and `--data NAME:PLACE`; usage and summary are printed in help. */
#define CREAM_DATASET_FORMATS(X)                                                                             \
  X(digits, "digits, digits:FILE", "the bundled handwritten digits")                                         \
  X(folder, "folder:PATH", "images in a folder per class")                                                   \
  X(list, "list:FILE", "images listed in a text file, with labels")                                          \
  X(cifar10, "cifar10:PATH", "CIFAR-10, binary or Python version")                                           \
  X(cifar100, "cifar100:PATH", "CIFAR-100, binary or Python version, fine labels")                           \
  X(idx, "idx:PATH", "MNIST and other data sets of IDX files")                                               \
  X(pack, "pack:FILE", "images packed by cream data pack")

/* A line of help per format, as one string: CREAM_DATASET_FORMATS(CREAM_DATASET_HELP). */
#define CREAM_DATASET_HELP(name, usage, summary) "  " usage ": " summary "\n"

/* Opens a data set; `place` is the text after the colon, or NULL. On success the caller ends *dataset with its
 * destroy. CREAM_BAD_CONFIG: `place` is missing or malformed; CREAM_BAD_DATA: the data cannot be used. */
typedef cream_status cream_dataset_opener(const char *place, cream_dataset **dataset, cream_error *);

#define CREAM_DATASET_OPENER(name, usage, summary) cream_dataset_opener cream_##name##_open;
CREAM_DATASET_FORMATS(CREAM_DATASET_OPENER)
#undef CREAM_DATASET_OPENER

#endif
