#include "shard.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cluster.h"
#include "cpu/cpu.h"
#include "cpu/threads.h"
#include "io/config/settings.h"
#include "tools/cli/progress.h"

enum { MOST_SHARDS = 100000 };

/* ---- options ----------------------------------------------------------------------------------------- */

static bool parse(const char *text, int *index, int *count) {
  char end;
  if (strspn(text, "0123456789/") != strlen(text) || sscanf(text, "%6d/%6d%c", index, count, &end) != 2)
    return false;
  return *index >= 1 && *index <= *count && *count <= MOST_SHARDS;
}

static void adopt_launch(shard_options *options) {
  const cream_launch *launch = cluster_launch();
  if (options->shard || !launch) return;
  snprintf(options->launched, sizeof options->launched, "%d/%d", launch->rank + 1, launch->size);
  options->shard = options->launched;
  const int threads = cream_cpu_threads();
  if (threads < sysconf(_SC_NPROCESSORS_ONLN)) return; /* the launcher has bound them */
  cream_cpu_limit_threads(threads > launch->here ? threads / launch->here : 1);
}

cream_status shard_check(shard_options *options, bool force, cream_error *err) {
  int index, count;
  adopt_launch(options);
  if (!options->shard) {
    if (!options->take_over) return CREAM_OK;
    return cream_fail(err, CREAM_BAD_CONFIG, "--take-over needs --shard I/N");
  }
  if (!parse(options->shard, &index, &count))
    return cream_fail(err, CREAM_BAD_CONFIG,
                      "--shard: got '%.40s', expected I/N with I from 1 to N and N up to %d, as in 1/4",
                      options->shard, MOST_SHARDS);
  if (!force) return CREAM_OK;
  return cream_fail(
      err, CREAM_BAD_CONFIG,
      "--force discards what other shards have finished; give it to one process, without --shard");
}

/* ---- the folder -------------------------------------------------------------------------------------- */

char *shard_file(const char *dir, const char *name, char path[CREAM_MAX_FILE_NAME]) {
  snprintf(path, CREAM_MAX_FILE_NAME, "%s/" CREAM_CLAIMS_FOLDER "%s%s", dir, *name ? "/" : "", name);
  return path;
}

/* Also counts while the machine sleeps, where the system can. */
static double clock_now(void) {
#ifdef CLOCK_BOOTTIME
  struct timespec now;
  if (!clock_gettime(CLOCK_BOOTTIME, &now)) return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
#endif
  return progress_now();
}

cream_status shard_open(shard *s, const shard_options *options, const char *dir, int n, cream_error *err) {
  char folder[CREAM_MAX_FILE_NAME];
  int index = 1, count = 1;
  bool valid = !options->shard || parse(options->shard, &index, &count);
  CREAM_ASSERT(valid);
  s->n = n;
  s->index = index - 1;
  s->count = count;
  s->from = 0;
  s->to = n;
  s->slots = calloc((size_t)n + 1, sizeof *s->slots);
  if (!s->slots) return cream_fail_memory(err, ((size_t)n + 1) * sizeof *s->slots, "jobs");
  s->renew_at = clock_now() + CREAM_CLAIM_RENEWAL;
  return cream_claims_open(&s->claims, shard_file(dir, "", folder), options->shard ? options->shard : "",
                           options->take_over ? CREAM_CLAIM_TIMEOUT_SHORT : CREAM_CLAIM_TIMEOUT, err);
}

void shard_close(shard *s) {
  free(s->slots);
  s->slots = NULL;
}

void shard_remove(shard *s) {
  cream_claims_remove(s->claims.dir);
}

cream_status shard_none_at_work(const char *dir, cream_error *err) {
  char folder[CREAM_MAX_FILE_NAME], holder[128];
  if (!cream_claims_held(shard_file(dir, "", folder), holder, sizeof holder)) return CREAM_OK;
  return cream_fail(err, CREAM_BAD_CONFIG,
                    "%s: a shard is at work (%s); join it with --shard I/N, or wait until it ends", dir,
                    holder);
}

/* ---- settings ---------------------------------------------------------------------------------------- */

static cream_status fail_differ(const shard *s, const char *prefix, const char *key, const char *theirs,
                                const char *mine, cream_error *err) {
  return cream_fail(
      err, CREAM_BAD_CONFIG,
      "%s: %s%s is %s for the other shards and %s here; give all of them the same settings, or start over "
      "with --force and without --shard",
      s->claims.dir, prefix, key, *theirs ? theirs : "''", *mine ? mine : "''");
}

