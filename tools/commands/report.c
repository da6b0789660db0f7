/* cream report: runs and studies as one HTML page. */
#include "io/report/report.h"

#include <stdio.h>

#include "io/base/json.h"
#include "tools/cli/options.h"

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

static cream_status report_run_tool(const tool_options *options, cream_error *err) {
  if (!options->n_arguments)
    return cream_fail(err, CREAM_BAD_CONFIG,
                      "no folder: expected cream report DIR..., run folders or a study's");
  const char *path = *options->config.out ? options->config.out : "report.html";
  cream_report_outcome outcome;
  cream_status status =
      cream_report_write((const char *const *)options->arguments, options->n_arguments, path, &outcome, err);
  if (status != CREAM_OK) return status;
  if (options->json) {
    print_json(path, &outcome);
    return CREAM_OK;
  }
  int filled = 0;
  for (int s = 0; s < CREAM_REPORT_SECTIONS; s++) filled += outcome.sections[s].filled;
  printf("report      %s: %d runs, %d studies, %d of %d sections have data\n", path, outcome.runs,
         outcome.studies, filled, CREAM_REPORT_SECTIONS);
  return CREAM_OK;
}

const tool tool_report = {
    .name = "report",
    .summary = "runs and studies as one HTML page with plots",
    .options = "out json ",
    .arguments = "DIR...",
    .out = "HTML file to write (default: report.html)",
    .notes = "DIR is the folder of a search, of a retraining, or of a study. Several are drawn over each "
             "other. The\n"
             "page needs no other file and no network; without --out it is ./report.html. Sections whose "
             "data the\n"
             "folders lack say which command makes them.\n",
    .run = report_run_tool,
};
