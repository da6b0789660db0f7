#ifndef CREAM_IO_LIST_H
#define CREAM_IO_LIST_H

#include "fileset.h"

/* Opens the list in `text`, `size` bytes and a 0 byte, which the function takes over and frees. list.c describes the
 * lines. CREAM_BAD_DATA, with the line: a malformed line, labels that mix numbers and names, a number out of range, or
 * a part on some lines only; or a class without training images. */
cream_status cream_list_parse(const cream_fileset_place *, char *text, size_t size, cream_dataset **,
                              cream_error *);

#endif
