/* Files of the Python version of CIFAR, which torchvision downloads: pickles of a dict with images and labels. They are
 * read as data (io/weights/pickle.h): nothing in them is called or imported. */
#ifndef CREAM_IO_CIFAR_PYTHON_H
#define CREAM_IO_CIFAR_PYTHON_H

#include "raster.h"

/* Adds the images in `data`, the content of a file, to a set of 32 x 32 RGB images. `key`: of the list of labels, which
 * are below `classes`. `name` is used in messages. CREAM_BAD_DATA: not such a file, or a label out of range. */
cream_status cream_cifar_python_add(cream_raster *, cream_part, const char *name, const uint8_t *data,
                                    size_t size, const char *key, int classes, cream_error *);

/* Returns the names of the classes in the content of a file, `classes` pointers and the names in one block that the caller
 * frees; NULL if the file has other than `classes` names below `key`. */
const char **cream_cifar_python_names(const uint8_t *data, size_t size, const char *key, int classes);

#endif