cream_status shard_compare(const shard *s, const char *name, const cream_config *config,
                           const char *const *free_keys, const char *prefix, cream_error *err) {
  char file[160], path[CREAM_MAX_FILE_NAME], theirs[128], mine[128];
  bool existed = false;
  snprintf(file, sizeof file, "%.150s.yaml", name);
  snprintf(path, sizeof path, "%s/%s", s->claims.dir, file);
  char *text = cream_settings_text(config);
  cream_config *other = malloc(sizeof *other);
  cream_status status = text && other ? cream_claims_publish(&s->claims, file, text, &existed, err)
                                      : cream_fail_memory(err, sizeof *other, "settings");
  if (!status && existed) {
    cream_config_defaults(other);
    status = cream_settings_load(other, path, err);
    const char *key = status ? NULL : cream_settings_differ(other, config, free_keys);
    if (key)
      status = fail_differ(s, prefix, key, cream_settings_get(other, key, theirs, sizeof theirs),
                           cream_settings_get(config, key, mine, sizeof mine), err);
  }
  free(other);
  free(text);
  return status;
}

cream_status shard_compare_value(const shard *s, const char *key, const char *value, cream_error *err) {
  char path[CREAM_MAX_FILE_NAME], *theirs;
  size_t size;
  bool existed;
  snprintf(path, sizeof path, "%s/%s", s->claims.dir, key);
  cream_status status = cream_claims_publish(&s->claims, key, value, &existed, err);
  if (status || !existed) return status;
  status = cream_file_read(path, 1 << 20, &theirs, &size, err);
  if (status) return status;
  if (strcmp(theirs, value) != 0) status = fail_differ(s, "", key, theirs, value, err);
  free(theirs);
  return status;
}

/* ---- jobs -------------------------------------------------------------------------------------------- */

static shard_state state_of(shard *s, int job) {
  shard_slot *slot = &s->slots[job];
  shard_state state = slot->done ? SHARD_DONE : s->state(s->self, job);
  slot->done = state == SHARD_DONE;
  return state;
}

/* Takes the job; *taken: it is this process's. What it needs is looked at once more, as another process may have ended it
 * in between. */
static cream_status take(shard *s, int job, bool *taken, cream_error *err) {
  shard_slot *slot = &s->slots[job];
  char name[128];
  *taken = false;
  s->name(s->self, job, name);
  cream_status status = cream_claim_take(&s->claims, name, &slot->claim, &slot->held, err);
  if (status || !slot->held) return status;
  *taken = state_of(s, job) == SHARD_READY;
  if (*taken) {
    s->taken++;
    return CREAM_OK;
  }
  cream_claim_release(&s->claims, &slot->claim);
  slot->held = false;
  return CREAM_OK;
}

static cream_status next_job(void *self, int *job, cream_error *err) {
  shard *s = self;
  int n = s->to - s->from, first = (int)((int64_t)s->index * n / s->count);
  *job = -1;
  cream_status status = cream_claims_refresh(&s->claims, &s->gone, err);
  for (int i = 0; i < n && !status && !s->gone; i++) {
    int j = s->from + (first + i) % n;
    bool taken = false;
    if (s->slots[j].held || state_of(s, j) != SHARD_READY) continue;
    status = take(s, j, &taken, err);
    if (taken) *job = j;
    if (taken) break;
  }
  return status;
}

static void ended(void *self, int job) {
  shard *s = self;
  if (s->slots[job].held) cream_claim_release(&s->claims, &s->slots[job].claim);
  s->slots[job].held = false;
}

static void renew(void *self, int *lost) {
  shard *s = self;
  cream_error ignored;
  char name[128];
  if (clock_now() < s->renew_at) return;
  s->renew_at = clock_now() + CREAM_CLAIM_RENEWAL;
  cream_claims_refresh(&s->claims, &s->gone, &ignored);
  for (int j = 0; j < s->n && *lost < 0; j++) {
    if (!s->slots[j].held || cream_claim_renew(&s->claims, &s->slots[j].claim)) continue;
    s->slots[j].held = false;
    s->name(s->self, j, name);
    fprintf(stderr, "%s was taken over by another shard, because this one was silent for too long\n", name);
    *lost = j;
    s->renew_at = 0; /* the others follow at once */
  }
}

job_source shard_source(shard *s) {
  return (job_source){s, next_job, ended, renew};
}

int shard_done(shard *s, int from, int to) {
  int done = 0;
  for (int j = from; j < to; j++) done += state_of(s, j) == SHARD_DONE;
  return done;
}

void shard_print_end(const shard *s) {
  fprintf(stderr, "nothing is left for this shard; %s\n",
          s->gone ? "another one has written the results"
                  : "others are at work, and the last one writes the results");
}

shard_counts shard_count(shard *s) {
  shard_counts counts = {0};
  for (int j = 0; j < s->n; j++) switch (state_of(s, j)) {
    case SHARD_DONE:
      counts.done++;
      break;
    case SHARD_BLOCKED:
      counts.blocked++;
      break;
    case SHARD_READY:
      counts.rest++;
      break;
    }
  return counts;
}

cream_status shard_finish(shard *s, bool *mine, cream_error *err) {
  cream_claim claim;
  *mine = false;
  cream_status status = cream_claims_refresh(&s->claims, &s->gone, err);
  if (status || s->gone || shard_count(s).done < s->n) return status;
  return cream_claim_take(&s->claims, "results", &claim, mine, err);
}
