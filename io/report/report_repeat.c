/* The section on how to repeat the runs. */
#include <math.h>

#include "core/cream.h"
#include "html.h"
#include "report_page.h"
#include "report_sections.h"

/* The command line and the machine of each start. */
static void put_starts(FILE *out, const report_run *run) {
  const json_t *starts = report_member(run->origin, "starts"), *start;
  size_t i;
  json_array_foreach(starts, i, start) {
    cream_html(out, "<pre>%s</pre>\n<p>%s %s; cream %s, compiler %s; %s; %s, %g processors",
               report_text(start, "command"), i ? "Resumed" : "Started", report_text(start, "time"),
               report_text(start, "program"), report_text(start, "compiler"), report_text(start, "system"),
               report_text(start, "cpu"), report_number(start, "processors"));
    if (isfinite(report_number(start, "memory")))
      cream_html(out, ", %.1f GB of memory", report_number(start, "memory") / 1e9);
    double threads = report_number(start, "threads");
    if (threads > 0) cream_html(out, ", %g threads", threads);
    fputs("</p>\n", out);
  }
}

static void put_origin(FILE *out, const report_run *run) {
  if (!run->origin) {
    report_missing(out, "The command line, the machine and the data are not known.",
                   "Run this version of cream, which writes them to origin.json.");
    return;
  }
  put_starts(out, run);
  cream_html(out, "<p>Data %s: %g classes, %g training and %g test images, fingerprint <code>%s</code></p>\n",
             report_text(run->origin, "data.spec"), report_number(run->origin, "data.classes"),
             report_number(run->origin, "data.train"), report_number(run->origin, "data.test"),
             report_text(run->origin, "data.fingerprint"));
}

bool report_repeat(FILE *out, const report *r) {
  cream_html(out, "<p>This report was written by cream %s.</p>\n", CREAM_VERSION);
  for (int i = 0; i < r->n_studies; i++)
    cream_html(out, "<p>Study %s in <code>%s</code>: study.json has its arms, seeds and settings.</p>\n",
               r->studies[i].name, r->studies[i].dir);
  for (int i = 0; i < r->n_runs; i++) {
    const report_run *run = r->runs[i];
    cream_html(out, "<h3>%s</h3>\n<p>Folder <code>%s</code>", run->name, run->dir);
    if (run->has_config) cream_html(out, ", seed %llu", (unsigned long long)run->config.seed);
    fputs("</p>\n", out);
    put_origin(out, run);
    if (run->config_text)
      cream_html(
          out,
          "<details><summary>All settings (config.yaml)</summary><pre tabindex=\"0\">%s</pre></details>\n",
          run->config_text);
  }
  return r->n_runs > 0;
}
