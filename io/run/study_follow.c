#include "study_follow.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "run.h"
#include "run_list.h"
#include "study_results.h"

static const char trained[] = "-trained";

const char *cream_follow_state_name(cream_follow_state state) {
  static const char *const names[CREAM_FOLLOW_STATES] = {
#define NAME(state, name) [CREAM_FOLLOW_##state] = name,
      CREAM_FOLLOW_STATE_LIST(NAME)
#undef NAME
  };
  return names[state];
}

/* ---- names --------------------------------------------------------------------------------------- */

static bool join(char *path, size_t size, const char *dir, const char *name) {
  int length = snprintf(path, size, "%s/%s", dir, name);
  return length > 0 && (size_t)length < size;
}

static bool has(const char *dir, const char *name) {
  char path[CREAM_MAX_FILE_NAME];
  return join(path, sizeof path, dir, name) && access(path, F_OK) == 0;
}

/* The length of ARM in "ARM-SEED"; 0: the name is another. */
static size_t arm_length(const char *name, size_t length) {
  size_t at = length;
  while (at > 0 && isdigit((unsigned char)name[at - 1])) at--;
  return at > 1 && at < length && name[at - 1] == '-' ? at - 1 : 0;
}

static bool is_trained(const char *name) {
  size_t length = strlen(name), end = strlen(trained);
  return length > end && !strcmp(name + length - end, trained);
}

/* The length of ARM in the name of a training from scratch, "ARM-SEED-trained" or "ARM-SEED-BUDGET-trained": of the longest
 * beginning that is the folder of a search. */
static size_t trained_arm_length(const char *dir, const char *name) {
  for (size_t length = strlen(name) - strlen(trained); length > 0; length--) {
    char search[256];
    snprintf(search, sizeof search, "%.*s", (int)length, name);
    if ((name[length] == '-') && arm_length(name, length) && has(dir, search))
      return arm_length(name, length);
  }
  return 0;
}

