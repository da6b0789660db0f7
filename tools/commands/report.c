/* cream report: runs and studies as one HTML page. */
#include "io/report/report.h"

#include <stdio.h>

#include "commands.h"
#include "io/base/json.h"

static void print_json(const char *path, const cream_report_outcome *outcome) {
  cream_json json = cream_json_to(stdout);
  cream_json_object(&json, NULL, true);
  cream_json_string(&json, "report", path);
  cream_json_number(&json, "runs", outcome->runs);
  cream_json_number(&json, "studies", outcome->studies);
  cream_json_object(&json, "sections", true);
  for (int s = 0; s < CREAM_REPORT_SECTIONS; s++)
    cream_json_bool(&json, outcome->sections[s].id, outcome->sections[s].filled);
  cream_json_end(&json);
  cream_json_end(&json);
  putchar('\n');
}

typedef struct report_options {
  cli_line line;
  const char *out;
  bool json;
} report_options;

static cream_status run(const void *values, cream_error *err) {
  const report_options *options = values;
  cream_report_outcome outcome;
  cream_status status =
      cream_report_write(options->line.arguments, options->line.n_arguments, options->out, &outcome, err);
  if (status != CREAM_OK) return status;
  if (options->json) {
    print_json(options->out, &outcome);
    return CREAM_OK;
  }
  int filled = 0;
  for (int s = 0; s < CREAM_REPORT_SECTIONS; s++) filled += outcome.sections[s].filled;
  printf("report      %s: %d runs, %d studies, %d of %d sections have data\n", options->out, outcome.runs,
         outcome.studies, filled, CREAM_REPORT_SECTIONS);
  return CREAM_OK;
}

static void defaults(void *values) {
  ((report_options *)values)->out = "report.html";
}

static const cli_option options[] = {
    CLI_VALUE(report_options, out, OUTPUT, "out", "FILE", "HTML file to write"),
    CLI_VALUE(report_options, json, OUTPUT, "json", NULL,
              "print what was written on stdout as one JSON document"),
};

COMMAND(
    report, "write runs and studies as one HTML page with plots", CLI_OPTIONS(options),
    CLI_VALUES(report_options, line), .defaults = defaults, .run = run, .arguments = "DIR...",
    .least_arguments = 1, .most_arguments = INT_MAX,
    .missing = "no folder: expected cream report DIR..., folders of runs or of a study",
    .text =
        "DIR is the folder of a search, of a retraining, or of a study. Curves of several are drawn in the\n"
        "same plots. A folder whose subfolders are runs, given alone, becomes a table of the runs and the\n"
        "report of each. The page needs no other file and no network. A section without data names the\n"
        "command that makes them.\n");
