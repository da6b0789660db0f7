/* The classes of a data set: checks and names. */
#ifndef CREAM_IO_CLASSES_H
#define CREAM_IO_CLASSES_H

#include "data.h"

/* Sets classes and class_names of a data set whose counts and labels are set. The names are copied and converted to
 * UTF-8; NULL: "0", "1", "2", ... `place` is used in messages. CREAM_BAD_DATA: a part without images, a label outside
 * 0..classes-1, or a class without training images; with test_only, training images are not expected. */
cream_status cream_classes_set(cream_dataset *, const char *place, const char *const *names, int classes,
                               cream_error *);
/* Frees the names and the notes. */
void cream_classes_free(cream_dataset *);

#endif
