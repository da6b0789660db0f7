#include "core/search/search.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "tools/bench/search_times.h"
#include "tools/cli/board_print.h"
#include "tools/run/cluster.h"
#include "tools/run/device.h"
#include "tools/run/dry_run.h"
#include "tools/run/memory_check.h"
#include "tools/run/network.h"
#include "tools/run/oracle.h"
#include "tools/run/session.h"
#include "tools/run/supernet.h"
#include "tools/run/teacher.h"
#include "tools/run/teacher_board.h"

/* The parts of a search, in the order in which they are made. */
typedef struct search_run {
  run_data data;
  cream_skeleton skeleton;
  cream_latencies latencies;
  bool has_latencies;
  cream_backend *backend;
  cream_source *train, *heldout;
  const cream_search_inputs *inputs;
  teacher teacher;        /* outside of the supernet */
  teacher_board teachers; /* of another search */
  cream_search *search;
  session run;
  cream_listener listener; /* of the run */
  dry_clock clock;         /* of a dry run */
  dry_early early;
  int snapshots;      /* search.snapshots; 0 without a supernet */
  search_times times; /* with --times */
} search_run;

/* Saves the weights of the supernet and of the meta network, where there is one. name: of the file. */
static cream_status save_supernet(const search_run *s, const char *name, cream_error *err) {
  size_t inputs = cream_search_meta_inputs(s->search);
  float *theta = malloc((inputs + 1) * sizeof *theta);
  if (!theta) return cream_fail_memory(err, (inputs + 1) * sizeof *theta, "the meta network");
  cream_status status = inputs ? cream_search_meta(s->search, theta, err) : CREAM_OK;
  if (status == CREAM_OK) {
    const cream_st_tensor meta[] = {
        {"meta_layer.weight", CREAM_ST_F32, 2, {1, inputs}, theta},
        {"meta_layer.bias", CREAM_ST_F32, 1, {1}, theta + inputs},
    };
    char path[CREAM_MAX_FILE_NAME];
    status = run_save_weights(cream_run_file(&s->run.folder, name, path), cream_search_net(s->search),
                              &s->data, NULL, meta, inputs ? 2 : 0, err);
  }
  free(theta);
  return status;
}

static const char *budget_of(const search_run *s, int target) {
  const cream_budget *budget = cream_search_budget(s->search, target);
  return budget ? budget->label : NULL;
}

/* Saves a board and its network; on an interruption, that of the best path of the board. */
static cream_status save_target(const search_run *s, int target, const cream_search_result *found,
                                cream_error *err) {
  const cream_board *board = cream_search_board(s->search, target);
  const char *budget = budget_of(s, target);
  cream_status status = cream_run_write_board(&s->run.folder, &s->skeleton, board, budget, err);
  if (status != CREAM_OK) return status;
  char name[64], file[CREAM_MAX_FILE_NAME];
  cream_run_budget_name(CREAM_RUN_ARCH, budget, name);
  cream_run_file(&s->run.folder, name, file);
  if (!found && board->count == 0) {
    unlink(file); /* a run that this one replaces may have left one */
    return CREAM_OK;
  }
  cream_skeleton network = cream_skeleton_fix(&s->skeleton, found ? &found->path : &board->entries[0].path);
  return cream_arch_save(file, &network, NULL, err);
}

/* Saves boards, networks and supernet, and the result where the search is finished (`found` is not NULL). */
static cream_status save(search_run *s, const run_options *options, const cream_search_result *found,
                         cream_error *err) {
  static cream_run_network networks[CREAM_MAX_BUDGETS];
  int n = cream_search_targets(s->search);
  cream_status status = CREAM_OK;
  for (int t = 0; t < n && status == CREAM_OK; t++) status = save_target(s, t, found ? &found[t] : NULL, err);
  if (status == CREAM_OK) status = save_supernet(s, CREAM_RUN_SUPERNET, err);
  if (status != CREAM_OK || !found) return status;
  for (int t = 0; t < n; t++)
    networks[t] = (cream_run_network){budget_of(s, t), cream_skeleton_fix(&s->skeleton, &found[t].path),
                                      found[t].score, found[t].ms};
  bool several = networks[0].budget != NULL;
  cream_run_result result = {.command = "search",
                             .net = several ? NULL : &networks[0].net,
                             .heldout = several ? NULL : &found->score,
                             .ms = found->ms,
                             .budgets = networks,
                             .n_budgets = several ? n : 0,
                             .strategy = cream_strategy_name(options->config.search.strategy),
                             .meta_updates = cream_search_meta_updates(s->search)};
  return session_result(&s->run, options, cream_search_net(s->search), &result, err);
}

