/* All settings of a run, as plain values. io/config/settings.c gives their names in YAML, --set and
 * --help.
 */
#ifndef CREAM_CORE_CONFIG_H
#define CREAM_CORE_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "bounds.h"
#include "box_augment.h"
#include "detectors.h"
#include "exact.h"
#include "optimiser.h"
#include "precision.h"
#include "status.h"
#include "strategies.h"

typedef enum cream_teacher {
  CREAM_TEACHER_META,
  CREAM_TEACHER_TOP1,
  CREAM_TEACHER_RANDOM,
  CREAM_TEACHER_LARGEST, /* the path with the most FLOPs inside the limits, for all paths */
  CREAM_TEACHER_NONE,
  CREAM_TEACHER_COUNT
} cream_teacher;
/* How a supernet is trained and a network is chosen from it; see docs/strategies.md. */
#define CREAM_STRATEGY_CONSTANT(name, word) CREAM_STRATEGY_##name,
typedef enum cream_strategy { CREAM_STRATEGIES(CREAM_STRATEGY_CONSTANT) CREAM_STRATEGY_COUNT } cream_strategy;
#undef CREAM_STRATEGY_CONSTANT
/* What the meta network gets of the outputs of a path and a teacher on the teacher's slice. */
typedef enum cream_meta_input {
  CREAM_META_SOFTMAX, /* the difference of the probabilities, as in the paper */
  CREAM_META_LOGITS,  /* the difference of the logits */
  CREAM_META_PAIR,    /* both probabilities, one after the other */
  CREAM_META_COUNT
} cream_meta_input;
typedef enum cream_board_rule {
  CREAM_BOARD_PAPER,
  CREAM_BOARD_GAP,
  CREAM_BOARD_PARETO,
  CREAM_BOARD_COUNT
} cream_board_rule;
/* What paths of a search are compared by, on held-out images. */
typedef enum cream_order { CREAM_ORDER_ACCURACY, CREAM_ORDER_LOSS, CREAM_ORDER_COUNT } cream_order;
typedef enum cream_sampling {
  CREAM_SAMPLING_RANGE,
  CREAM_SAMPLING_EVERYWHERE,
  CREAM_SAMPLING_COUNT
} cream_sampling;
typedef enum cream_prior {
  CREAM_PRIOR_UNIFORM,
  CREAM_PRIOR_FIXED,
  CREAM_PRIOR_BOARD,
  CREAM_PRIOR_COUNT
} cream_prior;
typedef enum cream_schedule {
  CREAM_SCHEDULE_LINEAR,
  CREAM_SCHEDULE_COSINE,
  CREAM_SCHEDULE_STEP,
  CREAM_SCHEDULE_CONSTANT,
  CREAM_SCHEDULE_COUNT
} cream_schedule;

/* The weights that a retraining ends with, where there are averaged ones: the better on the held-out images, or always
 * the same. */
typedef enum cream_final_weights {
  CREAM_FINAL_BEST,
  CREAM_FINAL_TRAINED,
  CREAM_FINAL_AVERAGED,
  CREAM_FINAL_COUNT
} cream_final_weights;

/* How gradients travel between processes that train one network together (core/cluster/cluster.h). */
typedef enum cream_exchange {
  CREAM_EXCHANGE_FLOAT,
  CREAM_EXCHANGE_HALF,
  CREAM_EXCHANGE_COUNT
} cream_exchange;

typedef enum cream_on_nan { CREAM_ON_NAN_STOP, CREAM_ON_NAN_ROLLBACK, CREAM_ON_NAN_COUNT } cream_on_nan;

/* Learning rate: `lr` is for a batch of 1,024 and scales linearly with the batch. */
typedef struct cream_lr {
  double lr;
  cream_schedule schedule;
  double warmup_epochs, warmup_lr; /* from warmup_lr (not scaled), linear */
  double decay_rate, decay_epochs; /* STEP: lr *= rate every `epochs` */
  double min_lr;                   /* LINEAR and COSINE end here */
  /* LINEAR and COSINE restart after cycle_epochs (0: never), each cycle cycle_mul times as long as the one
   * before and its peak cycle_decay times as high. */
  double cycle_epochs, cycle_mul, cycle_decay;
} cream_lr;

/* A trained network that teaches another one (core/train/external.h). */
typedef struct cream_external_config {
  char run[1024], arch[1024],
      weights[1024]; /* a run folder, or architecture and weights; all "": no teacher */
  int resolution;    /* of its images; 0: its own */
  double weight, temperature;
  char cache[1024]; /* file of its outputs, for retrainings; "": none */
  int top;          /* most probable classes of an image in the cache */
  int epochs;       /* of different images, after which they come again; 0: all are different */
} cream_external_config;

