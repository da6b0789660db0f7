/* Where the classes of a folder of images are: in the parts train/ and val/, under whatever names and however deep, or
 * in the folder itself. */
#ifndef CREAM_IO_FOLDER_LAYOUT_H
#define CREAM_IO_FOLDER_LAYOUT_H

#include "data.h"
#include "io/base/file.h"

enum { CREAM_MAX_FOLDER_PATH = CREAM_MAX_FILE_NAME + 256 };

/* Folders with one folder per class; "": the set has no such part. Without parts, `train` has the classes of both. */
typedef struct cream_folder_layout {
  bool parts;
  char train[CREAM_MAX_FOLDER_PATH], test[CREAM_MAX_FOLDER_PATH];
} cream_folder_layout;

/* Whether the name of a file has the extension of an image. */
bool cream_folder_is_image(const char *name);

/* Finds the classes below `path`. Parts are two folders whose names are words for them (cream_part_of_word), alone or both
 * with the same addition: train and val, Train and Test, seg_train and seg_test, train2017 and val2017. A folder whose
 * only content is another folder is entered. A note is added where the classes are deeper than usual.
 * CREAM_BAD_DATA: a folder cannot be read, a training part has no test part, or folders in the place of classes have
 * parts of their own. */
cream_status cream_folder_layout_find(const char *path, cream_folder_layout *, cream_notes *, cream_error *);

#endif
