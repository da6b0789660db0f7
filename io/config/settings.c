#include "settings.h"

#include <string.h>

#include "core/search/board.h"
#include "core/search/rank.h"
#include "core/search/search.h"
#include "field.h"
#include "io/base/words.h"

typedef struct setting {
  cream_field field;
  const char *unit, *help;
  const char *values; /* in the reference, instead of a list of the words; NULL: the list */
  const char *(*summary)(unsigned value); /* of each word, for a terminal; NULL: none */
} setting;

/* ---- words: each list has every value of its enum, or it does not compile --------------------------------- */

#define TEACHERS(X)                                                                                          \
  X(CREAM_TEACHER_META, "meta")                                                                              \
  X(CREAM_TEACHER_TOP1, "top1")                                                                              \
  X(CREAM_TEACHER_RANDOM, "random") X(CREAM_TEACHER_LARGEST, "largest") X(CREAM_TEACHER_NONE, "none")
static CREAM_WORDS(teachers, CREAM_TEACHER_COUNT, TEACHERS);

#define STRATEGY_WORD(name, word) [CREAM_STRATEGY_##name] = #word,
static const char *const strategies[] = {CREAM_STRATEGIES(STRATEGY_WORD) NULL};
static const char *strategy_summary(unsigned strategy) {
  return cream_strategy_summary((cream_strategy)strategy);
}

#define SAMPLINGS(X) X(CREAM_SAMPLING_RANGE, "range") X(CREAM_SAMPLING_EVERYWHERE, "everywhere")
static CREAM_WORDS(samplings, CREAM_SAMPLING_COUNT, SAMPLINGS);

#define ORDERS(X) X(CREAM_ORDER_ACCURACY, "accuracy") X(CREAM_ORDER_LOSS, "loss")
static CREAM_WORDS(orders, CREAM_ORDER_COUNT, ORDERS);

#define BOARD_RULES(X) X(CREAM_BOARD_PAPER, "paper") X(CREAM_BOARD_GAP, "gap") X(CREAM_BOARD_PARETO, "pareto")
static CREAM_WORDS(board_rules, CREAM_BOARD_COUNT, BOARD_RULES);

#define META_INPUTS(X)                                                                                       \
  X(CREAM_META_SOFTMAX, "softmax") X(CREAM_META_LOGITS, "logits") X(CREAM_META_PAIR, "pair")
static CREAM_WORDS(meta_inputs, CREAM_META_COUNT, META_INPUTS);

#define PRIORS(X)                                                                                            \
  X(CREAM_PRIOR_UNIFORM, "uniform") X(CREAM_PRIOR_FIXED, "fixed") X(CREAM_PRIOR_BOARD, "board")
static CREAM_WORDS(priors, CREAM_PRIOR_COUNT, PRIORS);

#define SCHEDULES(X)                                                                                         \
  X(CREAM_SCHEDULE_LINEAR, "linear")                                                                         \
  X(CREAM_SCHEDULE_COSINE, "cosine") X(CREAM_SCHEDULE_STEP, "step") X(CREAM_SCHEDULE_CONSTANT, "constant")
static CREAM_WORDS(schedules, CREAM_SCHEDULE_COUNT, SCHEDULES);

#define INTERPOLATIONS(X)                                                                                    \
  X(CREAM_INTERPOLATION_BILINEAR, "bilinear")                                                                \
  X(CREAM_INTERPOLATION_BICUBIC, "bicubic") X(CREAM_INTERPOLATION_RANDOM, "random")
static CREAM_WORDS(interpolations, CREAM_INTERPOLATION_COUNT, INTERPOLATIONS);

#define ON_NANS(X) X(CREAM_ON_NAN_STOP, "stop") X(CREAM_ON_NAN_ROLLBACK, "rollback")
static CREAM_WORDS(on_nan_words, CREAM_ON_NAN_COUNT, ON_NANS);

#define EXCHANGES(X) X(CREAM_EXCHANGE_FLOAT, "float") X(CREAM_EXCHANGE_HALF, "half")
static CREAM_WORDS(exchanges, CREAM_EXCHANGE_COUNT, EXCHANGES);