static int by_name(const void *a, const void *b) {
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The names in the folder in order; the caller frees each and the list. CREAM_FAILED: it cannot be read. */
static cream_status list_names(const char *dir, char ***names, size_t *count, cream_error *err) {
  DIR *stream = opendir(dir);
  *names = NULL, *count = 0;
  if (!stream) return cream_fail(err, CREAM_FAILED, "cannot read folder %s: %s", dir, strerror(errno));
  for (const struct dirent *entry; (entry = readdir(stream));) {
    if (entry->d_name[0] == '.') continue;
    char **grown = realloc(*names, (*count + 1) * sizeof *grown), *name = strdup(entry->d_name);
    if (grown) *names = grown;
    if (!grown || !name) {
      free(name);
      break;
    }
    grown[(*count)++] = name;
  }
  closedir(stream);
  if (*count) qsort(*names, *count, sizeof **names, by_name);
  return CREAM_OK;
}

static void free_names(char **names, size_t count) {
  for (size_t i = 0; i < count; i++) free(names[i]);
  free(names);
}

bool cream_is_study(const char *dir) {
  char **names, path[CREAM_MAX_FILE_NAME];
  size_t count;
  cream_error ignored;
  if (has(dir, CREAM_STUDY_FILE)) return true;
  if (cream_is_run(dir) || list_names(dir, &names, &count, &ignored)) return false;
  bool found = false;
  for (size_t i = 0; i < count && !found; i++)
    found = arm_length(names[i], strlen(names[i])) && join(path, sizeof path, dir, names[i]) &&
            (cream_is_run(path) || has(path, CREAM_RUN_LOCK));
  free_names(names, count);
  return found;
}

/* ---- arms and runs ------------------------------------------------------------------------------- */

/* The index of the arm; -1: there are too many. */
static int find_arm(cream_follow *f, const char *name, size_t length) {
  for (int a = 0; a < f->n_arms; a++)
    if (strlen(f->arms[a].name) == length && !memcmp(f->arms[a].name, name, length)) return a;
  if (f->n_arms == CREAM_FOLLOW_ARMS) return -1;
  cream_followed_arm *grown = realloc(f->arms, (size_t)(f->n_arms + 1) * sizeof *grown);
  if (!grown) return -1;
  f->arms = grown;
  grown[f->n_arms] = (cream_followed_arm){.state = CREAM_FOLLOW_WAITING};
  snprintf(grown[f->n_arms].name, sizeof grown->name, "%.*s", (int)length, name);
  return f->n_arms++;
}

static cream_followed_run *find_run(cream_follow *f, const char *name, size_t arm, bool retraining) {
  for (int r = 0; r < f->n_runs; r++)
    if (!strcmp(f->runs[r].name, name)) return &f->runs[r];
  int a = f->n_runs < CREAM_FOLLOW_RUNS && strlen(name) < sizeof f->runs->name ? find_arm(f, name, arm) : -1;
  cream_followed_run *grown = a < 0 ? NULL : realloc(f->runs, (size_t)(f->n_runs + 1) * sizeof *grown);
  if (!grown) return NULL;
  f->runs = grown;
  grown[f->n_runs] =
      (cream_followed_run){.arm = a, .retraining = retraining, .state = CREAM_FOLLOW_WAITING, .size = -1};
  strcpy(grown[f->n_runs].name, name);
  return &grown[f->n_runs++];
}

/* Arms in the order of the study, and the runs that failed. A row "ARM@BUDGET" has the folders of its arm. */
static void read_results(cream_follow *f) {
  char path[CREAM_MAX_FILE_NAME];
  json_t *file = join(path, sizeof path, f->dir, CREAM_STUDY_FILE) ? json_load_file(path, 0, NULL) : NULL,
         *arm, *run;
  size_t a, r;
  json_array_foreach(json_object_get(file, "arms"), a, arm) {
    json_array_foreach(json_object_get(arm, "runs"), r, run) {
      const char *name = json_string_value(json_object_get(run, "dir"));
      const char *state = json_string_value(json_object_get(run, "state"));
      size_t length = name && !strchr(name, '/') ? arm_length(name, strlen(name)) : 0;
      cream_followed_run *known = length ? find_run(f, name, length, false) : NULL;
      if (known) known->failed = state && !strcmp(state, "failed");
    }
  }
  f->complete = file != NULL;
  json_decref(file);
}

static cream_status find_runs(cream_follow *f, cream_error *err) {
  char **names;
  size_t count;
  cream_status status = list_names(f->dir, &names, &count, err);
  for (size_t i = 0; i < count && !status; i++) {
    char path[CREAM_MAX_FILE_NAME];
    if (!join(path, sizeof path, f->dir, names[i]) || !(cream_is_run(path) || has(path, CREAM_RUN_LOCK)))
      continue;
    bool retraining = is_trained(names[i]);
    size_t arm = retraining ? trained_arm_length(f->dir, names[i]) : arm_length(names[i], strlen(names[i]));
    if (arm) find_run(f, names[i], arm, retraining);
  }
  free_names(names, count);
  return status;
}

static void take_curves(cream_followed_run *run) {
  const cream_metrics *m = run->metrics;
  run->step = m->step, run->steps = m->steps;
#define TAKE(curve, of_retraining, source)                                                                   \
  if (run->retraining == of_retraining) run->curves[CREAM_FOLLOW_##curve] = m->source;
  CREAM_FOLLOW_CURVE_LIST(TAKE)
#undef TAKE
}

/* Reads what the run has appended. The large state of a reader exists only while a run grows. */
static cream_status read_run(cream_follow *f, cream_followed_run *run, cream_error *err) {
  char path[CREAM_MAX_FILE_NAME], metrics[CREAM_MAX_FILE_NAME];
  struct stat info;
  bool grown;
  if (!join(path, sizeof path, f->dir, run->name) || !join(metrics, sizeof metrics, path, CREAM_RUN_METRICS))
    return CREAM_OK;
  int64_t size = stat(metrics, &info) ? -1 : (int64_t)info.st_size;
  if (run->state == CREAM_FOLLOW_FINISHED && size == run->size) return CREAM_OK;
  bool locked = cream_run_locked(path);
  if (size != run->size) {
    if (!run->metrics) {
      run->metrics = malloc(sizeof *run->metrics);
      if (!run->metrics) return cream_fail_memory(err, sizeof *run->metrics, "the curves");
      cream_metrics_init(run->metrics);
    }
    cream_status status = cream_metrics_read(run->metrics, path, &grown, err);
    if (status) return status;
    take_curves(run);
    run->size = size;
  }
  run->state = locked                        ? CREAM_FOLLOW_RUNNING
               : has(path, CREAM_RUN_RESULT) ? CREAM_FOLLOW_FINISHED
               : run->failed && !f->running  ? CREAM_FOLLOW_FAILED
               : size > 0                    ? CREAM_FOLLOW_STOPPED
                                             : CREAM_FOLLOW_WAITING;
  if (!locked) {
    free(run->metrics);
    run->metrics = NULL;
  }
  return CREAM_OK;
}

/* ---- means --------------------------------------------------------------------------------------- */

static void mean_curve(cream_follow *f, int a, cream_follow_curve which) {
  static const cream_curve *curves[CREAM_FOLLOW_RUNS];
  cream_curve *mean = &f->arms[a].curves[which];
  const cream_curve *farthest = NULL;
  size_t n = 0;
  for (int r = 0; r < f->n_runs; r++) {
    const cream_curve *curve = &f->runs[r].curves[which];
    if (f->runs[r].arm != a || !curve->count) continue;
    if (f->runs[r].state == CREAM_FOLLOW_FINISHED) curves[n++] = curve;
    if (!farthest || curve->points[curve->count - 1].x > farthest->points[farthest->count - 1].x)
      farthest = curve;
  }
  *mean = (cream_curve){0};
  if (n > 1) mean->count = cream_curves_mean(curves, n, mean->points, CREAM_CURVE_POINTS / 4);
  if (!mean->count && (n || farthest)) *mean = n ? *curves[0] : *farthest;
}

static void sum_up(cream_follow *f, int a) {
  cream_followed_arm *arm = &f->arms[a];
  double share = 0;
  arm->state = CREAM_FOLLOW_FINISHED;
  arm->runs = arm->finished = 0;
  for (int r = 0; r < f->n_runs; r++) {
    const cream_followed_run *run = &f->runs[r];
    if (run->arm != a) continue;
    arm->runs++;
    arm->finished += run->state == CREAM_FOLLOW_FINISHED;
    if (run->state < arm->state) arm->state = run->state;
    share += run->state == CREAM_FOLLOW_FINISHED ? 1
             : run->steps                        ? (double)run->step / (double)run->steps
                                                 : 0;
  }
  arm->share = arm->runs ? share / arm->runs : 0;
  for (int c = 0; c < CREAM_FOLLOW_CURVES; c++) mean_curve(f, a, (cream_follow_curve)c);
}

void cream_follow_init(cream_follow *f, const char *dir) {
  *f = (cream_follow){.dir = dir};
}

cream_status cream_follow_read(cream_follow *f, cream_error *err) {
  f->running = cream_run_locked(f->dir);
  read_results(f);
  cream_status status = find_runs(f, err);
  for (int r = 0; r < f->n_runs && !status; r++) status = read_run(f, &f->runs[r], err);
  for (int a = 0; a < f->n_arms && !status; a++) sum_up(f, a);
  return status;
}

void cream_follow_free(cream_follow *f) {
  for (int r = 0; r < f->n_runs; r++) free(f->runs[r].metrics);
  free(f->runs);
  free(f->arms);
  *f = (cream_follow){.dir = f->dir};
}
