/* Follows a study while its runs grow: the arms, how far their runs are, and a curve of each measure by arm. Everything is
 * read from the run folders ARM-SEED and ARM-SEED...-trained in the study's folder; nothing is changed. */
#ifndef CREAM_IO_STUDY_FOLLOW_H
#define CREAM_IO_STUDY_FOLLOW_H

#include "metrics_read.h"

enum { CREAM_FOLLOW_RUNS = 1024, CREAM_FOLLOW_ARMS = 64 };

/* What a run or an arm can be in: X(STATE, name). An arm is in the first one that any of its runs is in. */
#define CREAM_FOLLOW_STATE_LIST(X)                                                                           \
  X(RUNNING, "running")                                                                                      \
  X(FAILED, "failed")   /* according to study.json */                                                        \
  X(STOPPED, "stopped") /* it has begun, has no result, and no process uses its folder */                    \
  X(WAITING, "waiting") /* it has written nothing yet */                                                     \
  X(FINISHED, "finished")

typedef enum cream_follow_state {
#define CREAM_FOLLOW_STATE_ENUM(state, name) CREAM_FOLLOW_##state,
  CREAM_FOLLOW_STATE_LIST(CREAM_FOLLOW_STATE_ENUM)
#undef CREAM_FOLLOW_STATE_ENUM
      CREAM_FOLLOW_STATES
} cream_follow_state;

const char *cream_follow_state_name(cream_follow_state); /* "running", ... */

/* Curves by arm: X(CURVE, whether it is of trainings from scratch, member of cream_metrics). */
#define CREAM_FOLLOW_CURVE_LIST(X)                                                                           \
  X(LOSS, false, loss)            /* by step */                                                              \
  X(ACCURACY, false, accuracy)    /* top-1 of batches in %, by step */                                       \
  X(BOARD, false, boards[0].best) /* best score on the board (of the first budget), top-1 in %, by step */   \
  X(HELDOUT, true, heldout)       /* top-1 on held-out images in %, by epoch */

typedef enum cream_follow_curve {
#define CREAM_FOLLOW_CURVE_ENUM(curve, of_retraining, source) CREAM_FOLLOW_##curve,
  CREAM_FOLLOW_CURVE_LIST(CREAM_FOLLOW_CURVE_ENUM)
#undef CREAM_FOLLOW_CURVE_ENUM
      CREAM_FOLLOW_CURVES
} cream_follow_curve;

typedef struct cream_followed_run {
  char name[256]; /* of its folder, inside that of the study */
  int arm;
  bool retraining;
  bool failed; /* according to study.json */
  cream_follow_state state;
  uint64_t step, steps;
  cream_curve curves[CREAM_FOLLOW_CURVES];
  cream_metrics *metrics; /* while it grows; NULL otherwise */
  int64_t size;           /* bytes of the metrics that the curves are from; -1: none were read */
} cream_followed_run;

/* A curve of an arm is the mean over its finished runs; without one, it is that of the run that is farthest. */
typedef struct cream_followed_arm {
  char name[256];
  cream_follow_state state;
  int runs, finished; /* searches and trainings from scratch that exist */
  double share;       /* of all steps of its runs, from 0 to 1 */
  cream_curve curves[CREAM_FOLLOW_CURVES];
} cream_followed_arm;

typedef struct cream_follow {
  const char *dir;
  bool running, complete; /* cream compare is at work; it has written its results */
  int n_arms, n_runs;
  cream_followed_arm *arms; /* [n_arms] */
  cream_followed_run *runs; /* [n_runs] */
} cream_follow;

/* Whether `dir` is the folder of a study: it has study.json, or folders ARM-SEED of runs and is no run itself. */
bool cream_is_study(const char *dir);
/* dir: has to stay valid. */
void cream_follow_init(cream_follow *, const char *dir);
/* Reads what is new. Runs and arms beyond the limits above are left out. CREAM_FAILED: the folder cannot be read. */
cream_status cream_follow_read(cream_follow *, cream_error *);
void cream_follow_free(cream_follow *);

#endif
