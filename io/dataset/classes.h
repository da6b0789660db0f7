/* What every data set of the user's own has to get right: its classes. */
#ifndef CREAM_IO_CLASSES_H
#define CREAM_IO_CLASSES_H

#include "data.h"

/* Copies the names, made UTF-8 (NULL: 0, 1, 2...), into a data set whose counts and labels are set.
 * CREAM_BAD_DATA: a part without pictures, a label outside 0..classes-1, or a class without training
 * pictures; `place` is for messages. */
cream_status cream_classes_set(cream_dataset *, const char *place, const char *const *names, int classes,
                               cream_error *);
void cream_classes_free(cream_dataset *);

#endif