static void report(const search_run *s, const cream_search_result *found) {
  const char *dir = s->run.folder.dir;
  const terminal screen = terminal_of(STDERR_FILENO);
  for (int t = 0; t < cream_search_targets(s->search); t++) {
    const char *budget = budget_of(s, t);
    if (budget) fprintf(stderr, "budget %s\n", budget);
    const board_view view = {cream_search_board(s->search, t), &s->skeleton, NULL, found[t].entry, 0};
    board_print(stderr, &view, &screen);
    if (budget) printf("budget      %s\n", budget);
    run_print_network(&s->skeleton, &found[t].path);
    if (found[t].ms > 0) printf("latency     %.3f ms by the table\n", found[t].ms);
    printf("held out    top-1 %.2f %%, top-5 %.2f %%, loss %.4f on %zu images\n", 100 * found[t].score.top1,
           100 * found[t].score.top5, found[t].score.loss, found[t].score.count);
    if (budget)
      printf("next        cream retrain --run %s --budget %s --out %s-%s\n", dir, budget, dir, budget);
    else
      printf("next        cream retrain --run %s --out %s-trained\n", dir, dir);
  }
}

/* A copy of the supernet after every search.snapshots epochs. */
static cream_status save_snapshot(const search_run *s, int epoch, cream_error *err) {
  char name[64];
  if (s->snapshots == 0 || epoch % s->snapshots != 0) return CREAM_OK;
  return save_supernet(s, supernet_snapshot(CREAM_RUN_SUPERNET, epoch, name), err);
}

/* A run that this one replaces may have left some. */
static void remove_snapshots(const search_run *s) {
  char pattern[CREAM_MAX_FILE_NAME];
  glob_t found;
  cream_run_file(&s->run.folder, "supernet-[0-9]*.safetensors", pattern);
  if (glob(pattern, 0, NULL, &found) == 0)
    for (size_t i = 0; i < found.gl_pathc; i++) unlink(found.gl_pathv[i]);
  globfree(&found);
}

/* The boards are written after each epoch. */
static cream_status on_event(void *self, const cream_event *event, cream_error *err) {
  const search_run *s = self;
  cream_status status = s->listener.on_event(s->listener.self, event, err);
  if (event->kind != CREAM_EVENT_EPOCH) return status;
  for (int t = 0; t < cream_search_targets(s->search) && status == CREAM_OK; t++)
    status = cream_run_write_board(&s->run.folder, &s->skeleton, cream_search_board(s->search, t),
                                   budget_of(s, t), err);
  return status == CREAM_OK ? save_snapshot(s, event->epoch, err) : status;
}

static void state(void *search, cream_state *out) {
  cream_search_state(search, out);
}
static cream_status restored(void *search, cream_error *err) {
  return cream_search_restored(search, err);
}

/* For memory_check.h. */
static cream_status make(void *self, int batch, cream_backend *backend, cream_source *train,
                         cream_source *heldout, size_t *bytes, cream_error *err) {
  const search_run *s = self;
  cream_search_inputs inputs = *s->inputs;
  cream_config config = *inputs.config;
  config.search.batch = batch;
  inputs.config = &config;
  inputs.train = train;
  inputs.heldout = heldout;
  cream_search *search;
  cream_status status = cream_search_create(backend, &inputs, &search, err);
  if (status != CREAM_OK) return status;
  cream_state kept;
  cream_search_state(search, &kept);
  *bytes += cream_state_bytes(&kept) + cream_search_messages(search);
  const teacher_use use = {.batch = batch};
  status = teacher_count(&s->teacher, backend, &use, err);
  cream_search_destroy(search);
  return status;
}

/* A search that is continued for more epochs has its teacher from the same epoch on. */
static void keep_start_epoch(cream_config *config) {
  cream_checkpoint_info info;
  bool found = false;
  if (cream_checkpoints_peek(config->out, &info, &found, NULL) == CREAM_OK && found &&
      config->search.epochs > info.config.search.epochs && config->search.start_epoch < 0)
    config->search.start_epoch = cream_search_start_epoch(&info.config.search);
}

