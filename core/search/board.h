/* The prioritized path board B (docs/method.md, section 2, step 6): the best paths so far, which teach the others. */
#ifndef CREAM_CORE_BOARD_H
#define CREAM_CORE_BOARD_H

#include "core/base/config.h"
#include "core/space/space.h"

enum { CREAM_MAX_BOARD = 64, CREAM_MAX_SLICE = 64 };

typedef struct cream_board_entry {
  cream_path path;
  double score;                    /* top-1 accuracy on held-out images, 0..1 */
  double loss;                     /* cross-entropy on the same images; orders equal scores */
  double flops, params;            /* FLOPs as the paper counts them */
  uint64_t step;                   /* of its entry */
  int slot;                        /* place of its slice and output in device memory */
  uint32_t slice[CREAM_MAX_SLICE]; /* the held-out images x_k (indices into the held-out set) */
} cream_board_entry;

/* Entries from best to worst: by `order` (cream_score_order), then the earlier step. */
typedef struct cream_board {
  int capacity, count;
  int first_slot; /* the board's slots are first_slot .. first_slot + capacity - 1 */
  cream_order order;
  cream_board_rule rule;
  double gap; /* CREAM_BOARD_GAP: score difference (0..1) by which a path with more FLOPs must be better */
  /* CREAM_BOARD_PARETO: [low, high] FLOPs are cut into `buckets` of equal width; paths outside belong to the first or the
   * last. */
  int buckets;
  double low, high;
  cream_board_entry entries[CREAM_MAX_BOARD];
} cream_board;

/* Empty, with the gap rule, ordered by accuracy. */
void cream_board_init(cream_board *, int capacity, double gap);

/* Offers a candidate (path, score, loss, flops are set) to the board:
 *   - if the path is on the board, its entry takes the new score and loss;
 *   - if the board is not full, the candidate enters;
 *   - otherwise it replaces the worst entry
 *       PAPER: if it is better and its FLOPs are not higher;
 *       GAP: if it is better, and its FLOPs are not higher or its score is higher by more than the gap.
 * PARETO divides the capacity as evenly as possible among the buckets. A candidate competes only with the entries of its
 * own bucket: it enters while they are fewer than the bucket's share, then replaces the worst of them if it is better.
 * Small networks therefore never replace large ones. Better: a higher score, or ordered by loss a lower loss.
 * Returns the index of the path's entry after sorting, or -1 if the candidate did not enter. *entered: whether the entry
 * is new; its slot is then a free one or that of the replaced entry, and the caller fills its slice. */
int cream_board_offer(cream_board *, const cream_board_entry *candidate, bool *entered);

/* Mean, least and most FLOPs of the entries; zeros for an empty board. */
typedef struct cream_board_flops {
  double mean, min, max;
} cream_board_flops;
cream_board_flops cream_board_measure(const cream_board *);

/* Sorts the entries after their scores changed. */
void cream_board_sort(cream_board *);

/* Index of the entry of a path, or -1. */
int cream_board_find(const cream_board *, const cream_path *);

/* A prior for the sampler: prior[l][i] = `smoothing` + the number of entries whose layer l has choice i. */
void cream_board_prior(const cream_board *, const cream_skeleton *, double smoothing,
                       double (*prior)[CREAM_MAX_OPS]);
/* prior[l][i] += the number of entries whose layer l has choice i. */
void cream_board_count(const cream_board *, double (*prior)[CREAM_MAX_OPS]);

#endif