#define FINAL_WEIGHTS(X)                                                                                     \
  X(CREAM_FINAL_BEST, "best")                                                                                \
  X(CREAM_FINAL_TRAINED, "trained") X(CREAM_FINAL_AVERAGED, "averaged")
static CREAM_WORDS(final_weights, CREAM_FINAL_COUNT, FINAL_WEIGHTS);

#define EXACT_WORD(name, word) [CREAM_EXACT_##name] = word,
static const char *const exacts[] = {CREAM_EXACTS(EXACT_WORD) NULL};

#define PRECISION_WORD(name, word) [CREAM_PRECISION_##name] = word,
static const char *const precisions[] = {CREAM_PRECISIONS(PRECISION_WORD) NULL};

#define OPTIM_WORD(name, word) [CREAM_OPTIM_##name] = word,
static const char *const optimisers[] = {CREAM_OPTIMS(OPTIM_WORD) NULL};

#define RECALIBRATIONS(X) X(CREAM_RECALIBRATION_RESET, "reset") X(CREAM_RECALIBRATION_INHERIT, "inherit")
static CREAM_WORDS(recalibrations, CREAM_RECALIBRATION_COUNT, RECALIBRATIONS);

#define SPREADS(X) X(CREAM_SPREAD_UNIFORM, "uniform") X(CREAM_SPREAD_FLOPS, "flops")
static CREAM_WORDS(spreads, CREAM_SPREAD_COUNT, SPREADS);

/* ---- the table ----------------------------------------------------------------------------------------- */

#define SETTING(name, member, low, high, choice, unit_, help_)                                               \
  {                                                                                                          \
    .field = {.key = name, CREAM_FIELD(cream_config, member), .min = low, .max = high, .words = choice},     \
    .unit = unit_, .help = help_                                                                             \
  }
#define NUMBER(member, low, high, unit, help) SETTING(#member, member, low, high, NULL, unit, help)
#define WORD(member, words, help)             SETTING(#member, member, 0, 0, words, "", help)
#define TEXT(member, help)                    SETTING(#member, member, 0, 0, NULL, "", help)

#define LEARNING_RATE(part)                                                                                  \
  NUMBER(part.lr.lr, 0, 100, "", "learning rate for a batch of 1,024; scales linearly with the batch"),      \
      WORD(part.lr.schedule, schedules, "decay of the learning rate"),                                       \
      NUMBER(part.lr.warmup_epochs, 0, 10000, "epochs", "length of the linear warm-up"),                     \
      NUMBER(part.lr.warmup_lr, 0, 100, "", "learning rate at the start of the warm-up, not scaled"),        \
      NUMBER(part.lr.decay_rate, 0, 1, "", "factor of the step schedule"),                                   \
      NUMBER(part.lr.decay_epochs, 0.001, 100000, "epochs",                                                  \
             "interval at which the step schedule applies its factor"),                                      \
      NUMBER(part.lr.min_lr, 0, 100, "", "learning rate at the end of linear and cosine schedules"),         \
      NUMBER(part.lr.cycle_epochs, 0, 100000, "epochs",                                                      \
             "restart linear and cosine schedules after this time; 0: never"),                               \
      NUMBER(part.lr.cycle_mul, 1, 100, "", "length of a cycle relative to the previous one"),               \
      NUMBER(part.lr.cycle_decay, 0, 1, "", "peak of a cycle relative to the previous one")

#define TRAINING(part, ...)                                                                                  \
  NUMBER(part.epochs, 1, 100000, "epochs", "length of the training"),                                        \
      NUMBER(part.batch, 1, 65536, "images", "images of a step"), __VA_ARGS__,                               \
      NUMBER(part.momentum, 0, 1, "", "momentum"),                                                           \
      NUMBER(part.weight_decay, 0, 1, "", "weight decay, except for biases and batch norm"),                 \
      NUMBER(part.smoothing, 0, 1, "", "label smoothing"),                                                   \
      NUMBER(part.clip, 0, 1e6, "", "largest norm of the gradient of all weights; 0: no clipping")

