/* Shared by search.c (creation, state, the run), search_select.c (the final choice), the strategies, and the libraries
 * that strategies use (search_gather.c, search_evolve.c). */
#ifndef CREAM_CORE_SEARCH_INTERNAL_H
#define CREAM_CORE_SEARCH_INTERNAL_H

#include "board_state.h"
#include "core/base/rng.h"
#include "core/train/schedule.h"
#include "core/train/train.h"
#include "search.h"
#include "strategy.h"

/* What one network is chosen by. */
typedef struct search_target {
  cream_limits limits;
  cream_board board;
  cream_range_sampler *sampler; /* inside the limits */
} search_target;

struct cream_search {
  cream_config config;
  cream_skeleton skeleton;
  cream_costs costs;
  cream_latencies latencies;
  bool has_latencies;
  const search_strategy *strategy;
  void *strategy_state; /* strategy->state_size bytes; owned */
  cream_source *train_source, *heldout;
  cream_backend *backend;
  cream_train train;
  int n_targets, n_budgets; /* n_budgets 0: one target without a name */
  search_target targets[CREAM_MAX_BUDGETS];
  cream_budget budgets[CREAM_MAX_BUDGETS];
  cream_range_sampler *anywhere; /* CREAM_SAMPLING_EVERYWHERE; else NULL */
  uint64_t step, steps, per_epoch;
  uint64_t meta_updates;              /* of strategy->meta; a part of the state of every strategy */
  cream_board_image image;            /* the boards as a state holds them */
  cream_path path;                    /* of the present step */
  cream_tensor x;                     /* images of its present part */
  int target;                         /* whose board and limits the present step uses */
  cream_buf statistics;               /* search_save_statistics */
  cream_external *teacher;            /* outside of the supernet; NULL: none */
  uint64_t taught_by;                 /* its fingerprint, in the state */
  cream_path others[CREAM_MAX_BOARD]; /* paths of another search's board, which teach; n_others 0: none */
  int n_others;
  cream_net *others_net;             /* their supernet; NULL: none */
  uint64_t others_hash, restored_by; /* cream_search_inputs.teachers_hash; as the state has it */
  uint64_t numbers;                  /* that the ranks have taken in all rounds (cream_cluster.take) */
};

/* Sets the samplers' prior over choices, from the settings and the present boards. */
cream_status search_set_prior(cream_search *, cream_error *);
/* Draws the target of this step into search->target. Returns the numbers to draw the step's paths with. */
cream_rng search_begin_draw(cream_search *);
/* Draws the next path of this step into search->path. */
void search_draw(cream_search *, cream_rng *);
/* search_strategy.batch_paths of a strategy that trains one path on every batch: 1. */
int search_one_path(const cream_search_config *, const cream_skeleton *);

/* Parts of a step that this rank runs, and whether there are several in all. */
static inline int search_own_parts(const cream_search *search) {
  return search->train.parts.own;
}
static inline bool search_has_parts(const cream_search *search) {
  return search->train.parts.count > 1;
}
/* Reads own part `part` (from 0) of the step, shows it to the external teacher and uploads it: images to search->x, labels
 * to search->train.labels. */
cream_status search_begin_part(cream_search *, int part, const cream_event *, cream_error *);
/* Logits of search->path on search->x, in training mode. */
cream_buf search_forward(cream_search *);
/* Loss of logits [n, classes] and backward pass of search->path, the only path of a part. */
void search_learn(cream_search *, const cream_loss *, cream_buf logits);
/* A whole step that trains search->path by its labels alone. */
cream_status search_train_path(cream_search *, cream_event *, cream_error *);
/* After all parts: clipping and update of search->path. Sets loss, hard, soft and accuracy of the event. */
cream_status search_update(cream_search *, cream_event *, cream_error *);
/* The optimiser at the event's learning rate. */
cream_optim search_optim(const cream_search *, const cream_event *);
/* Cross-entropy with the labels of the batch, smoothed by search.smoothing. */
cream_loss search_label_loss(const cream_search *);

