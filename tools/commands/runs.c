/* cream runs: a list of the runs in a folder. */
#include "io/run/run_list.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "commands.h"
#include "io/base/json.h"

static void print_json(const cream_run_summary *runs, int count) {
  cream_json json = cream_json_to(stdout);
  cream_json_array(&json, NULL, true);
  for (int i = 0; i < count; i++) {
    const cream_run_summary *run = &runs[i];
    cream_json_object(&json, NULL, false);
    cream_json_string(&json, "name", run->name);
    cream_json_string(&json, "command", run->phase);
    cream_json_string(&json, "state", cream_run_state_name(run->state));
    cream_json_integer(&json, "step", run->step);
    cream_json_integer(&json, "steps", run->steps);
    cream_json_number(&json, "best", run->best);
    if (*run->best_of) cream_json_string(&json, "best_of", run->best_of);
    if (run->has_checkpoint) cream_json_integer(&json, "checkpoint", run->checkpoint);
    cream_json_end(&json);
  }
  cream_json_end(&json);
  putchar('\n');
}

static void print_table(const cream_run_summary *runs, int count) {
  printf("%-24s %-8s %-12s %17s %6s %8s %-8s %11s\n", "run", "command", "state", "step", "done", "best", "of",
         "checkpoint");
  for (int i = 0; i < count; i++) {
    const cream_run_summary *run = &runs[i];
    char progress[48], best[16] = "-", checkpoint[24] = "-";
    snprintf(progress, sizeof progress, "%llu/%llu", (unsigned long long)run->step,
             (unsigned long long)run->steps);
    if (isfinite(run->best)) snprintf(best, sizeof best, "%.2f %%", 100 * run->best);
    if (run->has_checkpoint)
      snprintf(checkpoint, sizeof checkpoint, "%llu", (unsigned long long)run->checkpoint);
    printf("%-24s %-8s %-12s %17s %4.0f %% %8s %-8s %11s\n", run->name, run->phase,
           cream_run_state_name(run->state), progress,
           run->steps ? 100.0 * (double)run->step / (double)run->steps : 0.0, best,
           *run->best_of ? run->best_of : "-", checkpoint);
  }
}

typedef struct runs_options {
  cli_line line;
  bool json;
} runs_options;

static cream_status run(const void *values, cream_error *err) {
  const runs_options *options = values;
  const char *dir = options->line.arguments[0];
  cream_run_summary *runs = NULL;
  int count = 0;
  cream_status status = cream_runs_list(dir, &runs, &count, err);
  if (status != CREAM_OK) return status;
  if (options->json)
    print_json(runs, count);
  else if (count)
    print_table(runs, count);
  else
    fprintf(stderr, "no runs in %s\n", dir);
  free(runs);
  return CREAM_OK;
}

static const cli_option options[] = {
    CLI_VALUE(runs_options, json, OUTPUT, "json", NULL, "print the list on stdout as one JSON document"),
};

COMMAND(
    runs, "list the runs in a folder: state, progress, best accuracy", CLI_OPTIONS(options),
    CLI_VALUES(runs_options, line), .run = run, .arguments = "DIR", .least_arguments = 1, .most_arguments = 1,
    .missing = "no folder: expected cream runs DIR, the folder that contains the run folders",
    .text =
        "A run is running, finished, interrupted (--resume continues it) or broken (there is nothing to\n"
        "continue from). best is the accuracy of the test once it is done, before it the best on all "
        "held-out\n"
        "images, and before that the best score on the board, which is of one batch; \"of\" says which.\n");