#define PARTS_HELP "batches of one step, its parts; their images count as one batch, and ranks share them out"

#define EXTERNAL(part)                                                                                       \
  TEXT(part.run, "trained network that teaches: the run folder of a retraining; empty: none"),               \
      TEXT(part.arch, "instead of the run folder: its architecture, as for arch"),                           \
      TEXT(part.weights, "instead of the run folder: its weights, a safetensors file"),                      \
      NUMBER(part.resolution, 0, 4096, "pixels", "side of its images, resampled; 0: its own"),               \
      NUMBER(part.weight, 0, 1, "", "share of the loss that its outputs have, against the labels"),          \
      NUMBER(part.temperature, 0.01, 1000, "", "temperature of both softmaxes")

/* The settings of one map are adjacent: printing opens and closes maps in this order. */
static const setting settings[] = {
    TEXT(data, "data set: digits, folder:PATH, list:FILE, ... (docs/data.md)"),
    TEXT(space, "search space: a built-in name or a YAML file"),
    TEXT(arch, "architecture: a built-in name, a JSON file, or a list of choices"),
    TEXT(weights, "safetensors file of the network to test, use or export, or to start a retraining from"),
    TEXT(inherit, "folder of the search whose supernet's weights a retraining starts from; empty: none"),
    TEXT(out, "run folder"),
    NUMBER(flops, 0, 1e9, "M FLOPs", "range of the network's FLOPs, counted as in the paper"),
    NUMBER(resolution, 0, 4096, "pixels", "side of the input; 0: from the architecture or the FLOPs range"),
    NUMBER(depth, 1, CREAM_MAX_LAYERS, "layers",
           "depth of every stage; empty: from the limits of FLOPs or latency"),
    NUMBER(
        heldout, 0, 0.9, "",
        "share of the training images held out: a search uses them for the board, the meta network and the "
        "selection, a retraining for its curve; 0: none"),
    WORD(recalibrate.mode, recalibrations,
         "batch-norm recalibration: means over the batches, or further updates of the running statistics"),
    NUMBER(recalibrate.batches, 0, 1e6, "batches",
           "training batches to recalibrate loaded weights with before a test; 0: none"),
    NUMBER(max_bad, 0, 1, "", "largest share of unreadable images; they are reported and skipped"),
    TEXT(seed, "seed of every random draw"),
    TEXT(device, "cpu, opencl, opencl:PLATFORM:DEVICE, opencl:local, a part of a device's name, or auto"),
    TEXT(opencl.parameters, "file of parameters for the device, written by cream bench --tune"),
    NUMBER(opencl.half, 0, 0, "", "store activations in half precision on an OpenCL device"),
    WORD(exact, exacts,
         "what leaves the bytes of a CPU's results unchanged: any processor and number of threads, or "
         "threads alone"),
    WORD(precision, precisions,
         "how the CPU stores activations and their gradients: bf16 takes half of the memory, "
         "and is faster with AVX512-BF16"),
    NUMBER(threads, 0, 1024, "",
           "threads; 0: all cores that the process may use, within its CPU quota and OMP_NUM_THREADS"),
    NUMBER(time_budget, 0, 1e6, "minutes",
           "training stops and saves its results after this time; 0: no limit"),
    TEXT(signals,
         "signals that end a run in order, besides INT and TERM: some of HUP,USR1,USR2,XCPU, or none"),
    WORD(on_nan, on_nan_words,
         "loss not finite or exploding: stop, or return to the last checkpoint and halve the learning rate"),
    NUMBER(checkpoint.every_steps, 0, 1e9, "steps", "interval between checkpoints; 0: only by time"),
    NUMBER(checkpoint.every_minutes, 0, 1e6, "minutes",
           "interval between checkpoints, half of it at the end of an epoch; 0: only by steps"),
    NUMBER(checkpoint.keep, 1, 1e6, "files", "number of latest checkpoints to keep, besides the best one"),
    WORD(cluster.exchange, exchanges,
         "how gradients travel between the ranks of a run: in single precision, or half as many bytes"),
    NUMBER(cluster.check_every, 0, 1e9, "steps",
           "interval between comparisons of the ranks' weights; 0: only at checkpoints"),
    NUMBER(cluster.timeout, 0, 1e6, "seconds",
           "seconds to wait for the other ranks before the run ends; 0: no limit"),
    NUMBER(augment.enabled, 0, 0, "",
           "augment training images at random; the digits have their own augmentation"),
    NUMBER(augment.scale_min, 0, 1, "", "random crop: smallest share of the area"),
    NUMBER(augment.scale_max, 0, 1, "", "random crop: largest share of the area"),
    NUMBER(augment.ratio_min, 0.01, 100, "", "random crop: smallest width / height"),
    NUMBER(augment.ratio_max, 0.01, 100, "", "random crop: largest width / height"),
    WORD(augment.interpolation, interpolations, "filter for resizing; random: either one, bicubic in tests"),
    NUMBER(augment.flip, 0, 1, "", "probability of a horizontal flip"),
    TEXT(augment.randaugment, "RandAugment: rand-mMAGNITUDE[-mstdDEVIATION][-inc1][-nOPERATIONS], or none"),
    NUMBER(augment.colour, 0, 10, "", "jitter of brightness, contrast, saturation, without RandAugment"),
    NUMBER(augment.erase, 0, 1, "", "probability of erasing a rectangle"),
    NUMBER(augment.erase_min, 0, 1, "", "random erasing: smallest share of the area"),
    NUMBER(augment.erase_max, 0, 1, "", "random erasing: largest share of the area"),
    NUMBER(augment.test_crop, 0.1, 1, "", "centre crop of tests, as a share of the resized side"),
    TRAINING(search, LEARNING_RATE(search)),
    {.field = {.key = "search.strategy", CREAM_FIELD(cream_config, search.strategy), .words = strategies},
     .unit = "",
     .help = "how paths are trained and candidates are found",
     .values = "a strategy of [strategies.md](strategies.md)",
     .summary = strategy_summary},
    NUMBER(search.accumulate, 1, 65536, "batches", PARTS_HELP),
    WORD(search.order, orders,
         "held-out result that boards, evolution and the final selection compare paths by; the other breaks "
         "ties"),
    WORD(search.sampling, samplings, "draw paths inside the range, or anywhere in the supernet"),
    TEXT(search.budgets, "one network is selected for each: M FLOPs (14,43,114) or milliseconds (6ms,12ms)"),
    NUMBER(search.budget_share, 0, 0.99, "", "smallest share of a budget that its network must use"),
    NUMBER(search.latency.max, 0, 1e6, "ms", "largest latency of a network by search.latency.table; 0: any"),
    TEXT(search.latency.table, "latency table of the space, written by cream latency build"),
    WORD(search.teacher, teachers,
         "path that teaches: the board path that the meta network chooses, the board's best or a random one, "
         "the largest of the supernet, or none"),
    NUMBER(search.start_epoch, -1, 100000, "epochs", "first epoch with a teacher; -1: a sixth of the epochs"),
    WORD(search.prior, priors,
         "probabilities of ops in drawn paths: uniform, search.fixed_prior, or their frequency on the board"),
    NUMBER(search.fixed_prior, 0, 1e6, "", "weight of each op, in the order of the space; empty: uniform"),
    WORD(search.board.rule, board_rules,
         "paths that enter a full board: better and no larger; or also better by the gap; or best of a "
         "bucket"),
    NUMBER(search.board.buckets, 1, CREAM_MAX_BOARD, "", "FLOPs buckets of a pareto board"),
    NUMBER(search.board.size, 1, CREAM_MAX_BOARD, "paths", "paths on the board (K)"),
    NUMBER(search.board.gap, 0, 100, "points", "accuracy by which a larger path must be better to enter"),
    NUMBER(search.board.images, 0, 1e7, "images", "held-out images for a score; 0: one batch"),
    NUMBER(search.board.every, 1, 1e6, "steps", "interval between updates of the board"),
    NUMBER(search.meta.every, 1, 1e6, "steps", "interval between updates of the meta network (tau)"),
    NUMBER(search.meta.slice, 1, CREAM_MAX_SLICE, "images", "held-out images of a board path (s)"),
    WORD(search.meta.input, meta_inputs,
         "difference of probabilities, difference of logits, or both probabilities concatenated"),
    NUMBER(search.meta.lr, 0, 100, "", "learning rate of the meta network"),
    NUMBER(search.meta.clip, 0, 1e6, "", "largest norm of the meta network's gradient; 0: no clipping"),
    NUMBER(search.evolution.population, 2, 4096, "paths", "size of a generation (spos, fair, sandwich)"),
    NUMBER(search.evolution.generations, 0, 4096, "", "number after the first one, which is drawn at random"),
    NUMBER(search.evolution.parents, 1, 4096, "paths", "best paths so far, from which children are made"),
    NUMBER(search.evolution.crossover, 0, 1, "", "share of the children with two parents"),
    NUMBER(search.evolution.mutation, 0, 1, "", "probability that a layer of a mutant is redrawn"),
    NUMBER(search.evolution.images, 0, 1e7, "images",
           "held-out images for an evaluation, drawn by seed; 0: all"),
    NUMBER(search.random.paths, 1, 1e6, "paths", "paths trained from scratch (random)"),
    NUMBER(search.sandwich.paths, 0, 64, "paths", "random paths in a batch (sandwich)"),
    NUMBER(search.snapshots, 0, 100000, "epochs",
           "copies of the supernet are stored after so many epochs each, for cream rank --snapshot; 0: none"),
    TEXT(search.oracle, "table.json of cream table build: the regret of the search's choice is printed"),
    TEXT(search.teacher_run, "folder of an ended search whose board and supernet teach in place of this "
                             "one's, {seed} standing for the "
                             "seed; empty: its own"),
    EXTERNAL(search.external),
    NUMBER(search.recalibrate, 0, 1e6, "batches",
           "batches to recompute batch-norm statistics with before the final selection"),
    TRAINING(retrain, LEARNING_RATE(retrain),
             SETTING("retrain.lr.backbone", retrain.lr_backbone, 0, 1000, NULL, "",
                     "factor of the learning rate of everything but the classifier")),
    TEXT(retrain.freeze,
         "what is not trained, from the input on: none, stem, blocks.S, blocks.S.B, head, or backbone"),
    NUMBER(retrain.accumulate, 1, 65536, "batches", PARTS_HELP),
    WORD(retrain.optim, optimisers, "optimiser"),
    NUMBER(retrain.nesterov, 0, 0, "", "Nesterov momentum (sgd)"),
    NUMBER(retrain.alpha, 0, 0.999999, "",
           "decay of the mean of squared gradients; 0: 0.9 for rmsprop-tf, 0.999 for adam and adamw"),
    NUMBER(retrain.eps, 0, 1, "",
           "epsilon in the denominator; 0: 0.001 for rmsprop-tf, 1e-8 for adam and adamw"),
    NUMBER(retrain.dropout, 0, 0.99, "", "dropout before the classifier"),
    NUMBER(retrain.drop_path, 0, 0.99, "",
           "stochastic depth: block l of n (from 0) is dropped with probability drop_path * l / n"),
    NUMBER(retrain.mixup, 0, 100, "", "mixup: images are mixed by Beta(mixup, mixup); 0: none"),
    NUMBER(retrain.ema, 0, 1, "", "decay of the exponential moving average of the weights; 0: none"),
    WORD(retrain.weights, final_weights,
         "weights that are written: the trained or the averaged ones, or the better of the two on the "
         "held-out images"),
    NUMBER(retrain.eval_every, 0, 100000, "epochs",
           "interval between evaluations on held-out images; 0: only at the end"),
    EXTERNAL(retrain.teacher),
    TEXT(retrain.teacher.cache,
         "file of its outputs, which a first retraining writes and others with the same images read; empty: "
         "none"),
    NUMBER(retrain.teacher.top, 1, 65536, "classes", "most probable classes of an image in the cache"),
    NUMBER(retrain.teacher.epochs, 0, 100000, "epochs",
           "epochs in the cache, whose images the later epochs train on again; 0: all"),
    NUMBER(rank.paths, 2, CREAM_RANK_MAX_PATHS, "paths", "paths in a ranking"),
    WORD(rank.spread, spreads, "how they are drawn: uniformly, or in turn from each part of the FLOPs range"),
    NUMBER(rank.buckets, 1, 1000, "parts", "number of parts of equal width of the FLOPs range"),
    NUMBER(rank.recalibrate, 0, 1e6, "batches",
           "batches to recompute a path's batch-norm statistics with in the supernet; 0: unchanged"),
    NUMBER(rank.epochs, 1, 100000, "epochs", "training of each path from scratch"),
    NUMBER(rank.batch, 0, 65536, "images", "images of a step of that training; 0: retrain.batch"),
    NUMBER(rank.resamples, 1, 1e6, "", "bootstrap resamples"),
    NUMBER(rank.jobs, 0, 1024, "processes", "paths trained in parallel; 0: one per thread"),
    TEXT(rank.table, "file of trained paths, shared between rankings; empty: a file in the run folder"),
    TEXT(rank.truth, "file of cream table build, whose paths are ranked; empty: paths are drawn and trained"),
    NUMBER(rank.repeats, 0, CREAM_RANK_MAX_PATHS, "paths", "paths of a table that are trained twice"),
    TEXT(rank.proxies, "zero-cost proxies that rankings are compared with: all, none" CREAM_PROXY_WORDS
                       ", or several with commas"),
    WORD(detect.head, cream_detect_words,
         "neck and heads of a detector (docs/detection.md); none: the run trains no detector"),
    NUMBER(detect.channels, 0, 1024, "", "channels of each level, a multiple of 8; 0: as usual for the head"),
    NUMBER(detect.levels, 0, 5, "", "levels, from stride 8 on; 0: 5"),
    NUMBER(detect.cells, 0, 8, "", "BiFPN cells (lite); 0: 3"),
    NUMBER(detect.convs, 0, 8, "", "convolutions of a head before its last one; 0: as usual for the head"),
    NUMBER(detect.anchor_scale, 0, 100, "",
           "side of a cell's smallest anchors, in strides of its level; 0: 4"),
    NUMBER(detect.score, 0, 1, "", "detections have a score above this"),
    NUMBER(detect.candidates, 1, 1e6, "", "best detections of a level before suppression"),
    NUMBER(detect.overlap, 0, 1, "", "largest IoU of a detection with a better one of the same class"),
    NUMBER(detect.detections, 1, 10000, "", "most detections of an image"),
    NUMBER(detect.augment.enabled, 0, 0, "", "change training images with boxes at random"),
    NUMBER(detect.augment.flip, 0, 1, "", "probability of a horizontal flip"),
    NUMBER(detect.augment.scale_min, 0.01, 10, "",
           "smallest longer side of an image, as a multiple of the input's"),
    NUMBER(detect.augment.scale_max, 0.01, 10, "", "largest one; above 1 a random part is cut out"),
    NUMBER(detect.augment.colour, 0, 10, "", "jitter of brightness, contrast and saturation"),
    NUMBER(detect.augment.least_side, 0, 4096, "pixels",
           "boxes of which less is left in width or height are dropped"),
    NUMBER(detect.augment.least_part, 0, 1, "",
           "boxes of which a smaller share is left after a cut are dropped"),
};

