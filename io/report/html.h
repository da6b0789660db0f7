/* HTML and SVG as text, with everything escaped that was not written here. */
#ifndef CREAM_IO_HTML_H
#define CREAM_IO_HTML_H

#include <stdarg.h>
#include <stdio.h>

/* Text from anywhere, as it may stand between tags and in quoted attributes: markup is escaped; bytes that
 * are no UTF-8, and characters that HTML must not have, become U+FFFD. */
void cream_html_text(FILE *, const char *text);
/* As fprintf, but every %s is escaped as above. Widths and precisions in the format itself, none by `*`.
 * Conversions: d u zu llu f g c s %. */
void cream_html(FILE *, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
