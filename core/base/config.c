#include "config.h"

#include <string.h>

static const cream_search_config search_defaults = {
    .epochs = 120,
    .batch = 128,
    .accumulate = 1,
    .lr = {.lr = 0.5,
           .schedule = CREAM_SCHEDULE_LINEAR,
           .decay_rate = 0.973,
           .decay_epochs = 2.4,
           .cycle_mul = 1,
           .cycle_decay = 1},
    .momentum = 0.9,
    .weight_decay = 1e-4,
    .smoothing = 0.1,
    .budget_share = 0.8,
    .teacher = CREAM_TEACHER_META,
    .start_epoch = -1,
    .prior = CREAM_PRIOR_UNIFORM,
    .board = {.rule = CREAM_BOARD_GAP, .buckets = 5, .size = 10, .gap = 5, .every = 1},
    .meta = {.every = 200, .slice = 4, .lr = 1e-4, .clip = 1},
    .evolution = {.population = 50, .generations = 20, .parents = 10, .crossover = 0.5, .mutation = 0.1},
    .random = {.paths = 10},
    .sandwich = {.paths = 2},
    .recalibrate = 20,
    .external = {.weight = 0.5, .temperature = 2},
};

static const cream_retrain_config retrain_defaults = {
    .epochs = 500,
    .batch = 128,
    .accumulate = 1,
    .lr_backbone = 1,
    .freeze = "none",
    .optim = CREAM_OPTIM_RMSPROP_TF,
    .lr =
        {
            .lr = 0.064,
            .schedule = CREAM_SCHEDULE_STEP,
            .warmup_epochs = 3,
            .warmup_lr = 1e-6,
            .decay_rate = 0.973,
            .decay_epochs = 2.4,
            .cycle_mul = 1,
            .cycle_decay = 1,
        },
    .momentum = 0.9,
    .weight_decay = 1e-5,
    .smoothing = 0.1,
    .nesterov = true,
    .dropout = 0.2,
    .ema = 0.9999,
    .eval_every = 1,
    .teacher = {.weight = 0.5, .temperature = 2, .top = 5},
};

static const cream_rank_config rank_defaults = {.paths = 30,
                                                .spread = CREAM_SPREAD_FLOPS,
                                                .buckets = 5,
                                                .recalibrate = 20,
                                                .epochs = 30,
                                                .resamples = 2000,
                                                .repeats = 10,
                                                .proxies = "all"};

static const cream_augment_config augment_defaults = {
    .enabled = true,
    .scale_min = 0.08,
    .scale_max = 1,
    .ratio_min = 3.0 / 4,
    .ratio_max = 4.0 / 3,
    .interpolation = CREAM_INTERPOLATION_RANDOM,
    .flip = 0.5,
    .randaugment = "rand-m9-mstd0.5",
    .colour = 0.4,
    .erase = 0.2,
    .erase_min = 0.02,
    .erase_max = 1.0 / 3,
    .test_crop = 0.875,
};

void cream_config_defaults(cream_config *config) {
  memset(config, 0, sizeof *config);
  strcpy(config->data, "digits");
  strcpy(config->space, "micro");
  strcpy(config->device, "cpu");
  config->heldout = 0.1;
  config->augment = augment_defaults;
  config->max_bad = 0.01;
  strcpy(config->signals, "HUP,USR1,USR2,XCPU");
  config->checkpoint.every_minutes = 5;
  config->checkpoint.keep = 3;
  config->cluster.check_every = 100;
  config->cluster.timeout = 600;
  config->search = search_defaults;
  config->retrain = retrain_defaults;
  config->rank = rank_defaults;
  config->detect = (cream_detect_config){.score = 0.05,
                                         .candidates = 1000,
                                         .overlap = 0.5,
                                         .detections = 100,
                                         .augment = cream_box_augment_defaults()};
}