enum { N_SETTINGS = sizeof settings / sizeof settings[0] };

/* The setting with that key, or NULL. *group: whether the key is a prefix of other keys. */
static const cream_field *find(const char *key, bool *group) {
  size_t length = strlen(key);
  *group = false;
  for (int i = 0; i < N_SETTINGS; i++) {
    const cream_field *field = &settings[i].field;
    if (strcmp(field->key, key) == 0) return field;
    if (strncmp(field->key, key, length) == 0 && field->key[length] == '.') *group = true;
  }
  return NULL;
}

static cream_status fail_unknown(const cream_yaml_value *value, const char *name, cream_error *err) {
  cream_nearest nearest = cream_nearest_to(name);
  for (int i = 0; i < N_SETTINGS; i++) cream_nearest_offer(&nearest, settings[i].field.key);
  if (!nearest.best) return cream_yaml_fail(value, err, "no such setting");
  return cream_yaml_fail(value, err, "no such setting, did you mean `%s`?", nearest.best);
}

/* `within`: length of the document's prefix in front of the keys of settings. */
static cream_status read_map(cream_config *config, const cream_yaml_value *map, size_t within,
                             cream_error *err) {
  cream_status status = cream_yaml_expect(map, CREAM_YAML_MAP, err);
  for (int i = 0; !status && i < cream_yaml_count(map); i++) {
    const char *key;
    bool group;
    cream_yaml_value value = cream_yaml_pair(map, i, &key);
    if ((status = cream_yaml_check_key(map, i, err))) break;
    const char *name = value.key + within;
    const cream_field *field = find(name, &group);
    if (strchr(key, '.'))
      status = cream_yaml_fail(&value, err, "got a key with dots, expected nested maps");
    else if (field)
      status = cream_field_read(field, &value, config, err);
    else
      status = group ? read_map(config, &value, within, err) : fail_unknown(&value, name, err);
  }
  return status;
}