/* Epochs of different images in a training of `epochs` epochs. */
static inline uint64_t cream_external_epochs(const cream_external_config *config, int epochs) {
  return (uint64_t)(config->epochs && config->epochs < epochs ? config->epochs : epochs);
}

static inline bool cream_external_given(const cream_external_config *config) {
  return config->run[0] || config->arch[0] || config->weights[0];
}

/* Training of the supernet (docs/method.md, section 2). */
typedef struct cream_search_config {
  cream_strategy strategy;
  int epochs, batch;
  int accumulate; /* batches of one step, its parts (core/cluster/parts.h) */
  cream_lr lr;
  double momentum, weight_decay, smoothing, clip;
  cream_order order; /* on boards, in evolution, in the final selection */
  cream_sampling sampling;
  char
      budgets[256]; /* "14,43,114" M FLOPs, "12ms"; empty: one network inside `flops` (core/space/budget.h) */
  double budget_share; /* least share of a budget that its network uses */
  struct {
    double max;       /* milliseconds that a network may take; 0: any */
    char table[1024]; /* file of measured latencies; empty: none */
  } latency;
  cream_teacher teacher;
  int start_epoch; /* first epoch with distillation; -1: a sixth of the epochs, as 20 of 120 */
  cream_prior prior;
  double fixed_prior[CREAM_MAX_OPS]; /* weights by op of the space, for CREAM_PRIOR_FIXED; all 0: 1 each */
  struct {
    cream_board_rule rule;
    int buckets; /* of FLOPs, for CREAM_BOARD_PARETO */
    int size;    /* K */
    double gap;  /* accuracy points (0..100) by which a larger path must be better */
    int images;  /* held-out images of a score; 0: one batch */
    int every;   /* steps between updates with the path just trained */
  } board;
  struct {
    int every; /* tau: steps between updates of the meta network */
    int slice; /* s: images of a slice */
    cream_meta_input input;
    double lr, clip;
  } meta;
  struct {
    int population, generations, parents;
    double crossover; /* share of the children that have two parents */
    double mutation;  /* probability that a layer's choice is drawn again */
    int images;       /* held-out images of an evaluation, drawn by seed; 0: all */
  } evolution;        /* SPOS, FAIR, SANDWICH */
  struct {
    int paths; /* trained from scratch, one after the other */
  } random;
  struct {
    int paths; /* drawn for every batch, beside the largest and the smallest */
  } sandwich;
  int recalibrate;        /* batches that recompute batch-norm statistics before the final selection */
  int snapshots;          /* epochs between copies of the supernet that are stored; 0: none */
  char oracle[1024];      /* file of a table of trained paths that shows the regret of the choice; "": none */
  char teacher_run[1024]; /* folder of the search whose board and supernet teach; "": this one's own */
  cream_external_config external;
} cream_search_config;

/* The first epoch with a teacher of a search with these settings. */
static inline int cream_search_start_epoch(const cream_search_config *config) {
  return config->start_epoch >= 0 ? config->start_epoch : config->epochs / 6;
}

/* What batch-norm recalibration starts from. */
typedef enum cream_recalibration {
  CREAM_RECALIBRATION_RESET,   /* no statistics: they become the means over the batches */
  CREAM_RECALIBRATION_INHERIT, /* the running statistics, which are updated as in training */
  CREAM_RECALIBRATION_COUNT
} cream_recalibration;

typedef enum cream_spread { CREAM_SPREAD_UNIFORM, CREAM_SPREAD_FLOPS, CREAM_SPREAD_COUNT } cream_spread;

/* How well a supernet orders its paths (core/search/rank.h). */
typedef struct cream_rank_config {
  int paths;
  cream_spread spread;
  int buckets;       /* CREAM_SPREAD_FLOPS: parts of the FLOPs range that paths are drawn from in turn */
  int recalibrate;   /* batches that recompute a path's batch-norm statistics in the supernet */
  int epochs, batch; /* of each path's training from scratch; batch 0: that of retrain */
  int resamples;     /* of the bootstrap */
  int jobs;          /* parallel processes; 0: one for each thread */
  char table[1024];  /* file of trained paths, which several rankings may share; "": in the run folder */
  char truth[1024];  /* file of a table (io/run/truth.h) whose paths are ranked; "": none, paths are drawn */
  int repeats;       /* paths of a table that are trained a second time, with another seed */
  char proxies[128]; /* zero-cost proxies that the order is compared with (core/proxy/proxy.h) */
} cream_rank_config;

