/* The functions of the sections, one for each entry of CREAM_REPORT_SECTION_LIST. Internal to
 * io/report/report*.c. */
#ifndef CREAM_IO_REPORT_SECTIONS_H
#define CREAM_IO_REPORT_SECTIONS_H

#include <stdio.h>

#include "report.h"
#include "report_data.h"
#include "report_section_list.h"

/* Writes what follows the heading. False: there is nothing to show, and the section says why. */
typedef bool report_section(FILE *, const report *);

#define REPORT_SECTION_DECLARATION(section, id, heading) report_section report_##section;
CREAM_REPORT_SECTION_LIST(REPORT_SECTION_DECLARATION)
#undef REPORT_SECTION_DECLARATION

/* The frame of a page: page_begin up to and with the heading "KIND NAMES" in an open <header>; then the links
 * to the sections and the end of the header, <main>, the sections, page_end. */
void report_page_begin(FILE *, const char *kind, const char *names);
void report_write_nav(FILE *);
/* Adds to the outcome which sections have data. */
void report_write_sections(FILE *, const report *, cream_report_outcome *);
void report_page_end(FILE *);

#endif