cream_status cream_settings_read(cream_config *config, const cream_yaml_value *map, cream_error *err) {
  cream_config changed = *config;
  cream_status status = read_map(&changed, map, map->key[0] ? strlen(map->key) + 1 : 0, err);
  if (!status) *config = changed;
  return status;
}

static cream_status read_document(cream_config *config, cream_yaml *yaml, cream_error *err) {
  cream_yaml_value root = cream_yaml_root(yaml);
  cream_status status = root.node ? cream_settings_read(config, &root, err) : CREAM_OK;
  cream_yaml_free(yaml);
  return status;
}

cream_status cream_settings_load(cream_config *config, const char *path, cream_error *err) {
  cream_yaml *yaml;
  cream_status status = cream_yaml_read(path, &yaml, err);
  return status ? status : read_document(config, yaml, err);
}

cream_status cream_settings_parse(cream_config *config, const char *name, const char *text, size_t size,
                                  cream_error *err) {
  cream_yaml *yaml;
  cream_status status = cream_yaml_parse(name, text, size, &yaml, err);
  return status ? status : read_document(config, yaml, err);
}

static bool is_list(const cream_field *field) {
  return field->type == CREAM_FIELD_INTS || field->type == CREAM_FIELD_DOUBLES;
}

/* Parses a single value as a document: a list, or quoted text. */
static cream_status parse_value(bool list, const char *value, cream_yaml **yaml, cream_error *err) {
  char *text = NULL;
  size_t size = 0;
  FILE *file = open_memstream(&text, &size);
  if (!file) return cream_fail_memory(err, strlen(value), "a setting");
  if (list)
    fprintf(file, value[0] == '[' ? "%s" : "[%s]", value);
  else
    cream_yaml_print_text(value, file);
  if (fclose(file) != 0) {
    free(text);
    return cream_fail_memory(err, strlen(value), "a setting");
  }
  cream_status status = cream_yaml_parse("", text, size, yaml, err);
  free(text);
  return status;
}

