#include "report_folder.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "figure.h"
#include "html.h"
#include "io/base/file.h"
#include "io/run/run_list.h"
#include "report_cells.h"
#include "report_sections.h"

/* The reports of the first CONTAINED runs are in the page; the table has all. */
enum { CONTAINED = 64 };

/* ---- the table ----------------------------------------------------------------------------------- */

static void put_state(FILE *out, const cream_run_summary *summary) {
  fputs(cream_run_state_name(summary->state), out);
  if (summary->state != CREAM_RUN_FINISHED && summary->steps)
    cream_html(out, ", step %llu of %llu", (unsigned long long)summary->step,
               (unsigned long long)summary->steps);
}

/* When the run was last started. */
static void put_date(FILE *out, const report_run *run) {
  const json_t *starts = report_member(run->origin, "starts");
  size_t n = json_array_size(starts);
  const char *time = n ? report_text(json_array_get(starts, n - 1), "time") : "";
  cream_html(out, "%s", *time ? time : "-");
}

static void put_best(FILE *out, const cream_run_summary *summary) {
  if (isfinite(summary->best))
    cream_html(out, "%.2f %% (%s)", 100 * summary->best, summary->best_of);
  else
    fputs("-", out);
}

/* run NULL: it could not be read. contained: the page has its report. */
static void put_row(FILE *out, const cream_run_summary *summary, const report_run *run, int number,
                    bool contained) {
  fputs("<tr><th scope=\"row\">", out);
  if (contained)
    cream_html(out, "<a href=\"#run-%d\">%s</a></th>", number, summary->name);
  else
    cream_html(out, "%s</th>", summary->name);
  cream_html(out, "<td>%s</td><td>", *summary->phase ? summary->phase : "-");
  put_state(out, summary);
  fputs("</td><td>", out);
  put_best(out, summary);
  if (!run) {
    fputs("</td><td>-</td><td>-</td><td>-</td><td>-</td></tr>\n", out);
    return;
  }
  fputs("</td><td>", out);
  report_put_flops(out, run);
  fputs("</td><td>", out);
  report_put_params(out, run);
  fputs("</td><td>", out);
  put_date(out, run);
  fputs("</td><td class=\"path\">", out);
  report_put_path(out, run);
  fputs("</td></tr>\n", out);
}

/* ---- the reports --------------------------------------------------------------------------------- */

/* Writes the report of a run so that its ids are unique in the page. */
static void write_report(FILE *out, const report *r, int number, cream_report_outcome *outcome) {
  char *text = NULL, prefix[24];
  size_t size;
  FILE *memory = open_memstream(&text, &size);
  if (!memory) return;
  report_write_nav(memory);
  report_write_sections(memory, r, outcome);
  bool written = !ferror(memory);
  if (fclose(memory) || !written) {
    fputs("<p class=\"missing\">There is no memory for this report.</p>\n", out);
  } else {
    snprintf(prefix, sizeof prefix, "run-%d-", number);
    cream_html_prefixed(out, text, prefix);
  }
  free(text);
}

/* Writes the run's row to `table` and its report to `reports`. */
static void write_run(FILE *table, FILE *reports, const char *dir, const cream_run_summary *summary,
                      int number, report *r, cream_report_outcome *outcome) {
  char path[CREAM_MAX_FILE_NAME];
  const char *dirs[] = {path};
  cream_error reason;
  bool contained = number < CONTAINED;
  snprintf(path, sizeof path, "%s/%s", dir, summary->name);
  cream_status status = report_open(r, dirs, 1, &reason);
  put_row(table, summary, status ? NULL : r->runs[0], number, contained);
  if (contained) {
    /* A link to what is folded unfolds it. */
    cream_html(reports, "<details class=\"run\"><summary>%s</summary>\n<div id=\"run-%d\">\n", summary->name,
               number);
    if (status)
      cream_html(reports, "<p class=\"missing\">The run cannot be read: %s</p>\n", reason.text);
    else
      write_report(reports, r, number, outcome);
    fputs("</div>\n</details>\n", reports);
  }
  report_close(r);
}

static void write_page(FILE *out, const char *dir, const cream_run_summary *runs, int count, report *r,
                       FILE *reports, cream_report_outcome *outcome) {
  report_page_begin(out, "Runs in", dir);
  fputs("</header>\n<main>\n<section id=\"runs\">\n<h2>All runs</h2>\n", out);
  cream_scroll_begin(out, "All runs", false);
  fputs("<table class=\"runs\"><thead><tr><th scope=\"col\">run</th><th scope=\"col\">command</th>"
        "<th scope=\"col\">state</th><th scope=\"col\">top-1 (of)</th><th scope=\"col\">FLOPs</th>"
        "<th scope=\"col\">parameters</th><th scope=\"col\">last start</th><th scope=\"col\">network</th>"
        "</tr></thead><tbody>\n",
        out);
  for (int i = 0; i < count; i++) write_run(out, reports, dir, &runs[i], i, r, outcome);
  fputs("</tbody></table>", out);
  cream_scroll_end(out);
  fputs(
      "<p class=\"note\">Top-1 is the accuracy on the test images; before the test, the best on all held-out "
      "images, and before that the best score on the board, which is of one batch. The report of a run opens "
      "below.</p>\n",
      out);
  if (count > CONTAINED)
    cream_html(out,
               "<p class=\"note\">The reports of the first %d runs are below; write those of others with "
               "cream report %s/RUN.</p>\n",
               CONTAINED, dir);
  fputs("</section>\n", out);
}

/* The table comes first in the page, but is written together with the reports. */
static cream_status write_file(const char *dir, const char *path, const cream_run_summary *runs, int count,
                               report *r, cream_report_outcome *outcome, cream_error *err) {
  cream_file file;
  char *text = NULL;
  size_t size = 0;
  cream_status status = cream_file_create(&file, path, err);
  if (status) return status;
  FILE *reports = open_memstream(&text, &size);
  if (!reports) {
    cream_file_abandon(&file);
    return cream_fail_memory(err, sizeof *r, "the reports of the runs");
  }
  write_page(file.stream, dir, runs, count, r, reports, outcome);
  bool complete = !ferror(reports);
  if (fclose(reports) || !complete) {
    free(text);
    cream_file_abandon(&file);
    return cream_fail_memory(err, size, "the reports of the runs");
  }
  fwrite(text, 1, size, file.stream);
  free(text);
  report_page_end(file.stream);
  return cream_file_commit(&file, err);
}

cream_status report_write_folder(const char *dir, const char *path, cream_report_outcome *outcome,
                                 cream_error *err) {
  cream_run_summary *runs = NULL;
  int count = 0;
  report *r = malloc(sizeof *r);
  if (!r) return cream_fail_memory(err, sizeof *r, "the report");
  cream_status status = cream_runs_list(dir, &runs, &count, err);
  outcome->runs = count;
  if (!status) status = write_file(dir, path, runs, count, r, outcome, err);
  free(runs);
  free(r);
  return status;
}
