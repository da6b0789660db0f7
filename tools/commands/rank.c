/* cream rank: does the supernet of a run order its paths as training from scratch does? */
#include "rank.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "core/search/search.h"
#include "io/base/file_hash.h"
#include "io/run/path_log.h"
#include "io/run/run.h"
#include "io/run/truth.h"
#include "rank_print.h"
#include "rank_score.h"
#include "tools/cli/progress.h"
#include "tools/cli/signals.h"
#include "tools/run/device.h"
#include "tools/run/files.h"
#include "tools/run/jobs.h"
#include "tools/run/network.h"
#include "tools/run/path_training.h"
#include "tools/run/run_options.h"
#include "tools/run/shard.h"
#include "tools/run/supernet.h"

/* The parts of a ranking, in the order in which they are made. */
typedef struct rank_run {
  cream_config config; /* that of a path's training; its threads are a job's */
  cream_config search; /* of the run, with the settings of the ranking */
  char supernet[CREAM_MAX_FILE_NAME];
  uint64_t supernet_hash;
  cream_run folder;
  bool locked;
  run_data data;
  cream_skeleton skeleton;
  cream_limits limits; /* of the run: its latencies lie here too */
  cream_latencies latencies;
  cream_path paths[CREAM_RANK_MAX_PATHS];
  int n;
  cream_path_log scored, trained;  /* without training; from scratch */
  bool proxies[CREAM_PROXY_COUNT]; /* wanted */
  const cream_ranked *truth; /* [n]: the paths' trained scores from a table; NULL: they are trained here */
  int todo[CREAM_RANK_MAX_PATHS], n_todo;
  int chunks; /* processes in which the supernet scores, each every chunks-th path */
  int done;   /* of this run, for the remaining time */
  double started;
  bool shared; /* with --shard */
  shard shards;
  int trained_before; /* paths, when this shard began */
  int snapshot;       /* epoch; 0: the supernet at the end */
  bool reported;
  double measured[BARS_RANK_COUNT]; /* where it is reported */
} rank_run;

/* ---- scores without training ------------------------------------------------------------------------- */

/* Every chunks-th path of the list. */
static cream_status score(void *self, int chunk, jobs_sender *sender, cream_error *err) {
  const rank_run *r = self;
  const volatile sig_atomic_t *stop = signals_catch();
  const rank_scored of = {&r->search, &r->config, &r->data, &r->skeleton, r->supernet, r->proxies};
  rank_scorer s;
  cream_status status = rank_scorer_open(&s, &of, err);
  if (status == CREAM_OK && chunk == 0 && (!r->shared || r->todo[0] == 0)) device_print(s.backend);
  for (int i = chunk; status == CREAM_OK && i < r->n_todo && !*stop; i += r->chunks) {
    cream_path_scores scores = {.path = r->paths[r->todo[i]]};
    status = rank_scorer_score(&s, &scores, err);
    if (status == CREAM_OK) status = jobs_send(sender, &scores, err);
  }
  if (status == CREAM_OK && *stop)
    status = cream_fail(err, CREAM_INTERRUPTED,
                        "interrupted; finished work is saved, run the same command again to continue");
  rank_scorer_close(&s);
  return status;
}

static cream_status take_score(void *self, int job, const void *record, cream_error *err) {
  rank_run *r = self;
  (void)job;
  return cream_path_log_append(&r->scored, record, err);
}

/* ---- training from scratch --------------------------------------------------------------------------- */

static cream_status train(void *self, int job, jobs_sender *sender, cream_error *err) {
  const rank_run *r = self;
  const path_training training = {&r->config, &r->data, &r->skeleton, {.stop = signals_catch()}};
  cream_path_scores scores = {.path = r->paths[r->todo[job]]};
  cream_status status = path_train(&training, &scores, err);
  return status == CREAM_OK ? jobs_send(sender, &scores, err) : status;
}

