/* cream extract: a path of a search's supernet as a network of its own. */
#include "extract.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "io/run/origin.h"
#include "io/run/run.h"
#include "io/run/run_list.h"
#include "io/weights/weights.h"
#include "io/weights/weights_info.h"
#include "tools/cli/signals.h"
#include "tools/run/class_match.h"
#include "tools/run/device.h"
#include "tools/run/files.h"
#include "tools/run/network.h"
#include "tools/run/session.h"
#include "tools/run/supernet.h"

typedef struct extract_options {
  run_options run;
  const char *path, *flops;
} extract_options;

/* A path with its network, which holds its weights and recalibrated statistics. */
typedef struct extracted {
  cream_path path;
  cream_skeleton fixed;
  cream_cost cost;
  cream_score score;
  cream_net *net;
} extracted;

/* The parts of an extraction, in the order in which they are made. */
typedef struct extract_run {
  cream_config config; /* of the search, with the settings of the extraction */
  char supernet[CREAM_MAX_FILE_NAME];
  run_data data;
  cream_skeleton skeleton;
  cream_latencies latencies;
  cream_limits limits; /* of --flops */
  cream_backend *backend;
  cream_source *train, *heldout;
  cream_run folder;
  bool open;
  cream_path paths[EXTRACT_MOST_PATHS]; /* to choose from; none: evolution */
  int n;
  extracted best;
} extract_run;

/* ---- opening ----------------------------------------------------------------------------------------- */

/* The folder of the search would lose its own files. */
static cream_status check_out(const run_options *options, cream_error *err) {
  const char *folder = options->config.out;
  char out[PATH_MAX], in[PATH_MAX];
  cream_status status = session_check_out(&options->config, err);
  if (status != CREAM_OK || !realpath(folder, out)) return status;
  if (realpath(options->run, in) && strcmp(out, in) == 0)
    return cream_fail(err, CREAM_BAD_CONFIG, "--out %s is the folder of the search; choose another one",
                      folder);
  if (cream_is_run(folder) && !options->force)
    return cream_fail(err, CREAM_BAD_CONFIG,
                      "--out %s already has a network or a run; choose another folder, or give --force",
                      folder);
  return CREAM_OK;
}

static cream_status check_options(const extract_options *options, cream_error *err) {
  const run_options *run = &options->run;
  if (!*run->run)
    return cream_fail(err, CREAM_BAD_CONFIG, "no search: expected --run DIR, the folder of a search");
  if (options->path && options->flops)
    return cream_fail(err, CREAM_BAD_CONFIG,
                      "--path and --flops both choose the network; expected one of them");
  return check_out(run, err);
}

/* The supernet, with the classes of its weights, which the data must have too. */
static cream_status open_supernet(extract_run *r, const run_options *options, cream_error *err) {
  cream_config *config = &r->config;
  cream_st_file *file;
  cream_status status = supernet_find(options->run, config, r->supernet, err);
  if (status == CREAM_OK) status = cream_st_open(r->supernet, &file, err);
  if (status != CREAM_OK) return status;
  int classes = cream_weights_classes(file);
  cream_st_close(file);
  if (status == CREAM_OK) status = run_data_open(config, &r->data, err);
  if (status == CREAM_OK && classes && classes != r->data.dataset->classes)
    status = cream_fail(err, CREAM_BAD_CONFIG,
                        "the supernet of %s has %d classes, but the data (%s) has %d; expected data with the "
                        "classes of the search",
                        options->run, classes, r->data.dataset->name, r->data.dataset->classes);
  if (status != CREAM_OK) return status;
  int *row_of;
  status = class_match_train(r->supernet, &r->data, &row_of, err);
  if (status == CREAM_OK && row_of)
    status = cream_fail(
        err, CREAM_BAD_CONFIG,
        "the classes of the data (%s) have other names or another order than those of the supernet "
        "of %s; expected data with the classes of the search",
        r->data.dataset->name, options->run);
  free(row_of);
  if (status != CREAM_OK) return status;
  return supernet_skeleton(options->run, config, r->data.dataset->classes, &r->skeleton, err);
}

/* The limit of --flops, and that of the search in milliseconds. */
static cream_status open_limits(extract_run *r, const char *flops, cream_error *err) {
  bool known = false;
  cream_status status = extract_read_limit(flops, &r->limits.flops, err);
  if (status == CREAM_OK) status = run_latencies(&r->config, &r->skeleton, &r->latencies, &known, err);
  if (status != CREAM_OK) return status;
  if (known) r->limits.latencies = &r->latencies;
  if (known) r->limits.ms.max = r->config.search.latency.max;
  cream_costs costs;
  cream_range_sampler *sampler = NULL;
  cream_costs_init(&costs, &r->skeleton, r->skeleton.resolution);
  status = cream_range_sampler_create(&costs, &r->limits, &sampler, err); /* fails where there is no path */
  cream_range_sampler_destroy(sampler);
  return status;
}