/* The supernet and the latencies of its parts, from the files of rank 0. */
static cream_status read_space(search_run *s, const cream_config *config, cream_error *err) {
  cream_status status = CREAM_OK;
  if (cluster_leads()) {
    status = run_supernet(config, s->data.dataset->classes, &s->skeleton, err);
    if (status == CREAM_OK)
      status = run_latencies(config, &s->skeleton, &s->latencies, &s->has_latencies, err);
  }
  if (status == CREAM_OK) status = cluster_share(&s->skeleton, sizeof s->skeleton, err);
  if (status == CREAM_OK) status = cluster_share(&s->latencies, sizeof s->latencies, err);
  return status == CREAM_OK ? cluster_share(&s->has_latencies, sizeof s->has_latencies, err) : status;
}

static cream_status open_parts(search_run *s, const run_options *options, cream_error *err) {
  const cream_config *config = &options->config;
  cream_status status = options->dry_run ? CREAM_OK : session_check_out(config, err);
  if (status == CREAM_OK) status = run_data_open(config, &s->data, err);
  if (status == CREAM_OK) status = cluster_agree_on_data(config, s->data.dataset, err);
  if (status == CREAM_OK) status = read_space(s, config, err);
  if (status == CREAM_OK && cluster_leads()) status = oracle_check(config, &s->skeleton, err);
  if (status == CREAM_OK) status = run_backend(config, &s->backend, err);
  int batch = config->search.batch, side = s->skeleton.resolution;
  if (status == CREAM_OK)
    status =
        teacher_read(&s->teacher, "search.external", &config->search.external, config, &s->data, side, err);
  if (status == CREAM_OK) status = teacher_board_read(&s->teachers, config, &s->data, &s->skeleton, err);
  if (status == CREAM_OK) status = run_train_source(&s->data, config, batch, side, &s->train, err);
  if (status == CREAM_OK) status = run_heldout_source(&s->data, batch, side, &s->heldout, err);
  return status;
}

/* Gives the search its teachers from outside. */
static cream_status load_teachers(search_run *s, cream_error *err) {
  cream_status status = teacher_board_load(&s->teachers, cream_search_teacher_net(s->search), err);
  if (status == CREAM_OK) cream_search_teach(s->search, s->teacher.external);
  return status;
}

/* Starts the clock of a dry run. */
static cream_listener time_steps(search_run *s, const cream_config *config) {
  int board = config->search.board.every, meta = config->search.meta.every;
  return dry_clock_start(&s->clock, board > meta ? board : meta);
}

/* Trains for some steps until the clock is done. */
static cream_status measure(search_run *s, cream_error *err) {
  cream_search_result none[CREAM_MAX_BUDGETS];
  device_begin(s->backend, s->train);
  return dry_run_end(&s->clock, cream_search_run(s->search, none, err), err);
}

/* Of a search whose board opens later, measures the steps before, and makes the search again as one whose first step has board
 * and teacher. config: that of the search. */
static cream_status measure_early(search_run *s, cream_config *config, cream_error *err) {
  if (config->search.strategy != CREAM_STRATEGY_CREAM || config->search.start_epoch == 0) return CREAM_OK;
  if (cream_search_board_opens(s->search) > (uint64_t)config->search.board.every) {
    cream_status status = measure(s, err);
    if (!s->clock.done) return status;
    s->early = (dry_early){cream_search_board_opens(s->search) - (uint64_t)config->search.board.every,
                           dry_clock_step(&s->clock)};
    time_steps(s, config);
  }
  config->search.start_epoch = 0;
  cream_search_destroy(s->search);
  s->search = NULL;
  cream_status status = cream_search_create(s->backend, s->inputs, &s->search, err);
  return status == CREAM_OK ? load_teachers(s, err) : status;
}

/* Trains for some steps of each kind, and prints what the search would take. */
static cream_status try(search_run *s, cream_config *config, const memory_check *size, bool json,
                        cream_error *err) {
  cream_status status = measure_early(s, config, err);
  if (status == CREAM_OK) status = measure(s, err);
  if (!s->clock.done || !cluster_leads()) return status;
  const dry_run dry = {.command = "search",
                       .config = config,
                       .skeleton = &s->skeleton,
                       .latencies = s->has_latencies ? &s->latencies : NULL,
                       .memory = size,
                       .batch = config->search.batch,
                       .accumulate = config->search.accumulate,
                       .backend = s->backend,
                       .clock = s->clock,
                       .early = s->early};
  return dry_run_print(&dry, json, err);
}

