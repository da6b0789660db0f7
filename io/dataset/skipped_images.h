/* Pictures that turn out unusable in the middle of a run: each is reported once and left out, up to a
 * share of the data set. Any number of threads may call the functions at a time.
 */
#ifndef CREAM_IO_BAD_H
#define CREAM_IO_BAD_H

#include <stdbool.h>

#include "data.h"

typedef struct cream_bad cream_bad;

/* Gets the line of a picture's first report, one call at a time; `context` is the caller's. */
typedef void cream_bad_report(void *context, cream_part, size_t index, const char *line);

/* `max_share`: of all pictures of the data set, which outlives this. `report` may be NULL. */
cream_status cream_bad_create(const cream_dataset *, double max_share, cream_bad_report *report,
                              void *context, cream_bad **, cream_error *);
void cream_bad_destroy(cream_bad *);

/* Notes that a picture cannot be used, for the reason that its load gave. CREAM_BAD_DATA, now and from then
 * on: more pictures are bad than the share allows. */
cream_status cream_bad_add(cream_bad *, cream_part, size_t index, const cream_error *reason, cream_error *);

/* Whether it was noted before: there is no need to load it again. */
bool cream_bad_known(const cream_bad *, cream_part, size_t index);
size_t cream_bad_count(const cream_bad *);

#endif
