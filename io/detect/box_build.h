/* How the readers of formats build a data set for detection. */
#ifndef CREAM_IO_BOX_BUILD_H
#define CREAM_IO_BOX_BUILD_H

#include "box_set.h"

/* What follows FORMAT: of a data set: PATHS[,train=NAMES][,test=NAMES][,val=SHARE|all][,seed=N]. */
typedef struct cream_box_place {
  char paths[4096];
  char train[256], test[256]; /* names of the lists of a part, separated by +; "": the usual ones */
  bool split;                 /* val or seed is given */
  bool all;                   /* val=all */
  double val;                 /* default 0.2 */
  uint64_t seed;
} cream_box_place;

/* Of an object, before it is checked. */
typedef struct cream_box_entry {
  double x1, y1, x2, y2; /* in pixels of the image */
  int32_t label;
  bool crowd;
  double area;       /* 0: that of the box */
  const char *where; /* names the box in messages, for example the file */
  size_t number;     /* of the box there, from 1; 0: `where` is enough */
} cream_box_entry;

typedef struct cream_box_builder cream_box_builder;

enum { CREAM_BOX_MAX_PATH = 8192 };
#define CREAM_BOX_NO_IMAGE SIZE_MAX /* the index of an image that is skipped */

/* NULL: out of memory. `format` must outlive the set. no_files: image files may be missing. */
cream_box_builder *cream_box_builder_create(const char *format, bool no_files);
void cream_box_builder_free(cream_box_builder *);

cream_notes *cream_box_builder_notes(cream_box_builder *);
/* Counts a problem; the text says where it is, and is kept for the first of each. */
void cream_box_builder_problem(cream_box_builder *, cream_box_problem, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Adds a class; labels are given in the order of the calls. The name is copied and converted to UTF-8. `place` is used in
 * messages. CREAM_BAD_DATA: the name is empty, or another class has it. */
cream_status cream_box_builder_class(cream_box_builder *, const char *place, const char *name,
                                     int64_t category, cream_error *);
/* The label of a class; -1: there is none of that name. */
int cream_box_builder_label(const cream_box_builder *, const char *name);
int cream_box_builder_classes(const cream_box_builder *);

/* Adds an image; `path` is copied, *index is its index in the part. width, height 0: they are read from the file. id: see
 * cream_box_image. An image that cannot be used is counted, and *index is CREAM_BOX_NO_IMAGE. CREAM_FAILED: out of
 * memory. */
cream_status cream_box_builder_image(cream_box_builder *, cream_part, const char *path, int width, int height,
                                     int64_t id, size_t *index, cream_error *);
/* The size of an image that was added. */
void cream_box_builder_size(const cream_box_builder *, cream_part, size_t index, int *width, int *height);
/* Checks a box and adds it to an image; a box that is skipped is counted, but for those of skipped images. CREAM_FAILED:
 * out of memory. */
cream_status cream_box_builder_box(cream_box_builder *, cream_part, size_t image, const cream_box_entry *,
                                   cream_error *);

/* Declares that the set has no parts: all images are in the training part and may be divided. */
void cream_box_builder_undivided(cream_box_builder *);

/* Completes the set. `spec` is used in messages. On success *set is the set, and the builder is freed; on failure it is
 * not. CREAM_BAD_DATA: no images, no classes, no boxes, or not the parts that the use needs. */
cream_status cream_box_builder_finish(cream_box_builder *, const char *spec, const cream_box_place *,
                                      cream_box_use, cream_box_set **, cream_error *);

#endif
