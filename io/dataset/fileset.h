/* Data sets of image files, as `folder` and `list` are. Create a set, add images with their labels, and finish it; it
 * then is a cream_dataset. Memory per image: its name and 8 bytes.
 */
#ifndef CREAM_IO_FILESET_H
#define CREAM_IO_FILESET_H

#include <stdbool.h>

#include "data.h"
#include "io/base/file.h"

typedef struct cream_fileset cream_fileset;

/* The text after the colon of --data: PATH[,val=SHARE|all][,seed=N][,labels=names]. */
typedef struct cream_fileset_place {
  char path[CREAM_MAX_FILE_NAME];
  bool split;    /* val or seed is given */
  bool all;      /* val=all: every image is a test image */
  double val;    /* share of the images for the test part if the set has none; default 0.2 */
  uint64_t seed; /* of that split; default 0 */
  bool names;    /* labels are class names even if they are numbers */
} cream_fileset_place;

/* Parses `spec`, the text after the colon or NULL. CREAM_BAD_CONFIG: no path, or a malformed option. */
cream_status cream_fileset_parse(const char *format, const char *spec, cream_fileset_place *, cream_error *);

/* Creates an empty set. Names of images without a leading slash are relative to the folder `root`, or to the current
 * folder if that is "". NULL: out of memory. */
cream_fileset *cream_fileset_create(const char *format, const char *root);

/* Adds an image. The name is copied; `label` may be renumbered later (cream_fileset_labels). */
cream_status cream_fileset_add(cream_fileset *, cream_part, const char *name, int32_t label, cream_error *);
/* Adds an image whose name is at `offset` in the block of cream_fileset_give_names. */
cream_status cream_fileset_add_at(cream_fileset *, cream_part, size_t offset, int32_t label, cream_error *);
/* Gives an empty set a block of up to 4 GB with names, each ended by a 0 byte. The set frees it. */
void cream_fileset_give_names(cream_fileset *, char *block, size_t size);

/* Moves the share place->val of the training images to the empty test part, stratified by class and drawn by seed, or
 * all of them with place->all. A note says so where the user did not ask for it. */
cream_status cream_fileset_split(cream_fileset *, int classes, const cream_fileset_place *, cream_error *);

/* The notes of the set, which may be added to. */
cream_notes *cream_fileset_notes(cream_fileset *);

/* Completes the set: sets the classes (see cream_classes_set, also for `place` and errors). A set with test images and no
 * training images is test_only. On success *out owns the
 * set; on failure the caller still does. */
cream_status cream_fileset_finish(cream_fileset *, const char *place, const char *const *class_names,
                                  int classes, cream_dataset **out, cream_error *);
void cream_fileset_free(cream_fileset *);

/* The labels of a part, [*count]; they may be changed until the set is finished. */
int32_t *cream_fileset_labels(cream_fileset *, cream_part, size_t *count);

#endif
