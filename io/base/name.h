/* Names of files and classes: as printable text, and compared as people read them. */
#ifndef CREAM_IO_NAME_H
#define CREAM_IO_NAME_H

#include <stdbool.h>
#include <stddef.h>

/* Writes a name as one line of UTF-8: control characters and bytes that are not UTF-8 become \xNN, the rest is unchanged.
 * The result is cut between characters to size - 1 bytes. Returns `text`. */
char *cream_name_show(const char *bytes, char *text, size_t size);

/* Returns the name in Unicode's composed form (NFC), which the caller frees; a name that is not UTF-8 is copied. macOS
 * stores the decomposed form, so that one name can have two forms of different bytes. NULL: out of memory. */
char *cream_name_composed(const char *name);
/* Whether two names are equal in the composed form. */
bool cream_name_equal(const char *a, const char *b);

#endif