/* trained: paths in all; since: those since this process began; others: those of other shards. */
static void print_trained(const rank_run *r, const cream_path_scores *scores, int trained, int since,
                          int others) {
  fprintf(stderr, "path %d of %d: held out %.2f %%, test %.2f %%", trained, r->n, 100 * scores->heldout.top1,
          100 * scores->test.top1);
  if (others) fprintf(stderr, "; %d by other shards", others);
  if (trained < r->n)
    fprintf(stderr, "; about %.0f s left", (progress_now() - r->started) / since * (r->n - trained));
  fputc('\n', stderr);
}

static cream_status take_trained(void *self, int job, const void *record, cream_error *err) {
  rank_run *r = self;
  (void)job;
  const cream_path_scores *scores = record;
  r->done++;
  print_trained(r, scores, r->n - r->n_todo + r->done, r->done, 0);
  return cream_path_log_append(&r->trained, scores, err);
}

/* ---- what is there ----------------------------------------------------------------------------------- */

typedef enum rank_part { SCORED, TRAINED } rank_part;

/* Whether a path has the scores of a part, with all proxies that are wanted: a ranking may have been begun with fewer. */
static bool in_log(const rank_run *r, rank_part part, int path) {
  if (part == TRAINED && r->truth) return true;
  const cream_path_scores *scores =
      cream_path_log_find(part == SCORED ? &r->scored : &r->trained, &r->paths[path]);
  return scores && (part == TRAINED || cream_proxies_cover(&scores->proxies, r->proxies));
}

/* ---- shards ------------------------------------------------------------------------------------------ */

/* The jobs of shards: groups of paths to be scored, for which the supernet is read once; then paths to be trained. A
 * path's scores are a file of their own until all are there. */
enum { GROUP = 4 };

static int group_count(const rank_run *r) {
  return (r->n + GROUP - 1) / GROUP;
}

static char *part_file(const rank_run *r, rank_part part, int path, char name[CREAM_MAX_FILE_NAME]) {
  char file[64];
  snprintf(file, sizeof file, "%s-%04d.json", part == SCORED ? "scored" : "trained", path + 1);
  return shard_file(r->folder.dir, file, name);
}

static bool has_scores(const rank_run *r, rank_part part, int path) {
  char name[CREAM_MAX_FILE_NAME];
  return in_log(r, part, path) || access(part_file(r, part, path, name), F_OK) == 0;
}

/* The paths of a job that have no scores. */
static void list_job(rank_run *r, int job) {
  int groups = group_count(r);
  int first = job < groups ? job * GROUP : job - groups, end = job < groups ? first + GROUP : first + 1;
  r->n_todo = 0;
  for (int i = first; i < end && i < r->n; i++)
    if (!has_scores(r, job < groups ? SCORED : TRAINED, i)) r->todo[r->n_todo++] = i;
}

static void name_job(const void *self, int job, char text[128]) {
  int groups = group_count(self);
  if (job < groups)
    snprintf(text, 128, "score-%04d", job * GROUP + 1);
  else
    snprintf(text, 128, "train-%04d", job - groups + 1);
}

static shard_state job_state(const void *self, int job) {
  const rank_run *r = self;
  int groups = group_count(r);
  if (job >= groups) return has_scores(r, TRAINED, job - groups) ? SHARD_DONE : SHARD_READY;
  for (int i = job * GROUP; i < (job + 1) * GROUP && i < r->n; i++)
    if (!has_scores(r, SCORED, i)) return SHARD_READY;
  return SHARD_DONE;
}

/* In a process of its own: the list is that process's. */
static cream_status shard_work(void *self, int job, jobs_sender *sender, cream_error *err) {
  rank_run *r = self;
  list_job(r, job);
  r->chunks = 1;
  if (r->n_todo == 0) return CREAM_OK;
  return job < group_count(r) ? score(r, 0, sender, err) : train(r, 0, sender, err);
}

