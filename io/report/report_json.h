/* Members of JSON objects by paths such as "a.b.c". Internal to io/report/report*.c. */
#ifndef CREAM_IO_REPORT_JSON_H
#define CREAM_IO_REPORT_JSON_H

#include <jansson.h>

/* NULL: there is no such member. */
const json_t *report_member(const json_t *, const char *path);
/* NaN: there is no such number. */
double report_number(const json_t *, const char *path);
/* "": there is no such string. */
const char *report_text(const json_t *, const char *path);

#endif