/* The listener, and the settings of the search that are not those of the options. */
static void begin(search_run *s, const run_options *options, cream_config *config) {
  if (cream_strategy_has_supernet(config->search.strategy)) s->snapshots = config->search.snapshots;
  config->resolution = s->skeleton.resolution;
  memcpy(config->depth, s->skeleton.depth, sizeof config->depth);
  if (options->dry_run) {
    s->listener = time_steps(s, config);
    config->time_budget = 0;
  } else {
    s->listener = session_listener(&s->run);
    if (options->resume) keep_start_epoch(config);
  }
}

static cream_status create(search_run *s, const cream_search_inputs *inputs, memory_check *size,
                           const device_options *device, bool times, cream_error *err) {
  int fits;
  cream_status status = memory_check_or_fall_back(size, device, &s->backend, &fits, err);
  if (status == CREAM_OK && times && !device_is_cpu(s->backend))
    return cream_fail(err, CREAM_BAD_CONFIG,
                      "--times measures the CPU, but the device is %.80s; expected --device cpu",
                      s->backend->name);
  if (status == CREAM_OK && times) status = search_times_measure(&s->times, &s->backend, err);
  if (status == CREAM_OK) status = cream_search_create(s->backend, inputs, &s->search, err);
  if (status == CREAM_OK || !device_failed()) return status;
  cream_error reason = *err;
  status = device_fall_back(device, &s->backend, &reason, err);
  size->backend = s->backend;
  return status == CREAM_OK ? cream_search_create(s->backend, inputs, &s->search, err) : status;
}

static cream_status open_all(search_run *s, const run_options *options, cream_error *err) {
  const cream_config *config = &options->config;
  cream_status status = open_parts(s, options, err);
  if (status != CREAM_OK) return status;
  run_options resolved = *options;
  begin(s, options, &resolved.config);
  int *start = &resolved.config.search.start_epoch; /* rank 0 has the folder of the run */
  status = cluster_share(start, sizeof *start, err);
  if (status != CREAM_OK) return status;
  cream_search_inputs inputs = {.config = &resolved.config,
                                .skeleton = &s->skeleton,
                                .range = run_range(config),
                                .latencies = s->has_latencies ? &s->latencies : NULL,
                                .max_ms = config->search.latency.max,
                                .train = s->train,
                                .heldout = s->heldout,
                                .cluster = cluster_ranks(),
                                .teachers = s->teachers.paths,
                                .n_teachers = s->teachers.n,
                                .teachers_hash = s->teachers.hash,
                                .listener = {on_event, s, s->listener.stop},
                                .checkpointer = checkpoint_hooks(&s->run.checkpoints)};
  if (options->times)
    inputs.listener = search_times_listener(&s->times, &inputs.listener, s->train, s->heldout);
  if (options->dry_run) {
    inputs.listener = s->listener;
    inputs.checkpointer = (cream_checkpointer){0};
  }
  int batch = config->search.batch;
  memory_check size = {"search.batch", batch, s->train, s->heldout, s->backend, s->data.workers, s, make};
  const device_options device = device_options_of(config);
  s->inputs = &inputs;
  status = create(s, &inputs, &size, &device, options->times, err);
  if (status == CREAM_OK) status = cluster_agree_on_device(s->backend, err);
  const teacher_use use = {.batch = batch};
  if (status == CREAM_OK) status = teacher_open(&s->teacher, s->backend, &use, err);
  if (status == CREAM_OK) status = load_teachers(s, err);
  if (status != CREAM_OK) return status;
  if (options->dry_run) return try(s, &resolved.config, &size, options->json, err);
  const checkpoint_target target = {"search", s->search, state, restored};
  const int images = batch * config->search.accumulate;
  status = session_open(&s->run, &resolved, &s->data, &s->skeleton, images, &target, err);
  if (status == CREAM_OK && !options->resume && cluster_leads()) remove_snapshots(s);
  return status == CREAM_OK ? checkpoint_share(&target, s->run.folder.resumed, err) : status;
}