static int count_trained(rank_run *r) {
  return shard_done(&r->shards, group_count(r), r->shards.n);
}

static cream_status shard_take(void *self, int job, const void *record, cream_error *err) {
  rank_run *r = self;
  const cream_path_scores *scores = record;
  rank_part part = job < group_count(r) ? SCORED : TRAINED;
  char name[CREAM_MAX_FILE_NAME];
  int path = 0;
  while (!cream_path_equal(&r->paths[path], &scores->path)) path++;
  cream_status status = cream_path_scores_write(part_file(r, part, path, name), scores, err);
  if (status != CREAM_OK || part == SCORED) return status;
  int trained = count_trained(r), since = trained - r->trained_before;
  r->done++;
  print_trained(r, scores, trained, since > 0 ? since : 1, since - r->done > 0 ? since - r->done : 0);
  return CREAM_OK;
}

/* All shards rank the same paths of the same supernet. */
static cream_status compare_shards(rank_run *r, cream_error *err) {
  char text[32];
  cream_status status = shard_compare(&r->shards, "settings", &r->search, path_shards_free, "", err);
  if (status != CREAM_OK) return status;
  snprintf(text, sizeof text, "%016llx", (unsigned long long)r->supernet_hash);
  return shard_compare_value(&r->shards, "supernet", text, err);
}

/* Appends to the logs what shards have left, in the order of the paths. */
static cream_status collect(rank_run *r, rank_part part, cream_error *err) {
  cream_path_log *log = part == SCORED ? &r->scored : &r->trained;
  cream_status status = CREAM_OK;
  for (int i = 0; i < r->n && status == CREAM_OK && !(part == TRAINED && r->truth); i++) {
    char name[CREAM_MAX_FILE_NAME];
    status = path_collect(log, &r->skeleton, &r->paths[i], part_file(r, part, i, name), err);
  }
  return status;
}

/* ---- the whole --------------------------------------------------------------------------------------- */

/* A file of the ranking in the run folder; each snapshot has its own. */
static char *file_of(const rank_run *r, const char *name, char file[CREAM_MAX_FILE_NAME]) {
  char own[64];
  return cream_run_file(&r->folder, supernet_snapshot(name, r->snapshot, own), file);
}

/* The weights of the snapshot in place of those at the end. */
static cream_status find_snapshot(rank_run *r, const char *folder, cream_error *err) {
  char name[64];
  if (r->snapshot == 0) return CREAM_OK;
  cream_status status = files_join(r->supernet, sizeof r->supernet, folder,
                                   supernet_snapshot(CREAM_RUN_SUPERNET, r->snapshot, name), err);
  if (status != CREAM_OK || access(r->supernet, F_OK) == 0) return status;
  return cream_fail(err, CREAM_BAD_CONFIG,
                    "--snapshot: got %d, but %s has no %s; a search with search.snapshots stores them",
                    r->snapshot, folder, name);
}

static cream_status open_folder(rank_run *r, const run_options *options, cream_error *err) {
  if (!*options->run)
    return cream_fail(err, CREAM_BAD_CONFIG, "no run: expected --run DIR, the folder of a search");
  cream_status status = supernet_find(options->run, &options->config, r->supernet, err);
  if (status == CREAM_OK) status = find_snapshot(r, options->run, err);
  if (status != CREAM_OK) return status;
  status = r->shared ? cream_run_join(&r->folder, options->run, err)
                     : cream_run_reopen(&r->folder, options->run, err);
  r->locked = status == CREAM_OK;
  return status != CREAM_OK || r->shared ? status : shard_none_at_work(options->run, err);
}

