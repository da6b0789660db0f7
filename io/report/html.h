/* Writes HTML and SVG, and escapes all inserted text. */
#ifndef CREAM_IO_HTML_H
#define CREAM_IO_HTML_H

#include <stdarg.h>
#include <stdio.h>

/* Writes untrusted text so that it is safe between tags and in quoted attributes: markup is escaped, and bytes
 * that are not valid UTF-8 or characters that HTML forbids become U+FFFD. */
void cream_html_text(FILE *, const char *text);
/* Like fprintf, but escapes the argument of every %s as above. Conversions: d u zu llu f g c s %; widths and
 * precisions must be numbers, not `*`. */
void cream_html(FILE *, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Writes a part of a page with `prefix` before every id and every reference to one, so that it can be in a page with
 * others like it. */
void cream_html_prefixed(FILE *, const char *html, const char *prefix);

#endif
