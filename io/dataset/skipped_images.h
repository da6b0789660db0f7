/* Images that cannot be used and are skipped during a run: each is reported once, and a limited share of the data set
 * may be skipped. All functions but create and destroy are thread-safe.
 */
#ifndef CREAM_IO_SKIPPED_IMAGES_H
#define CREAM_IO_SKIPPED_IMAGES_H

#include <stdbool.h>
#include <stddef.h>

#include "core/base/status.h"
#include "part.h"

typedef struct cream_skipped cream_skipped;

/* Called when an image is skipped for the first time, with the reason as one line; never by two threads at once. */
typedef void cream_skipped_report(void *context, cream_part, size_t index, const char *line);

/* `max_share`: the share, 0..1, of the images of the data set that may be skipped. `report` may be NULL; `context` is
 * passed to it. count: the images of each part. */
cream_status cream_skipped_create(const size_t count[CREAM_PARTS], double max_share,
                                  cream_skipped_report *report, void *context, cream_skipped **skipped,
                                  cream_error *);
void cream_skipped_destroy(cream_skipped *);

/* Records that an image cannot be used, with the error of its load as the reason. CREAM_BAD_DATA, for this and all
 * later calls, once more images are skipped than the share allows. */
cream_status cream_skipped_add(cream_skipped *, cream_part, size_t index, const cream_error *reason,
                               cream_error *);

/* Whether the image has been recorded. */
bool cream_skipped_known(const cream_skipped *, cream_part, size_t index);
/* The number of images recorded. */
size_t cream_skipped_count(const cream_skipped *);

#endif