/* read: for a shard, which does not change the logs. */
static cream_status open_logs(rank_run *r, bool read, bool fresh, cream_error *err) {
  char file[CREAM_MAX_FILE_NAME];
  const cream_path_log_owner scored = {&r->search, rank_free_of_scores, &r->supernet_hash, &r->skeleton};
  const cream_path_log_owner trained = {&r->config, path_recipe_free, NULL, &r->skeleton};
  const char *table = r->search.rank.table;
  file_of(r, CREAM_RANK_SUPERNET, file);
  cream_status status = read ? cream_path_log_read(&r->scored, file, &scored, err)
                             : cream_path_log_open(&r->scored, file, &scored, fresh, err);
  if (status != CREAM_OK || r->truth) return status;
  if (!*table) table = cream_run_file(&r->folder, CREAM_RANK_TRAINED, file);
  return read ? cream_path_log_read(&r->trained, table, &trained, err)
              : cream_path_log_open(&r->trained, table, &trained, fresh, err);
}

static void close_logs(rank_run *r) {
  cream_path_log_close(&r->trained);
  cream_path_log_close(&r->scored);
}

/* The folder of the shards, where there is one or this process is one. */
static cream_status open_shards(rank_run *r, const rank_options *options, cream_error *err) {
  char name[CREAM_MAX_FILE_NAME];
  shard_file(r->folder.dir, "", name);
  if (!r->shared && options->run.force) cream_claims_remove(name);
  if (!r->shared && access(name, F_OK)) return CREAM_OK;
  r->shards.self = r;
  r->shards.name = name_job;
  r->shards.state = job_state;
  cream_status status = shard_open(&r->shards, &options->shards, r->folder.dir, group_count(r) + r->n, err);
  if (status == CREAM_OK) status = compare_shards(r, err);
  if (status == CREAM_OK) status = open_logs(r, true, false, err);
  r->trained_before = status == CREAM_OK ? count_trained(r) : 0;
  return status;
}

/* With the scores that shards have left. */
static cream_status open_results(rank_run *r, bool fresh, cream_error *err) {
  close_logs(r);
  cream_status status = open_logs(r, false, fresh, err);
  if (status != CREAM_OK || !r->shards.slots) return status;
  status = collect(r, SCORED, err);
  return status == CREAM_OK ? collect(r, TRAINED, err) : status;
}

/* All paths of the table inside the range. */
static cream_status read_truth(rank_run *r, cream_error *err) {
  static cream_ranked truth[CREAM_RANK_MAX_PATHS];
  cream_costs costs;
  int n;
  cream_status status = cream_truth_read(r->search.rank.truth, &r->skeleton, truth, &n, err);
  cream_costs_init(&costs, &r->skeleton, r->skeleton.resolution);
  r->n = 0;
  for (int i = 0; i < n; i++) {
    if (!cream_limits_hold(&r->limits, &costs, &truth[i].path)) continue;
    truth[r->n] = truth[i];
    r->paths[r->n++] = truth[i].path;
  }
  r->truth = truth;
  return status;
}

static cream_status open_all(rank_run *r, const run_options *options, cream_error *err) {
  r->search = options->config;
  if (!r->search.resolution) r->search.resolution = options->run_resolution;
  r->config = path_recipe(&r->search);
  cream_status status = cream_proxies_parse("rank.proxies", r->search.rank.proxies, r->proxies, err);
  if (status == CREAM_OK) status = open_folder(r, options, err);
  if (status == CREAM_OK) status = run_data_open(&r->search, &r->data, err);
  if (status == CREAM_OK) status = run_supernet(&r->search, r->data.dataset->classes, &r->skeleton, err);
  bool known = false;
  if (status == CREAM_OK) status = run_latencies(&r->search, &r->skeleton, &r->latencies, &known, err);
  if (status != CREAM_OK) return status;
  r->limits.flops = run_range(&r->search);
  if (known) r->limits.latencies = &r->latencies;
  if (known) r->limits.ms.max = r->search.search.latency.max;
  if (*r->search.rank.truth)
    status = read_truth(r, err);
  else
    status = cream_rank_draw(&r->search.rank, &r->skeleton, &r->limits, r->search.seed, r->paths, &r->n, err);
  if (status == CREAM_OK && r->n < 2)
    status = cream_fail(err, CREAM_BAD_CONFIG, "flops: the range has %s; expected at least 2 to rank",
                        r->truth ? "fewer than two paths of the table" : "a single path");
  if (status == CREAM_OK && r->n < r->search.rank.paths && !r->truth)
    fprintf(stderr, "found %d paths in the range, fewer than the %d of rank.paths\n", r->n,
            r->search.rank.paths);
  return status == CREAM_OK ? cream_file_hash(r->supernet, &r->supernet_hash, err) : status;
}