cream_status cream_settings_set(cream_config *config, const char *key, const char *value_text,
                                cream_error *err) {
  bool group;
  const cream_field *field = find(key, &group);
  cream_yaml *yaml;
  cream_status status = parse_value(field && is_list(field), value_text, &yaml, err);
  if (status) return status;
  cream_yaml_value value = cream_yaml_root(yaml);
  snprintf(value.key, sizeof value.key, "%s", key);
  status = field ? cream_field_read(field, &value, config, err) : fail_unknown(&value, value.key, err);
  cream_yaml_free(yaml);
  return status;
}

/* ---- printing ---------------------------------------------------------------------------------------- */

void cream_settings_print(const cream_config *config, FILE *file) {
  const char *previous = "";
  for (int i = 0; i < N_SETTINGS; i++) {
    const char *key = settings[i].field.key, *dot;
    int indent = 0;
    bool same = true; /* the maps so far are those of the previous setting */
    for (const char *part = key; (dot = strchr(part, '.')); part = dot + 1, indent += 2) {
      size_t length = (size_t)(dot + 1 - key);
      same = same && strncmp(previous, key, length) == 0;
      if (!same) fprintf(file, "%*s%.*s:\n", indent, "", (int)(dot - part), part);
    }
    const char *last = strrchr(key, '.');
    fprintf(file, "%*s%s: ", indent, "", last ? last + 1 : key);
    cream_field_print(&settings[i].field, config, file);
    fputc('\n', file);
    previous = key;
  }
}

