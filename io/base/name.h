/* Names of files and classes as printable text. */
#ifndef CREAM_IO_NAME_H
#define CREAM_IO_NAME_H

#include <stddef.h>

/* Writes a name as one line of UTF-8: control characters and bytes that are not UTF-8 become \xNN, the rest is unchanged.
 * The result is cut between characters to size - 1 bytes. Returns `text`. */
char *cream_name_show(const char *bytes, char *text, size_t size);

#endif
