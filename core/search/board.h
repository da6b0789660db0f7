/* The prioritized path board B (section 2, step 6): the best paths met so far, which teach the others. */
#ifndef CREAM_CORE_BOARD_H
#define CREAM_CORE_BOARD_H

#include "core/base/config.h"
#include "core/space/space.h"

enum { CREAM_MAX_BOARD = 64, CREAM_MAX_SLICE = 64 };

typedef struct cream_board_entry {
  cream_path path;
  double score;                    /* top-1 accuracy on held-out images, 0..1 */
  double loss;                     /* cross-entropy on the same images; decides between equal scores */
  double flops, params;            /* FLOPs as the paper counts them */
  uint64_t step;                   /* when it entered */
  int slot;                        /* which of the K places in device memory holds its slice and output */
  uint32_t slice[CREAM_MAX_SLICE]; /* the held-out images x_k (indices into the held-out set) */
} cream_board_entry;

/* Entries from best to worst: higher score, then lower loss, then fewer FLOPs, then the earlier. */
typedef struct cream_board {
  int capacity, count;
  int first_slot; /* of `capacity` that are its own */
  cream_board_rule rule;
  double gap; /* CREAM_BOARD_GAP: score difference (0..1) by which a path with more FLOPs must be better */
  /* CREAM_BOARD_PARETO: [low, high] FLOPs in so many buckets of the same width; what lies outside belongs to
   * the first or the last. */
  int buckets;
  double low, high;
  cream_board_entry entries[CREAM_MAX_BOARD];
} cream_board;

/* Empty, with the gap rule. */
void cream_board_init(cream_board *, int capacity, double gap);

/* What would become of a candidate (path, score, loss, flops set):
 *   - the path is on the board: its entry takes the new score (merged), no second one is made;
 *   - the board is not full: it enters;
 *   - else it replaces the worst entry
 *       PAPER: if its score is higher and its FLOPs are not;
 *       GAP: then, or if its score is higher by more than the gap, whatever its FLOPs.
 * PARETO: the capacity is shared out among the buckets as evenly as it can be; a candidate competes with the
 * entries of its own bucket alone: it enters while they are fewer than the bucket's share, else it replaces
 * the worst of them if its score is higher. So every size of network keeps its best, and a small one never
 * drives a large one out.
 * Returns the index of the entry after sorting, or -1 where it stays out. *entered tells a new entry, whose
 * slot is then a free one or the replaced entry's; its slice is the caller's to fill. */
int cream_board_offer(cream_board *, const cream_board_entry *candidate, bool *entered);

/* Of the entries' FLOPs; zeros of an empty board. */
typedef struct cream_board_flops {
  double mean, min, max;
} cream_board_flops;
cream_board_flops cream_board_measure(const cream_board *);

/* Sorts again after scores changed. */
void cream_board_sort(cream_board *);

/* Index of the entry of a path, or -1. */
int cream_board_find(const cream_board *, const cream_path *);

/* Frequencies of choices over the entries, plus `smoothing` for each option: a prior for the sampler. */
void cream_board_prior(const cream_board *, const cream_skeleton *, double smoothing,
                       double (*prior)[CREAM_MAX_OPS]);
/* The same without the `smoothing`, added to what prior has. */
void cream_board_count(const cream_board *, double (*prior)[CREAM_MAX_OPS]);

#endif
