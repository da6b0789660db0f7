/* Sums over the parts of a step (docs/method.md, "Parts of a step"). They follow one binary tree over the parts, whatever the
 * number of ranks: n parts are the sum of the first m and of the others, m being the largest power of two below n. A rank
 * adds its parts one after the other and holds a partial sum for each level of the tree, as a binary counter does; the
 * levels above its own parts are those of cream_cluster's sums.
 *
 *     cream_parts_begin
 *     cream_parts_add for every own part and every run of values; those of the last own part set off on the network at
 *       once, in buckets, while the caller computes further ones. Where cream_parts_expect has said how many there will
 *       be, a bucket has at most half of what is left: little is left to set off after the last value
 *     cream_parts_end: `mean` holds the sums, divided by the number of parts
 */
#ifndef CREAM_CORE_PARTS_H
#define CREAM_CORE_PARTS_H

#include "cluster.h"
#include "core/backend.h"

enum {
  CREAM_MAX_PARTS = 65536,
  CREAM_PARTS_LEVELS = 16,
  CREAM_PARTS_BUCKET = 1 << 18, /* elements that set off together: 1 MB */
  CREAM_PARTS_LEAST = 1 << 12   /* of the last ones: 16 KB */
};

/* Values of the last own part that were added: `values` on the device, [at, at + count) of the sums. */
typedef struct cream_parts_piece {
  cream_buf values;
  size_t at, count;
} cream_parts_piece;

typedef struct cream_parts {
  cream_backend *backend;
  cream_cluster *cluster; /* NULL or one rank: alone */
  int count, first, own;  /* parts of a step; those of this rank are first .. first + own - 1 */
  bool half;              /* sums travel in half precision */
  size_t room;            /* elements of a sum */
  cream_buf partial[CREAM_PARTS_LEVELS]; /* [room], of each level */
  cream_buf mean;                        /* [room]; the memory of partial[0] */
  float *host;                           /* [room], in the order in which pieces were added */
  size_t packed, begun;                  /* elements of `host`: written, and handed to the cluster */
  size_t expected;                       /* elements that will be packed; 0: not known */
  cream_parts_piece *pieces;             /* [capacity] */
  int n_pieces, capacity;
  cream_status status; /* the first failure since cream_parts_begin */
  cream_error error;
} cream_parts;

/* Whether `ranks` can divide the parts of a step among them: a power of two for each. */
static inline bool cream_parts_divide(int count, int ranks) {
  const int own = count / ranks;
  return ranks == 1 || (count % ranks == 0 && (own & (own - 1)) == 0);
}
/* CREAM_BAD_CONFIG unless the parts of a step, the setting `section`.accumulate, can be divided among the
 * ranks. */
cream_status cream_parts_check(const char *section, int count, const cream_cluster *, cream_error *);

/* For steps of `count` parts, whose sums have up to `room` values in up to `pieces` runs. On failure nothing stays
 * allocated; cream_parts_destroy takes a zeroed one too. */
cream_status cream_parts_init(cream_parts *, cream_backend *, cream_cluster *, int count, size_t room,
                              int pieces, bool half, cream_error *);
void cream_parts_destroy(cream_parts *);

void cream_parts_begin(cream_parts *);
/* Values that the last own part will have, of a step that has begun; all ranks say the same. */
static inline void cream_parts_expect(cream_parts *parts, size_t count) {
  parts->expected = count;
}
/* Adds values [at, at + count) of own part `part` (from 0), which `values` points to; it overwrites them. exact: they travel
 * in single precision in any case. Failures are returned by cream_parts_end. */
void cream_parts_add(cream_parts *, int part, cream_buf values, size_t at, size_t count, bool exact);
cream_status cream_parts_end(cream_parts *, cream_error *);

#endif
