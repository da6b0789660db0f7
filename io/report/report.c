#include "report.h"

#include <stdlib.h>

#include "io/base/file.h"
#include "report_folder.h"
#include "report_sections.h"

static void write_page(FILE *out, const report *r, cream_report_outcome *outcome) {
  char names[(REPORT_RUNS + REPORT_STUDIES) * (sizeof r->runs[0]->name + 2)] = "";
  size_t used = 0;
  int n = r->n_studies ? r->n_studies : r->n_runs;
  for (int i = 0; i < n; i++)
    used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", i ? ", " : "",
                             r->n_studies ? r->studies[i].name : r->runs[i]->name);
  report_page_begin(out, r->n_studies ? "Study" : r->n_runs == 1 ? "Run" : "Runs", names);
  report_write_nav(out);
  fputs("</header>\n<main>\n", out);
  report_write_sections(out, r, outcome);
  report_page_end(out);
}

static cream_status write_runs(const char *const *dirs, int n, const char *path,
                               cream_report_outcome *outcome, cream_error *err) {
  report *r = malloc(sizeof *r);
  if (!r) return cream_fail_memory(err, sizeof *r, "the report");
  cream_file file;
  cream_status status = report_open(r, dirs, n, err);
  if (!status) status = cream_file_create(&file, path, err);
  if (!status) {
    outcome->runs = r->n_runs;
    outcome->studies = r->n_studies;
    write_page(file.stream, r, outcome);
    status = cream_file_commit(&file, err);
  }
  report_close(r);
  free(r);
  return status;
}

cream_status cream_report_write(const char *const *dirs, int n, const char *path,
                                cream_report_outcome *outcome, cream_error *err) {
  *outcome = (cream_report_outcome){0};
  if (n == 1 && report_is_folder(dirs[0])) return report_write_folder(dirs[0], path, outcome, err);
  return write_runs(dirs, n, path, outcome, err);
}
