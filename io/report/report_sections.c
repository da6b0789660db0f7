#include "report_sections.h"

#include "html.h"

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

void report_page_begin(FILE *out, const char *kind, const char *names) {
  fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
        "<meta name=\"color-scheme\" content=\"light dark\">\n"
        "<link rel=\"icon\" href=\"data:,\">\n",
        out);
  cream_html(out, "<title>cream: %s</title>\n", names);
  fprintf(out, "<style>\n%s</style>\n</head>\n<body>\n<header><h1>", style);
  cream_html(out, "%s <em>%s</em></h1>\n", kind, names);
}

void report_page_end(FILE *out) {
  fputs("</main>\n</body>\n</html>\n", out);
}

void report_write_nav(FILE *out) {
  fputs("<nav aria-label=\"Sections\"><ul>", out);
  for (int s = 0; s < CREAM_REPORT_SECTIONS; s++)
    cream_html(out, "<li><a href=\"#%s\">%s</a></li>", sections[s].id, sections[s].heading);
  fputs("</ul></nav>\n", out);
}

void report_write_sections(FILE *out, const report *r, cream_report_outcome *outcome) {
  for (int s = 0; s < CREAM_REPORT_SECTIONS; s++) {
    cream_html(out, "<section id=\"%s\">\n<h2>%s</h2>\n", sections[s].id, sections[s].heading);
    bool filled = sections[s].write(out, r);
    outcome->sections[s].id = sections[s].id;
    outcome->sections[s].filled |= filled;
    fputs("</section>\n", out);
  }
}