/* Lists the paths that are not in the log of a part. */
static void list_missing(rank_run *r, rank_part part) {
  r->n_todo = 0;
  for (int i = 0; i < r->n; i++)
    if (!in_log(r, part, i)) r->todo[r->n_todo++] = i;
}

/* Runs what is missing; a job has its share of the threads. */
static cream_status run_jobs(rank_run *r, jobs *work, bool chunked, cream_error *err) {
  int share;
  if (r->n_todo == 0) return CREAM_OK;
  work->parallel = jobs_share(r->search.threads, r->search.rank.jobs, r->n_todo, &share);
  work->self = r;
  work->record = sizeof(cream_path_scores);
  r->config.threads = share;
  if (r->data.workers > share) r->data.workers = share;
  r->chunks = work->parallel;
  r->started = progress_now();
  return jobs_run(work, chunked ? r->chunks : r->n_todo, err);
}

static cream_status run_all(rank_run *r, cream_error *err) {
  jobs scoring = {.work = score, .take = take_score}, training = {.work = train, .take = take_trained};
  list_missing(r, TRAINED);
  int untrained = r->n_todo;
  list_missing(r, SCORED);
  fprintf(stderr, "%d paths, %d to be scored by the supernet, %d to be trained from scratch\n", r->n,
          r->n_todo, untrained);
  cream_status status = run_jobs(r, &scoring, true, err);
  list_missing(r, TRAINED);
  return status == CREAM_OK ? run_jobs(r, &training, false, err) : status;
}

/* Puts the scores of a path together; false: some are missing. */
static bool gather_path(const rank_run *r, const cream_costs *costs, int i, cream_ranked *ranked) {
  const cream_path_scores *scored = cream_path_log_find(&r->scored, &r->paths[i]);
  const cream_path_scores *trained = r->truth ? NULL : cream_path_log_find(&r->trained, &r->paths[i]);
  if (!scored || !(trained || r->truth)) return false;
  *ranked = (cream_ranked){.path = r->paths[i], .cost = cream_costs_path(costs, &r->paths[i]), .ms = NAN};
  if (r->limits.latencies) ranked->ms = cream_latencies_path(r->limits.latencies, &r->paths[i]);
  ranked->supernet = scored->heldout;
  ranked->proxies = scored->proxies;
  for (int p = 0; p < CREAM_PROXY_COUNT; p++) ranked->proxies.known[p] &= r->proxies[p];
  ranked->heldout = r->truth ? r->truth[i].heldout : trained->heldout;
  ranked->test = r->truth ? r->truth[i].test : trained->test;
  if (r->truth) ranked->again = r->truth[i].again;
  return true;
}