/* The only path to choose from. */
static cream_status open_path(extract_run *r, const extract_options *options, cream_error *err) {
  cream_arch arch;
  r->n = 1;
  if (options->path) return extract_read_path(options->path, &r->skeleton, &r->paths[0], err);
  const cream_config *config = &options->run.config;
  cream_status status = run_arch(config, &arch, err);
  return status == CREAM_OK ? supernet_path(&r->skeleton, config->arch, &arch.net, &r->paths[0], err)
                            : status;
}

static extract_choice choice_of(const extract_run *r, const run_options *options) {
  return (extract_choice){.folder = options->run,
                          .config = &r->config,
                          .supernet = r->supernet,
                          .skeleton = &r->skeleton,
                          .limits = &r->limits,
                          .backend = r->backend,
                          .train = r->train,
                          .heldout = r->heldout};
}

static cream_status open_all(extract_run *r, const extract_options *options, cream_error *err) {
  const run_options *run = &options->run;
  cream_config *config = &r->config;
  *config = run->config;
  if (!config->resolution) config->resolution = run->run_resolution;
  cream_status status = check_options(options, err);
  if (status == CREAM_OK) status = open_supernet(r, run, err);
  if (status == CREAM_OK && options->flops) status = open_limits(r, options->flops, err);
  if (status == CREAM_OK && !options->flops) status = open_path(r, options, err);
  if (status == CREAM_OK) status = run_backend(config, &r->backend, err);
  int batch = config->search.batch, side = r->skeleton.resolution;
  if (status == CREAM_OK) status = run_train_source(&r->data, config, batch, side, &r->train, err);
  if (status == CREAM_OK) status = run_heldout_source(&r->data, batch, side, &r->heldout, err);
  const extract_choice choice = choice_of(r, run);
  if (status == CREAM_OK && options->flops) status = extract_list_board(&choice, r->paths, &r->n, err);
  if (status == CREAM_OK) status = cream_run_open(&r->folder, config->out, run->force, err);
  r->open = status == CREAM_OK;
  return status;
}

/* ---- the network ------------------------------------------------------------------------------------- */

static cream_status make(const extract_run *r, extracted *e, cream_error *err) {
  const cream_config *config = &r->config;
  const cream_net_options options = {.batch = config->search.batch};
  cream_path only = cream_skeleton_first_path(&e->fixed);
  cream_status status = cream_net_create(r->backend, &e->fixed, &options, &e->net, err);
  if (status == CREAM_OK)
    status = cream_weights_load_path(r->supernet, &r->skeleton, &e->path, r->backend, e->net, NULL, err);
  if (status == CREAM_OK)
    status = supernet_recalibrate(config, e->net, r->train, (uint64_t)config->search.epochs, err);
  if (status == CREAM_OK)
    status = cream_evaluate(e->net, &only, r->heldout, CREAM_BN_RUNNING, &e->score, err);
  return status;
}

/* Measures a path as the final selection of a search does, and keeps the better one. */
static cream_status try_path(extract_run *r, const cream_path *path, cream_error *err) {
  extracted e = {.path = *path, .fixed = cream_skeleton_fix(&r->skeleton, path)};
  if (*signals_catch()) return cream_fail(err, CREAM_INTERRUPTED, "interrupted; no network was written");
  e.cost = cream_arch_cost(&e.fixed);
  cream_status status = make(r, &e, err);
  bool better =
      status == CREAM_OK &&
      (!r->best.net || cream_score_order(r->config.search.order, &e.score, cream_cost_flops(&e.cost),
                                         &r->best.score, cream_cost_flops(&r->best.cost)) < 0);
  cream_net_destroy(better ? r->best.net : e.net);
  if (better) r->best = e;
  return status;
}

static cream_status choose(extract_run *r, const extract_options *options, cream_error *err) {
  cream_status status = CREAM_OK;
  device_print(r->backend);
  if (options->flops && r->n) {
    fprintf(stderr, "extract: %d path%s of the board inside the limit\n", r->n, r->n == 1 ? "" : "s");
  } else if (options->flops) {
    const extract_choice choice = choice_of(r, &options->run);
    fprintf(stderr,
            "extract: no path of the board is inside the limit; %d generations of %d paths are evolved\n",
            r->config.search.evolution.generations + 1, r->config.search.evolution.population);
    status = extract_evolve(&choice, &r->paths[r->n++], err);
  }
  for (int i = 0; i < r->n && status == CREAM_OK; i++) status = try_path(r, &r->paths[i], err);
  return status;
}

/* ---- the folder -------------------------------------------------------------------------------------- */

