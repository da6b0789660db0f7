/* The section with a table of all runs. */
#include <math.h>

#include "html.h"
#include "report_cells.h"
#include "report_page.h"
#include "report_sections.h"

/* A row: a property of every run. */
static void put_row(FILE *out, const report *r, const char *what, report_put_cell *put) {
  cream_html(out, "<tr><th scope=\"row\">%s</th>", what);
  for (int i = 0; i < r->n_runs; i++) {
    fputs("<td>", out);
    put(out, r->runs[i]);
    fputs("</td>", out);
  }
  fputs("</tr>\n", out);
}

static bool has_latency(const report *r) {
  for (int i = 0; i < r->n_runs; i++) {
    const json_t *result = r->runs[i]->result;
    const json_t *first = json_array_get(report_member(result, "budgets"), 0);
    if (isfinite(report_number(first ? first : result, "ms"))) return true;
  }
  return false;
}

static bool has_notes(const report *r) {
  for (int i = 0; i < r->n_runs; i++)
    if (r->runs[i]->metrics.n_notes || r->runs[i]->metrics.broken) return true;
  return false;
}

bool report_summary(FILE *out, const report *r) {
  if (!r->n_runs)
    return report_missing(out, "No run was given.", "Give run folders too: cream report DIR...");
  cream_scroll_begin(out, "Summary", false);
  fputs("<table class=\"summary\"><thead><tr><td></td>", out);
  for (int i = 0; i < r->n_runs; i++) cream_html(out, "<th scope=\"col\">%s</th>", r->runs[i]->name);
  fputs("</tr></thead><tbody>\n", out);
  put_row(out, r, "command", report_put_command);
  put_row(out, r, "state", report_put_state);
  put_row(out, r, "data", report_put_data);
  put_row(out, r, "search space", report_put_space);
  put_row(out, r, "network", report_put_path);
  put_row(out, r, "top-1, held-out images", report_put_heldout);
  put_row(out, r, "top-1, test images", report_put_test);
  put_row(out, r, "FLOPs (as in the paper)", report_put_flops);
  put_row(out, r, "multiply-adds", report_put_macs);
  put_row(out, r, "parameters", report_put_params);
  if (has_latency(r)) put_row(out, r, "latency by the table", report_put_latency);
  put_row(out, r, "resolution", report_put_resolution);
  put_row(out, r, "steps", report_put_steps);
  put_row(out, r, "meta network updated", report_put_updates);
  put_row(out, r, "time", report_put_time);
  put_row(out, r, "memory", report_put_memory);
  put_row(out, r, "speed", report_put_speed);
  if (has_notes(r)) put_row(out, r, "notes", report_put_notes);
  fputs("</tbody></table>", out);
  cream_scroll_end(out);
  if (r->n_studies)
    fputs("<p class=\"note\">For a study, this table has the first run of each arm; "
          "<a href=\"#arms\">the table of arms</a> has means over all seeds.</p>\n",
          out);
  if (r->left_out) cream_html(out, "<p class=\"note\">Only the first %d runs are shown.</p>\n", REPORT_RUNS);
  return true;
}
