/* Names of files and classes as text. */
#ifndef CREAM_IO_NAME_H
#define CREAM_IO_NAME_H

#include <stddef.h>

/* Bytes of a name as one line of UTF-8: control characters and bytes that are not UTF-8 come as \xNN, all
 * else as it is. Cut off between characters at size - 1 bytes; returns `text`. */
char *cream_name_show(const char *bytes, char *text, size_t size);

#endif
