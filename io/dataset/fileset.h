/* Data sets whose pictures are JPEG and PNG files: what `folder` and `list` share. Being built, a set grows
 * by pictures with a class each; then it is finished and is an ordinary cream_dataset. A picture takes the
 * bytes of its name and 8 more.
 */
#ifndef CREAM_IO_FILESET_H
#define CREAM_IO_FILESET_H

#include <stdbool.h>

#include "data.h"
#include "io/base/file.h"

typedef struct cream_fileset cream_fileset;

/* What follows the colon of a data set's name: PATH[,val=SHARE][,seed=N][,labels=names]. */
typedef struct cream_fileset_place {
  char path[CREAM_MAX_FILE_NAME];
  bool split;    /* val or seed was given */
  double val;    /* share of the pictures for the test part, where the set has none: 0.2 */
  uint64_t seed; /* of that split: 0 */
  bool names;    /* labels are names of classes even where they look like numbers */
} cream_fileset_place;

cream_status cream_fileset_parse(const char *kind, const char *spec, cream_fileset_place *, cream_error *);

/* An empty set. Names of pictures that do not begin with a slash are below the folder `root`; "": below the
 * current one. NULL: out of memory. */
cream_fileset *cream_fileset_create(const char *kind, const char *root);

/* Adds a picture of class `label` (a number of the caller's). The name is copied. */
cream_status cream_fileset_add(cream_fileset *, cream_part, const char *name, int32_t label, cream_error *);
/* The same by a name in a block of bytes that the set was given before. */
cream_status cream_fileset_add_at(cream_fileset *, cream_part, size_t offset, int32_t label, cream_error *);
/* Takes over a block of up to 4 GB with names in it, each ended by a 0 byte; for an empty set. */
void cream_fileset_give_names(cream_fileset *, char *block, size_t size);

/* Moves a share of the training pictures to the test part, by seed, stratified by class. */
cream_status cream_fileset_split(cream_fileset *, int classes, const cream_fileset_place *, cream_error *);

/* Ends the building: `class_names` are copied, made UTF-8; NULL: 0, 1, 2... CREAM_BAD_DATA: a part
 * without pictures, or a class without training pictures; `place` is for messages. The set then is
 * *out's; on failure it is the caller's still. */
cream_status cream_fileset_finish(cream_fileset *, const char *place, const char *const *class_names,
                                  int classes, cream_dataset **out, cream_error *);
void cream_fileset_free(cream_fileset *);

/* Labels of a part, [its count]; may be renumbered before the set is finished. */
int32_t *cream_fileset_labels(cream_fileset *, cream_part, size_t *count);

#endif
