#include "report.h"

#include <stdlib.h>
#include <string.h>

#include "html.h"
#include "io/base/file.h"
#include "report_sections.h"

static const char style[] = {
#define EMBEDDED(name, ...) __VA_ARGS__, 0
#include "styles.inc"
#undef EMBEDDED
};

static const struct {
  const char *id, *heading;
  report_section *write;
} sections[CREAM_REPORT_SECTIONS] = {
#define SECTION(section, id, heading) {id, heading, report_##section},
    CREAM_REPORT_SECTION_LIST(SECTION)
#undef SECTION
};

static void write_head(FILE *out, const report *r) {
  fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
        "<meta name=\"color-scheme\" content=\"light dark\">\n"
        "<link rel=\"icon\" href=\"data:,\">\n<title>cream: ",
        out);
  for (int i = 0; i < r->n_studies; i++) cream_html(out, "%s%s", i ? ", " : "", r->studies[i].name);
  for (int i = 0; i < r->n_runs && !r->n_studies; i++)
    cream_html(out, "%s%s", i ? ", " : "", r->runs[i]->name);
  fprintf(out, "</title>\n<style>\n%s</style>\n</head>\n<body>\n<header><h1>", style);
  fputs(r->n_studies ? "Study" : r->n_runs == 1 ? "Run" : "Runs", out);
  for (int i = 0; i < r->n_studies; i++) cream_html(out, "%s <em>%s</em>", i ? "," : "", r->studies[i].name);
  for (int i = 0; i < r->n_runs && !r->n_studies; i++)
    cream_html(out, "%s <em>%s</em>", i ? "," : "", r->runs[i]->name);
  fputs("</h1>\n<nav aria-label=\"Sections\"><ul>", out);
  for (int s = 0; s < CREAM_REPORT_SECTIONS; s++)
    cream_html(out, "<li><a href=\"#%s\">%s</a></li>", sections[s].id, sections[s].heading);
  fputs("</ul></nav></header>\n<main>\n", out);
}

static void write_page(FILE *out, const report *r, cream_report_outcome *outcome) {
  write_head(out, r);
  for (int s = 0; s < CREAM_REPORT_SECTIONS; s++) {
    cream_html(out, "<section id=\"%s\">\n<h2>%s</h2>\n", sections[s].id, sections[s].heading);
    outcome->sections[s] = (cream_report_section){sections[s].id, sections[s].write(out, r)};
    fputs("</section>\n", out);
  }
  fputs("</main>\n</body>\n</html>\n", out);
}

cream_status cream_report_write(const char *const *dirs, int n, const char *path,
                                cream_report_outcome *outcome, cream_error *err) {
  report *r = malloc(sizeof *r);
  if (!r) return cream_fail_memory(err, sizeof *r, "the report");
  cream_file file;
  cream_status status = report_open(r, dirs, n, err);
  if (!status) status = cream_file_create(&file, path, err);
  if (!status) {
    *outcome = (cream_report_outcome){.runs = r->n_runs, .studies = r->n_studies};
    write_page(file.stream, r, outcome);
    status = cream_file_commit(&file, err);
  }
  report_close(r);
  free(r);
  return status;
}
