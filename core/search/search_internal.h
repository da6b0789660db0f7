/* What search.c (creation, state, the run), search_select.c (the final choice) and the strategies share. */
#ifndef CREAM_CORE_SEARCH_INTERNAL_H
#define CREAM_CORE_SEARCH_INTERNAL_H

#include "board_state.h"
#include "core/base/rng.h"
#include "core/train/schedule.h"
#include "core/train/train.h"
#include "match.h"
#include "meta.h"
#include "search.h"

/* What tells strategies apart; any function may be NULL. */
typedef struct cream_strategy_ops {
  /* Memory of its own, when everything else is made. */
  cream_status (*open)(cream_search *, cream_error *);
  void (*close)(cream_search *);
  /* One training step on the uploaded batch: forward to update, the numbers into the event (whose lr is that
   * of the schedule), the path into search->path. Never NULL. */
  cream_status (*step)(cream_search *, const cream_tensor *x, cream_event *, cream_error *);
  /* After the step was counted and told. */
  cream_status (*after)(cream_search *, const cream_tensor *x, cream_event *, cream_error *);
  cream_status (*epoch)(cream_search *, cream_error *); /* at its end */
  /* After the training: candidates onto the boards. */
  cream_status (*finish)(cream_search *, cream_error *);
  /* Whether only the first entry of a board has its weights, and then: puts them into the net. */
  void (*restore_best)(cream_search *, int target);
  void (*state)(cream_search *, cream_state *);
  cream_status (*restored)(cream_search *, cream_error *);
} cream_strategy_ops;

extern const cream_strategy_ops cream_strategy_cream, cream_strategy_spos, cream_strategy_random,
    cream_strategy_fair, cream_strategy_sandwich;

/* What one network is chosen by. */
typedef struct search_target {
  cream_limits limits;
  cream_board board;
  cream_range_sampler *sampler; /* inside the limits */
} search_target;

/* Several paths that train in one step: each weight gets the mean of the gradients of those that use it. */
typedef struct search_gather {
  cream_buf sum;   /* a gradient for every weight */
  cream_buf total; /* [4], of backend->loss */
  cream_buf norms;
  cream_slice *slices; /* that have one (w: in the weights, g: in `sum`), and how many paths use them */
  int *users;
  float *host_norms;
  int n, capacity, paths;
} search_gather;

struct cream_search {
  cream_config config;
  cream_skeleton skeleton;
  cream_costs costs;
  cream_latencies latencies;
  bool has_latencies;
  const cream_strategy_ops *ops;
  cream_source *train_source, *heldout;
  cream_backend *backend;
  cream_train train;
  int n_targets, n_budgets; /* n_budgets 0: one target without a name */
  search_target targets[CREAM_MAX_BUDGETS];
  cream_budget budgets[CREAM_MAX_BUDGETS];
  cream_range_sampler *anywhere; /* CREAM_SAMPLING_EVERYWHERE; else NULL */
  uint64_t step, steps, per_epoch;
  cream_board_image image; /* the boards as a state holds them */
  cream_path path;         /* of this step, */
  int target;              /* and whose turn it is */

  cream_buf statistics; /* search_keep_statistics */
  cream_buf soft;       /* a teacher's probabilities [batch, classes]: CREAM and SANDWICH */
  struct {
    cream_match match;
    cream_meta meta;
    cream_buf heldout_x, heldout_y; /* the meta network's held-out slice */
    cream_teaching teaching;        /* of this step */
    int start_epoch, board_epoch;
  } cream;
  uint64_t meta_updates;
  struct {
    cream_path *paths;
    cream_buf initial, weights, statistics; /* initial: weights, then statistics; the others: by target */
  } random;
  search_gather gather;   /* FAIR and SANDWICH */
  cream_path extremes[2]; /* SANDWICH: the largest and the smallest path */
};

/* The prior over choices that samplers draw by, from the settings and the boards as they are. */
cream_status search_set_prior(cream_search *, cream_error *);
/* Whose turn this step is, into search->target; the numbers that its paths are drawn by. */
cream_rng search_begin_draw(cream_search *);
/* The next path of this step, into search->path. */
void search_draw(cream_search *, cream_rng *);

/* Loss of logits, backward pass, clipping and update of search->path; the numbers into the event. */
cream_status search_learn(cream_search *, const cream_loss *, cream_buf logits, int n, cream_event *,
                          cream_error *);
cream_optim search_optim(const cream_search *, const cream_event *);

/* A board entry of a path with a score of this moment; slot and slice are not set. */
cream_board_entry search_entry(const cream_search *, const cream_path *, const cream_score *);
/* Emits that a path was scored. */
cream_status search_tell_score(cream_search *, const cream_board_entry *, cream_event *, cream_error *);
/* Emits that entry `at` of a target's board changed. */
cream_status search_tell_board(cream_search *, int target, int at, cream_event *, cream_error *);

/* search_select.c */

/* The running statistics as training left them, which every path is recalibrated from. */
void search_keep_statistics(cream_search *);
void search_restore_statistics(cream_search *);
/* Statistics and accuracy of a path with the present weights on `images`, from the statistics kept: what was
 * measured before makes no difference. The net is left with the path's statistics. */
cream_status search_measure(cream_search *, const cream_path *, cream_source *images, cream_score *,
                            cream_error *);
/* Recalibrates and evaluates the entries of a target's board that lie inside its limits (or the first alone,
 * of a strategy with restore_best) on the whole held-out set; the best is the answer. */
cream_status search_select(cream_search *, int target, cream_search_result *, cream_error *);

/* search_gather.c */

/* Room for `paths` paths at once. */
cream_status search_gather_init(cream_search *, int paths, cream_error *);
void search_gather_destroy(cream_search *);
void search_gather_begin(cream_search *);
/* Loss of logits and backward pass of the path of the last forward_train, added up. */
void search_gather_add(cream_search *, const cream_path *, const cream_loss *, cream_buf logits, int n);
/* Clipping and update; the means of the numbers into the event. */
cream_status search_gather_update(cream_search *, cream_event *, cream_error *);

/* search_evolve.c: the `finish` of strategies without a board. */
cream_status search_evolve(cream_search *, cream_error *);

#endif