char *cream_settings_text(const cream_config *config) {
  char *text = NULL;
  size_t size = 0;
  FILE *memory = open_memstream(&text, &size);
  if (!memory) return NULL;
  cream_settings_print(config, memory);
  if (fclose(memory) == 0) return text;
  free(text);
  return NULL;
}

const char *cream_settings_key(int i) {
  return i >= 0 && i < N_SETTINGS ? settings[i].field.key : NULL;
}

char *cream_settings_get(const cream_config *config, const char *key, char *text, size_t size) {
  bool group;
  const cream_field *field = find(key, &group);
  CREAM_ASSERT(field && size > 0);
  text[0] = '\0';
  if (field->type == CREAM_FIELD_TEXT) {
    snprintf(text, size, "%s", (const char *)config + field->offset);
    return text;
  }
  FILE *file = fmemopen(text, size, "w");
  if (!file) return text;
  cream_field_print(field, config, file);
  fclose(file);
  text[size - 1] = '\0';
  return text;
}

static bool is_excepted(const char *key, const char *const *except) {
  for (; *except; except++) {
    size_t length = strlen(*except);
    if ((*except)[length - 1] == '.' ? !strncmp(key, *except, length) : !strcmp(key, *except)) return true;
  }
  return false;
}

const char *cream_settings_differ(const cream_config *a, const cream_config *b, const char *const *except) {
  for (int i = 0; i < N_SETTINGS; i++) {
    const char *key = settings[i].field.key;
    char text[2][2048];
    if (is_excepted(key, except)) continue;
    if (strcmp(cream_settings_get(a, key, text[0], sizeof text[0]),
               cream_settings_get(b, key, text[1], sizeof text[1])))
      return key;
  }
  return NULL;
}

