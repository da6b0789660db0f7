/* The functions of the sections, one for each entry of CREAM_REPORT_SECTION_LIST. Internal to
 * io/report/report*.c. */
#ifndef CREAM_IO_REPORT_SECTIONS_H
#define CREAM_IO_REPORT_SECTIONS_H

#include <stdio.h>

#include "report_data.h"
#include "report_section_list.h"

/* Writes what follows the heading. False: there is nothing to show, and the section says why. */
typedef bool report_section(FILE *, const report *);

#define REPORT_SECTION_DECLARATION(section, id, heading) report_section report_##section;
CREAM_REPORT_SECTION_LIST(REPORT_SECTION_DECLARATION)
#undef REPORT_SECTION_DECLARATION

#endif