/* Runs the search, and saves what it found; on an interruption too. */
static cream_status run_and_save(search_run *s, const run_options *options, cream_error *err) {
  cream_search_result found[CREAM_MAX_BUDGETS];
  device_begin(s->backend, s->train);
  search_times_end(&s->times, SEARCH_START);
  cream_status status = cream_search_run(s->search, found, err);
  search_times_end(&s->times, SEARCH_SELECTION);
  bool done = status == CREAM_OK;
  progress_end(&s->run.progress);
  if (!cluster_leads()) return status;
  if (done || status == CREAM_INTERRUPTED) {
    cream_error save_error;
    cream_status saved = save(s, options, done ? found : NULL, &save_error);
    if (saved != CREAM_OK) {
      *err = save_error;
      status = saved;
    }
  }
  device_report(s->backend, s->run.steps, stderr);
  if (status != CREAM_OK) return status;
  if (!options->json) report(s, found);
  status = oracle_ask(&options->config, &s->skeleton, s->has_latencies ? &s->latencies : NULL, s->search,
                      found, &s->run.folder, !options->json, err);
  if (status != CREAM_OK) return status;
  const cream_score *best = &found->score;
  for (int t = 1; t < cream_search_targets(s->search); t++)
    if (found[t].score.top1 > best->top1) best = &found[t].score;
  run_hint_at_chance("search", best, s->skeleton.classes);
  search_times_end(&s->times, SEARCH_RESULTS);
  if (options->times) search_times_print(&s->times, (double)s->run.steps * s->run.images, stderr);
  return CREAM_OK;
}

/* What an interrupted search leaves. */
static void describe_left(const search_run *s, char *text, size_t size) {
  int found = 0, n = s->search ? cream_search_targets(s->search) : 0;
  for (int t = 0; t < n; t++) found += cream_search_board(s->search, t)->count > 0;
  unsigned long long opens = s->search ? (unsigned long long)cream_search_board_opens(s->search) : 0;
  if (n > 0 && found == n)
    snprintf(text, size, "%s the best of the board so far",
             n > 1 ? "the arch files hold" : "arch.json holds");
  else if (found)
    snprintf(text, size, "only %d of %d boards have a network so far", found, n);
  else
    snprintf(text, size, "there is no network yet, because the board stays empty until step %llu", opens);
}

static cream_status run(const void *values, cream_error *err) {
  static search_run s;
  static run_options agreed;
  const run_options *options = &agreed;
  char left[160];
  agreed = *(const run_options *)values;
  memset(&s, 0, sizeof s);
  search_times_start(&s.times);
  cream_status status = cluster_agree(&agreed, err);
  if (status == CREAM_OK) status = open_all(&s, options, err);
  if (status == CREAM_OK && !options->dry_run) status = run_and_save(&s, options, err);
  describe_left(&s, left, sizeof left);
  cream_run_result unfinished = {.command = "search",
                                 .strategy = cream_strategy_name(options->config.search.strategy)};
  if (s.search) unfinished.meta_updates = cream_search_meta_updates(s.search);
  status = session_end(&s.run, options, &unfinished, left, status, err);
  cluster_end_failed(status, err);
  cream_search_destroy(s.search);
  teacher_close(&s.teacher);
  cream_source_destroy(s.heldout);
  cream_source_destroy(s.train);
  if (s.backend) s.backend->destroy(s.backend);
  run_data_close(&s.data);
  return status;
}

/* ---- the command -------------------------------------------------------------------------------------- */

static const cli_option options[] = {
    RUN_CONFIG,
    RUN_SET,
    RUN_DATA,
    RUN_SPACE,
    RUN_FLOPS,
    RUN_SETTING(NETWORK, "budgets", "search.budgets", "LIST",
                "a network for each, in M FLOPs (14,43,114,287) or milliseconds (6ms,12ms)"),
    RUN_SETTING(NETWORK, "latency", "search.latency.max", "MS",
                "milliseconds that a network may take, by --latency-table; 0: any"),
    RUN_LATENCY_TABLE,
    RUN_EPOCHS("search"),
    RUN_BATCH("search"),
    RUN_SEED,
    RUN_THREADS,
    RUN_DEVICE,
    RUN_OUT,
    RUN_DRY_RUN,
    RUN_TIMES,
    RUN_TIME_BUDGET,
    RUN_ON_NAN,
    RUN_JSON,
    RUN_FORCE,
    RUN_RESUME,
};

static const char *const settings[] = {
    RUN_COMMON_SETTINGS, "space",       "flops",   "resolution", "depth",
    "recalibrate.",      "time_budget", "signals", "on_nan",     "checkpoint.",
    "search.",           "cluster.",    NULL};

COMMAND(
    search, "train a supernet and choose a network in it", CLI_OPTIONS(options),
    CLI_VALUES(run_options, line), .defaults = run_options_defaults, .check = run_options_check, .run = run,
    .failed = run_options_restart, .settings = settings, .processes = CLI_RANKS,
    .text =
        "The network, the board and the weights of the supernet are written to the --out folder. SIGINT and\n"
        "SIGTERM end the search after the current step: everything is written, arch.json holds the best "
        "path\n"
        "of the board, and the exit code is 130. --resume continues it with the same result as without the\n"
        "interruption.\n");