/* A board entry of a path with its score at the present step; slot and slice are not set. */
cream_board_entry search_entry(const cream_search *, const cream_path *, const cream_score *);
/* Emits CREAM_EVENT_SCORE: a path was scored. */
cream_status search_emit_score(cream_search *, const cream_board_entry *, cream_event *, cream_error *);
/* Emits CREAM_EVENT_BOARD: entry `at` of a target's board changed. */
cream_status search_emit_board(cream_search *, int target, int at, cream_event *, cream_error *);

/* search_select.c */

/* Saves the net's running statistics, from which search_measure recalibrates every path. */
void search_save_statistics(cream_search *);
/* Copies the saved statistics back to the net. */
void search_restore_statistics(cream_search *);
/* Score of a path with the present weights on `images`, with batch-norm statistics recalibrated from the saved ones,
 * so that the order of measurements does not matter. The net is left with the path's statistics. cluster: its ranks share
 * the images out; NULL: this rank measures alone. */
cream_status search_measure(cream_search *, cream_cluster *, const cream_path *, cream_source *images,
                            cream_score *, cream_error *);

/* Measurements of several paths. A rank takes the next one when it is done with its last, so that a slow one does not hold
 * the others up. together: every rank takes every path, and its share of the images, so that the net is left as
 * search_measure leaves it. */
typedef struct search_round {
  const cream_path *paths;
  int n, done; /* paths; those before the present round */
  cream_source *images;
  const char *what; /* "the evolution"; for the message of an interruption */
  bool together;
  int count;           /* paths of the present round: one, or all of them where ranks share them out */
  cream_score *scores; /* [count], of paths done .. done + count - 1 */
} search_round;
/* Measures the next paths; false: there are none. `round`: zeroed but for paths, n, images, what and together;
 * search_round_end releases it. CREAM_INTERRUPTED: any rank was stopped. */
cream_status search_round_next(cream_search *, search_round *, bool *more, cream_error *);
void search_round_end(search_round *);

/* Recalibrates and evaluates the entries of a target's board inside its limits (of a strategy without a supernet, the
 * first entry alone) on the whole held-out set; the best is the result. */
cream_status search_select(cream_search *, int target, cream_search_result *, cream_error *);

/* search_gather.c: several paths that train in one step. Every weight gets the mean of the gradients of those paths
 * that use it. */
typedef struct search_gather {
  cream_buf sum;   /* gradients of one part, slice after slice */
  cream_buf total; /* [4], sums of backend->loss */
  cream_buf norms;
  cream_slice *slices; /* slices with a gradient: w in the weights, g in `sum`; [capacity], n of them */
  int *users;          /* paths that use each slice */
  int *first;          /* the first of them */
  float *host_norms;
  cream_path *drawn; /* the paths of the step, [paths] */
  int n, capacity, paths;
} search_gather;

/* Allocates room for `paths` paths a step. */
cream_status search_gather_init(search_gather *, const cream_search *, int paths, cream_error *);
/* Takes a zeroed one too. */
void search_gather_destroy(search_gather *, const cream_search *);
/* Starts a step that trains the paths in `drawn`, all of them on every part. */
void search_gather_begin(search_gather *, cream_search *);
/* Logits of path k (from 0, in this order) on search->x; sets search->path. */
cream_buf search_gather_forward(search_gather *, cream_search *, int k);
/* Loss of these logits and backward pass of path k; adds up gradients and loss. */
void search_gather_add(search_gather *, cream_search *, int k, const cream_loss *, cream_buf logits);
/* After the last path of a part. */
void search_gather_end_part(search_gather *, cream_search *);
/* Clips and updates; sets loss, hard, soft and accuracy of the event to the means over the paths. */
cream_status search_gather_update(search_gather *, cream_search *, cream_event *, cream_error *);

/* search_evolve.c */

/* search_strategy.finish of strategies that keep no board in training: evolves paths for every target; the best
 * become its board. */
cream_status search_evolve(cream_search *, cream_error *);

#endif