static cream_status report(rank_run *r, const run_options *options, cream_error *err) {
  static cream_ranked ranked[CREAM_RANK_MAX_PATHS];
  cream_correlation correlations[CREAM_RANK_MAX_CORRELATIONS];
  const cream_bootstrap bootstrap = {r->search.rank.resamples, 0.95, r->search.seed};
  cream_rank_report report = {.config = &r->search,
                              .data = r->data.dataset->name,
                              .skeleton = &r->skeleton,
                              .flops = &r->limits.flops,
                              .bootstrap = &bootstrap,
                              .batch = r->config.retrain.batch,
                              .paths = ranked,
                              .n = r->n,
                              .correlations = correlations};
  cream_costs costs;
  cream_costs_init(&costs, &r->skeleton, r->skeleton.resolution);
  for (int i = 0; i < r->n; i++) {
    if (!gather_path(r, &costs, i, &ranked[i]))
      return cream_fail(err, CREAM_FAILED,
                        "path %d of %d has no scores; run the same command again to continue", i + 1, r->n);
  }
  char file[CREAM_MAX_FILE_NAME];
  cream_status status =
      cream_rank_correlate(ranked, r->n, &bootstrap, correlations, &report.n_correlations, err);
  if (status == CREAM_OK) status = cream_rank_write(file_of(r, CREAM_RANK_FILE, file), &report, err);
  if (status != CREAM_OK) return status;
  for (int i = 0; i < BARS_RANK_COUNT; i++) r->measured[i] = rank_measure(&report, (bar_of_rank)i);
  r->reported = true;
  if (options->json) return files_print(file, err);
  rank_print(&report);
  return CREAM_OK;
}

static cream_status run_alone(rank_run *r, const run_options *options, cream_error *err) {
  cream_status status = open_results(r, options->force, err);
  if (status != CREAM_OK) return status;
  if (r->shards.slots) shard_remove(&r->shards);
  status = run_all(r, err);
  return status == CREAM_OK ? report(r, options, err) : status;
}

/* Works on jobs until there are none for this shard. */
static cream_status run_shared(rank_run *r, cream_error *err) {
  jobs work = {.record = sizeof(cream_path_scores), .self = r, .work = shard_work, .take = shard_take};
  const job_source source = shard_source(&r->shards);
  int share, taken;
  work.parallel = jobs_share(r->search.threads, r->search.rank.jobs, r->n, &share);
  r->config.threads = share;
  if (r->data.workers > share) r->data.workers = share;
  r->started = progress_now();
  do {
    taken = r->shards.taken;
    cream_status status = jobs_run_from(&work, &source, err);
    if (status != CREAM_OK) return status;
  } while (r->shards.taken > taken && !r->shards.gone);
  return CREAM_OK;
}

static cream_status run_shard(rank_run *r, const run_options *options, cream_error *err) {
  bool last;
  fprintf(stderr, "shard %s: %d paths, %d of them trained already\n", r->shards.claims.shard, r->n,
          r->trained_before);
  cream_status status = run_shared(r, err);
  if (status == CREAM_OK) status = shard_finish(&r->shards, &last, err);
  if (status != CREAM_OK) return status;
  if (!last) {
    shard_print_end(&r->shards);
    return CREAM_OK;
  }
  r->config.threads = r->search.threads; /* the logs begin with the settings */
  status = open_results(r, false, err);
  if (status == CREAM_OK) status = report(r, options, err);
  if (status == CREAM_OK) shard_remove(&r->shards);
  return status;
}

/* Of shards, only the one that reports holds the ranking against its bars. */
static cream_status end_bars(const rank_run *r, const rank_options *options, double started,
                             cream_status status, cream_error *err) {
  char file[CREAM_MAX_FILE_NAME];
  snprintf(file, sizeof file, "%s/%s", options->run.run, CREAM_RANK_FILE);
  const bars_result result = {
      .name = file, .measured = status == CREAM_OK ? r->measured : NULL, .seconds = progress_now() - started};
  if (status == CREAM_OK && !r->reported) return CREAM_OK;
  return bars_end(&bars_of_rank, &options->bars, &result, status, err);
}

