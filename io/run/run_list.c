#include "run_list.h"

#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "checkpoint_rotation.h"
#include "event_names.h"
#include "run.h"

const char *cream_run_state_name(cream_run_state state) {
  static const char *const names[] = {
#define NAME(state, name) [CREAM_RUN_##state] = name,
      CREAM_RUN_STATE_LIST(NAME)
#undef NAME
  };
  return names[state];
}

static bool has(const char *dir, const char *name) {
  char path[CREAM_MAX_FILE_NAME];
  int length = snprintf(path, sizeof path, "%s/%s", dir, name);
  return length > 0 && (size_t)length < sizeof path && access(path, F_OK) == 0;
}

bool cream_is_run(const char *dir) {
  return has(dir, CREAM_RUN_CONFIG) || has(dir, CREAM_RUN_METRICS);
}

static uint64_t whole(const json_t *line, const char *key) {
  return (uint64_t)json_integer_value(json_object_get(line, key));
}

/* A score on the board is of one batch only: it counts until the first evaluation on all held-out images. */
static void take_best(cream_run_summary *run, double accuracy, const char *of) {
  bool same = !strcmp(run->best_of, of);
  if (!strcmp(of, "board") && *run->best_of && !same) return;
  run->best = same ? fmax(run->best, accuracy) : accuracy;
  run->best_of = of;
}

/* Lines of `cream test` (phase "test") count only with the accuracy of the test. */
static void take_line(cream_run_summary *run, const json_t *line) {
  const char *word = json_string_value(json_object_get(line, "kind"));
  const char *phase = json_string_value(json_object_get(line, "phase"));
  const json_t *best = json_object_get(line, "best");
  const json_t *ap = json_object_get(line, "ap");
  double accuracy = json_number_value(ap ? ap : json_object_get(line, "accuracy"));
  cream_event_kind kind = CREAM_EVENT_NOTE; /* also for a kind that is not known */
  if (!word || !phase) return;
  cream_event_parse(word, &kind);
  if (!strcmp(phase, "test")) {
    const char *split = json_string_value(json_object_get(line, "split"));
    cream_eval eval;
    if (kind == CREAM_EVENT_EVAL && cream_eval_parse(split, &eval) && eval == CREAM_EVAL_TEST)
      run->best = accuracy, run->best_of = "test";
    return;
  }
  snprintf(run->phase, sizeof run->phase, "%.15s", phase);
  run->step = whole(line, "step");
  if (kind == CREAM_EVENT_START) run->steps = whole(line, "steps");
  if (kind == CREAM_EVENT_EVAL || kind == CREAM_EVENT_SELECT) take_best(run, accuracy, "held out");
  if (json_is_number(best)) take_best(run, json_number_value(best), "board");
}

/* Of the many lines of steps only the last is parsed. A last line without an end, left by a killed run, is
 * ignored. */
static void read_metrics(const char *dir, cream_run_summary *run) {
  char path[CREAM_MAX_FILE_NAME], *line = NULL, *last = NULL;
  size_t room = 0, last_room = 0;
  ssize_t length;
  snprintf(path, sizeof path, "%s/%s", dir, CREAM_RUN_METRICS);
  FILE *stream = fopen(path, "r");
  while (stream && (length = getline(&line, &room, stream)) > 0) {
    if (line[length - 1] != '\n') break;
    bool step = strstr(line, "\"kind\": \"step\"") != NULL;
    json_t *json = step ? NULL : json_loads(line, 0, NULL);
    if (json) take_line(run, json);
    json_decref(json);
    if (step) {
      char *spare = last;
      size_t spare_room = last_room;
      last = line, last_room = room;
      line = spare, room = spare_room;
    }
  }
  json_t *json = last ? json_loads(last, 0, NULL) : NULL;
  uint64_t step = whole(json, "step");
  if (step > run->step) run->step = step;
  json_decref(json);
  free(line);
  free(last);
  if (stream) fclose(stream);
}

/* The command and the accuracy of a result without metrics: that of an extraction. */
static void read_result(const char *dir, cream_run_summary *run) {
  char path[CREAM_MAX_FILE_NAME];
  snprintf(path, sizeof path, "%s/%s", dir, CREAM_RUN_RESULT);
  json_t *json = json_load_file(path, 0, NULL);
  const char *command = json_string_value(json_object_get(json, "command"));
  const json_t *top1 = json_object_get(json_object_get(json, "heldout"), "top1");
  if (command) snprintf(run->phase, sizeof run->phase, "%.15s", command);
  if (json_is_number(top1)) take_best(run, json_number_value(top1), "held out");
  json_decref(json);
}

void cream_run_summarise(const char *dir, const char *name, cream_run_summary *run) {
  *run = (cream_run_summary){.best = NAN, .best_of = "", .state = CREAM_RUN_BROKEN};
  snprintf(run->name, sizeof run->name, "%s", name);
  read_metrics(dir, run);
  cream_checkpoint_info info;
  bool found = false;
  run->has_checkpoint = cream_checkpoints_peek(dir, &info, &found, NULL) == CREAM_OK && found;
  if (run->has_checkpoint) {
    run->checkpoint = info.step;
    run->state = CREAM_RUN_INTERRUPTED;
    if (!run->phase[0]) strcpy(run->phase, info.command);
  }
  if (has(dir, CREAM_RUN_RESULT)) run->state = CREAM_RUN_FINISHED;
  if (!run->phase[0]) read_result(dir, run);
  if (cream_run_locked(dir)) run->state = CREAM_RUN_RUNNING;
}

static int by_name(const void *a, const void *b) {
  return strcmp(((const cream_run_summary *)a)->name, ((const cream_run_summary *)b)->name);
}

/* Adds the folder if it is a run folder. */
static cream_status add(const char *dir, const char *name, cream_run_summary **runs, int *count,
                        cream_error *err) {
  if (!cream_is_run(dir)) return CREAM_OK;
  cream_run_summary *grown = realloc(*runs, (size_t)(*count + 1) * sizeof *grown);
  if (!grown) return cream_fail_memory(err, (size_t)(*count + 1) * sizeof *grown, "the list of runs");
  *runs = grown;
  cream_run_summarise(dir, name, &grown[(*count)++]);
  return CREAM_OK;
}

cream_status cream_runs_list(const char *dir, cream_run_summary **runs, int *count, cream_error *err) {
  *runs = NULL;
  *count = 0;
  DIR *stream = opendir(dir);
  if (!stream) return cream_fail(err, CREAM_FAILED, "cannot read folder %s: %s", dir, strerror(errno));
  cream_status status = add(dir, ".", runs, count, err);
  const struct dirent *entry;
  while (!status && (entry = readdir(stream))) {
    char path[CREAM_MAX_FILE_NAME];
    if (entry->d_name[0] == '.') continue;
    int length = snprintf(path, sizeof path, "%s/%s", dir, entry->d_name);
    if (length > 0 && (size_t)length < sizeof path) status = add(path, entry->d_name, runs, count, err);
  }
  closedir(stream);
  if (status) {
    free(*runs);
    *runs = NULL;
    return status;
  }
  if (*count) qsort(*runs, (size_t)*count, sizeof **runs, by_name);
  return CREAM_OK;
}