/* The files of a retraining, so that the other commands take the folder. The result is written last. */
static cream_status write_files(const extract_run *r, const run_options *options, cream_error *err) {
  cream_config config = r->config;
  const cream_dataset *dataset = r->data.dataset;
  char file[CREAM_MAX_FILE_NAME];
  run_absolute_paths(&config);
  for (int i = 0; i < CREAM_LOGS; i++) /* those of a run that --force replaces */
    unlink(cream_run_file(&r->folder, cream_run_log_names[i], file));
  config.arch[0] = config.weights[0] = config.inherit[0] = '\0';
  cream_status status = cream_run_write_config(&r->folder, &config, err);
  if (status == CREAM_OK)
    status = cream_run_write_split(&r->folder, config.data, config.seed, dataset->count[CREAM_PART_TRAIN],
                                   r->data.heldout, r->data.n_heldout, err);
  const cream_origin origin = {"extract",      options->line.words, options->line.n_words,
                               config.threads, config.data,         dataset};
  if (status == CREAM_OK) status = cream_origin_write(&r->folder, &origin, false, err);
  if (status == CREAM_OK)
    status = cream_arch_save(cream_run_file(&r->folder, CREAM_RUN_ARCH, file), &r->best.fixed, NULL, err);
  if (status == CREAM_OK)
    status = run_save_weights(cream_run_file(&r->folder, CREAM_RUN_WEIGHTS, file), r->best.net, &r->data,
                              NULL, NULL, 0, err);
  return status;
}

static cream_status write_result(const extract_run *r, const run_options *options, cream_error *err) {
  char search[PATH_MAX], file[CREAM_MAX_FILE_NAME];
  const cream_run_result result = {.command = "extract",
                                   .state = "finished",
                                   .strategy = cream_strategy_name(r->config.search.strategy),
                                   .supernet = supernet_folder(options->run, search),
                                   .data = r->config.data,
                                   .seed = &r->config.seed,
                                   .net = &r->best.fixed,
                                   .heldout = &r->best.score,
                                   .memory = cream_net_memory(r->best.net)};
  cream_status status = cream_run_write_result(&r->folder, &result, err);
  if (status != CREAM_OK || !options->json) return status;
  return files_print(cream_run_file(&r->folder, CREAM_RUN_RESULT, file), err);
}

static void report(const extract_run *r) {
  const cream_score *score = &r->best.score;
  run_print_network(&r->skeleton, &r->best.path);
  printf("held out    top-1 %.2f %%, top-5 %.2f %%, loss %.4f on %zu images\n", 100 * score->top1,
         100 * score->top5, score->loss, score->count);
  printf("next        cream test --run %s\n", r->folder.dir);
}

static cream_status run(const void *values, cream_error *err) {
  const extract_options *options = values;
  static extract_run r;
  memset(&r, 0, sizeof r);
  signals_catch();
  cream_status status = open_all(&r, options, err);
  if (status == CREAM_OK) status = choose(&r, options, err);
  if (status == CREAM_OK) status = write_files(&r, &options->run, err);
  if (status == CREAM_OK) status = write_result(&r, &options->run, err);
  if (status == CREAM_OK && !options->run.json) report(&r);
  cream_error late;
  if (r.open && cream_run_close(&r.folder, &late) != CREAM_OK && status == CREAM_OK) {
    *err = late;
    status = late.status;
  }
  cream_net_destroy(r.best.net);
  cream_source_destroy(r.heldout);
  cream_source_destroy(r.train);
  if (r.backend) r.backend->destroy(r.backend);
  run_data_close(&r.data);
  return status;
}

/* ---- the command ------------------------------------------------------------------------------------- */

static const cli_option options[] = {
    RUN_FOLDER_UNTRAINED,
    RUN_BUDGET,
    CLI_VALUE(extract_options, path, NETWORK, "path", "CHOICES",
              "a choice for each layer, in order: \"k3e4 k5e6-k3e4\", [[k3e4],[k5e6,k3e4]], or by number "
              "[[0],[3,0]]"),
    CLI_VALUE(extract_options, flops, NETWORK, "flops", "[MIN:]MAX",
              "the best path inside this limit, in M FLOPs"),
    RUN_DATA,
    RUN_CONFIG,
    RUN_SET,
    RUN_BATCH("search"),
    RUN_THREADS,
    RUN_DEVICE,
    RUN_OUT,
    RUN_FORCE,
    RUN_JSON,
};

static const char *const settings[] = {RUN_COMMON_SETTINGS, "space",   "resolution", "depth", "arch",
                                       "recalibrate.",      "search.", NULL};

COMMAND(
    extract, "write a path of a search's supernet as a network", CLI_OPTIONS(options),
    CLI_VALUES(extract_options, run.line), .defaults = run_options_defaults, .check = run_options_check,
    .run = run, .settings = settings,
    .text =
        "Writes the network that the search found, that of --path, or the best one inside --flops, with the\n"
        "weights that it has in the supernet and batch-norm statistics recalibrated over search.recalibrate\n"
        "training batches, and prints its accuracy on the held-out images. The folder can be given to cream\n"
        "test, predict, export and retrain as --run. --flops takes the best path of the board inside the "
        "limit;\n"
        "where there is none, paths are evolved (search.evolution) and evaluated on the held-out images.\n");