static cream_status run(const void *values, cream_error *err) {
  const rank_options *options = values;
  static rank_run r;
  memset(&r, 0, sizeof r);
  const double started = progress_now();
  r.shared = options->shards.shard != NULL;
  r.snapshot = options->snapshot;
  signals_catch();
  cream_status status = open_all(&r, &options->run, err);
  if (status == CREAM_OK) status = open_shards(&r, options, err);
  if (status == CREAM_OK)
    status = r.shared ? run_shard(&r, &options->run, err) : run_alone(&r, &options->run, err);
  close_logs(&r);
  shard_close(&r.shards);
  run_data_close(&r.data);
  cream_error late;
  if (r.locked && cream_run_close(&r.folder, &late) != CREAM_OK && status == CREAM_OK) {
    *err = late;
    status = late.status;
  }
  return end_bars(&r, options, started, status, err);
}

static cream_status require(void *values, const cli_given *given, const char *argument, cream_error *err) {
  (void)given;
  return bars_add(&bars_of_rank, &((rank_options *)values)->bars, argument, err);
}

static cream_status check(void *values, cream_error *err) {
  rank_options *options = values;
  cream_status status = run_options_check(values, err);
  if (status == CREAM_OK) status = bars_check(&options->bars, err);
  return status ? status : shard_check(&options->shards, options->run.force, err);
}

static const char *const bar_words[] = {BARS_OF_RANK(BAR_WORD) NULL};

static const cli_option options[] = {
    RUN_FOLDER,
    RUN_CONFIG,
    RUN_SET,
    RUN_SETTING(METHOD, "paths", "rank.paths", "N", "paths that are drawn, scored and trained"),
    RUN_SETTING(
        METHOD, "table", "rank.truth", "FILE",
        "table.json of cream table build: its paths inside the range are ranked, and none is trained"),
    CLI_VALUE(rank_options, snapshot, RUN, "snapshot", "EPOCH",
              "rank the supernet as it was after so many epochs (search.snapshots); 0: at the end",
              CLI_FROM_TO(0, 100000)),
    RUN_EPOCHS("rank"),
    RUN_BATCH("rank"),
    RUN_SETTING(METHOD, "proxies", "rank.proxies", "LIST",
                "zero-cost proxies to compare with: all, none" CREAM_PROXY_WORDS ", or several with commas"),
    RUN_SETTING(DEVICE, "jobs", "rank.jobs", "N",
                "paths trained in parallel, each in a process of its own; 0: one for each thread"),
    SHARD_ROWS(rank_options),
    RUN_THREADS,
    RUN_DEVICE,
    RUN_JSON,
    CLI_VALUE(run_options, force, RUN, "force", NULL,
              "discard the results of an earlier ranking and start again"),
    BARS_ROWS(rank_options, bars, require, BARS_OF_RANK, bar_words),
};

static const char *const settings[] = {
    RUN_COMMON_SETTINGS, "space",   "flops",    "resolution", "depth", "recalibrate.",
    "signals",           "search.", "retrain.", "rank.",      NULL};

COMMAND(
    rank, "measure how well a run's supernet orders its paths", CLI_OPTIONS(options),
    CLI_VALUES(rank_options, run.line), .defaults = run_options_defaults, .check = check, .run = run,
    .settings = settings, .processes = CLI_EACH_PROCESS,
    .text =
        "Draws paths inside the run's range, scores each with the supernet's weights on the held-out "
        "images,\n"
        "trains each from scratch for rank.epochs, and prints how the two orders correlate: Kendall's tau-b\n"
        "and Spearman's rho with 95 % bootstrap intervals, of all paths, the 20 and the 10 best; and the "
        "same\n"
        "of what needs no supernet: FLOPs, parameters, latency and zero-cost proxies. rank.json in\n"
        "the run folder holds all results. After an interruption the same command continues, a larger "
        "--paths\n"
        "adds paths, and --force starts from the beginning. With --shard, several processes on one or many\n"
        "machines that share the folder divide the paths among themselves (docs/guide.md). With --require\n"
        "tau=0.3, a ranking below that bar is printed as any other, and the exit code is 1 (docs/ci.md).\n");