void cream_settings_describe(FILE *file) {
  cream_config defaults;
  cream_config_defaults(&defaults);
  fputs("| key | default | unit | values | meaning |\n| --- | --- | --- | --- | --- |\n", file);
  for (int i = 0; i < N_SETTINGS; i++) {
    char expected[240];
    const cream_field *field = &settings[i].field;
    fprintf(file, "| `%s` | `", field->key);
    cream_field_print(field, &defaults, file);
    cream_field_expected(field, expected, sizeof expected);
    fprintf(file, "` | %s | %s | %s |\n", settings[i].unit,
            settings[i].values ? settings[i].values : expected, settings[i].help);
  }
}

void cream_settings_help(FILE *file, const char *const *only) {
  cream_config defaults;
  cream_config_defaults(&defaults);
  for (int i = 0; i < N_SETTINGS; i++) {
    char value[64];
    const setting *s = &settings[i];
    if (!is_excepted(s->field.key, only)) continue;
    cream_settings_get(&defaults, s->field.key, value, sizeof value);
    fprintf(file, "  %-27s %-11s %s%s%s%s\n", s->field.key, value, s->help, s->unit[0] ? " (" : "", s->unit,
            s->unit[0] ? ")" : "");
    for (unsigned w = 0; s->summary && s->field.words[w]; w++)
      fprintf(file, "  %-27s %-11s %s\n", "", s->field.words[w], s->summary(w));
  }
}
