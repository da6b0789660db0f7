/* cream runs: what became of the runs in a folder. */
#include "io/run/run_list.h"

#include <math.h>
#include <popt.h>
#include <stdio.h>
#include <stdlib.h>

#include "tools/cli/describe.h"
#include "io/base/json.h"
#include "tools/cli/options.h"

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
    if (run->has_checkpoint) cream_json_integer(&json, "checkpoint", run->checkpoint);
    cream_json_end(&json);
  }
  cream_json_end(&json);
  putchar('\n');
}

static void print_table(const cream_run_summary *runs, int count) {
  printf("%-24s %-8s %-12s %17s %6s %8s %11s\n", "run", "command", "state", "step", "done", "best",
         "checkpoint");
  for (int i = 0; i < count; i++) {
    const cream_run_summary *run = &runs[i];
    char progress[48], best[16] = "-", checkpoint[24] = "-";
    snprintf(progress, sizeof progress, "%llu/%llu", (unsigned long long)run->step,
             (unsigned long long)run->steps);
    if (isfinite(run->best)) snprintf(best, sizeof best, "%.2f %%", 100 * run->best);
    if (run->has_checkpoint)
      snprintf(checkpoint, sizeof checkpoint, "%llu", (unsigned long long)run->checkpoint);
    printf("%-24s %-8s %-12s %17s %4.0f %% %8s %11s\n", run->name, run->phase,
           cream_run_state_name(run->state), progress,
           run->steps ? 100.0 * (double)run->step / (double)run->steps : 0.0, best, checkpoint);
  }
}

static cream_status command(int argc, const char **argv, cream_error *err) {
  int json = 0, help = 0, code;
  const struct poptOption table[] = {
      {"json", 0, POPT_ARG_NONE, &json, 0, "the list on stdout as one JSON document", NULL},
      {"help", 'h', POPT_ARG_NONE, &help, 0, "this text", NULL},
      POPT_TABLEEND};
  argv[0] = "cream runs";
  poptContext context = describe_context("cream runs", argc, argv, table);
  if (!context) return cream_fail_memory(err, sizeof table, "the options");
  poptSetOtherOptionHelp(context, "[options] DIR");
  while ((code = poptGetNextOpt(context)) > 0) {
  }
  const char *dir = poptGetArg(context), *extra = poptPeekArg(context);
  cream_status status = CREAM_OK;
  cream_run_summary *runs = NULL;
  int count = 0;
  if (code < -1)
    status = cream_fail(err, CREAM_BAD_CONFIG, "%s: %s; see cream runs --help", poptBadOption(context, 0),
                        poptStrerror(code));
  else if (help) {
    printf("runs: %s\n\n", tool_runs.summary);
    poptPrintHelp(context, stdout, 0);
    printf("\nA run is running, finished, interrupted (--resume goes on with it) or broken (nothing to go on "
           "from).\n"
           "best is the accuracy on held-out images, or that of the test once it is done.\n"
           "\nExit codes: 0 done, 1 failed, 2 wrong usage or configuration.\n");
  } else if (extra)
    status = cream_fail(err, CREAM_BAD_CONFIG, "unexpected argument \"%s\"; see cream runs --help", extra);
  else if (!dir)
    status =
        cream_fail(err, CREAM_BAD_CONFIG, "no folder: expected cream runs DIR, the folder that runs lie in");
  else
    status = cream_runs_list(dir, &runs, &count, err);
  if (status == CREAM_OK && !help && (json || count))
    json ? print_json(runs, count) : print_table(runs, count);
  else if (status == CREAM_OK && !help)
    fprintf(stderr, "no runs in %s\n", dir);
  free(runs);
  poptFreeContext(context);
  return status;
}

const tool tool_runs = {
    .name = "runs",
    .summary = "list the runs in a folder: state, progress, best accuracy",
    .command = command,
};