/* Training of one network (docs/method.md, section 3). */
typedef struct cream_retrain_config {
  int epochs, batch;
  int accumulate; /* batches of one update, its parts; it covers batch * accumulate images */
  cream_optim_kind optim;
  cream_lr lr;
  double momentum, weight_decay, smoothing, clip;
  double lr_backbone; /* factor of the learning rate of everything but the classifier */
  char freeze[64];    /* what is not trained, from the input on (core/train/freeze.h) */
  bool nesterov;      /* SGD */
  double alpha, eps;  /* decay of the mean square; eps in the root; 0: the optimiser's defaults */
  double dropout;
  double drop_path; /* stochastic depth: block l of n (from 0) is dropped at the rate drop_path * l/n */
  double mixup;     /* images are mixed by lambda ~ Beta(mixup, mixup); 0: none */
  double ema;       /* decay of the averaged weights; 0: none */
  cream_final_weights weights;
  int eval_every; /* epochs between evaluations on held-out images; 0: at the end only */
  cream_external_config teacher;
} cream_retrain_config;

/* A detector (docs/detection.md). Numbers of neck and heads: 0: those that are usual for its kind. */
typedef struct cream_detect_config {
  cream_detect_kind head; /* CREAM_DETECT_NONE: the run is none of a detector */
  int channels, levels, cells, convs;
  double anchor_scale;
  double score;   /* a detection's is more than this */
  int candidates; /* of a level */
  double overlap; /* with a better detection of the same class, at most: IoU */
  int detections; /* of an image */
  cream_box_augment augment;
} cream_detect_config;

typedef enum cream_interpolation {
  CREAM_INTERPOLATION_BILINEAR,
  CREAM_INTERPOLATION_BICUBIC,
  CREAM_INTERPOLATION_RANDOM, /* either in training, bicubic in tests */
  CREAM_INTERPOLATION_COUNT
} cream_interpolation;

/* How images are transformed for a batch (io/image/transform.h). Of these, a data set with its own
 * augmentation uses only `enabled`. */
typedef struct cream_augment_config {
  bool enabled;                /* false: training images are transformed as in a test */
  double scale_min, scale_max; /* of the random crop: share of the image's area */
  double ratio_min, ratio_max; /* of the random crop: width / height */
  cream_interpolation interpolation;
  double flip;                 /* probability */
  char randaugment[64];        /* "rand-m9-mstd0.5", "none" */
  double colour;               /* strength of the colour jitter, used without RandAugment */
  double erase;                /* probability */
  double erase_min, erase_max; /* share of the area */
  double test_crop;            /* share of the resized side that a test crops */
} cream_augment_config;

typedef struct cream_config {
  char data[1024]; /* "digits", ... */
  char space[1024];
  char arch[1024];
  char weights[1024];
  char inherit[1024];          /* folder of the search whose supernet has the initial weights; "": none */
  char out[1024];              /* run folder */
  cream_range flops;           /* in M, as in the setting */
  int resolution;              /* 0: from the range */
  int depth[CREAM_MAX_STAGES]; /* all 0: from the range */
  double heldout; /* share of the training images held out: for a search's scores, a retraining's curve */
  cream_augment_config augment;
  struct {
    cream_recalibration mode;
    int batches; /* for a test, after loading weights; 0: none. Board entries use search.recalibrate */
  } recalibrate;
  double max_bad; /* largest share of images that may be skipped because they cannot be read */
  uint64_t seed;
  char device[128]; /* "cpu", "opencl", ...: tools/run/device.h */
  struct {
    char parameters[1024]; /* file of CLBlast's parameters; "": its own */
    bool half;             /* store activations in half precision */
  } opencl;
  cream_exact exact;         /* which bytes are the same on what: on the CPU */
  cream_precision precision; /* of activations that the CPU stores */
  int threads;               /* 0: all */
  double time_budget;        /* minutes; 0: none */
  char signals[64];          /* "HUP,USR1,...": those that end a run in order, besides INT and TERM */
  cream_on_nan on_nan;       /* when the loss explodes: stop, or roll back and lower the rate */
  struct {
    int every_steps;      /* steps between checkpoints; 0: only by time */
    double every_minutes; /* minutes between them; 0: only by steps */
    int keep;             /* number of latest checkpoints to keep, besides the best */
  } checkpoint;
  struct {
    cream_exchange exchange;
    int check_every; /* steps between comparisons of the ranks' weights; 0: only at checkpoints */
    int timeout;     /* seconds to wait for the other ranks; 0: no limit */
  } cluster;         /* processes that train one network together */
  cream_search_config search;
  cream_retrain_config retrain;
  cream_rank_config rank;
  cream_detect_config detect;
} cream_config;

/* The paper's settings. */
void cream_config_defaults(cream_config *);

#endif
