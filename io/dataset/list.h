#ifndef CREAM_IO_LIST_H
#define CREAM_IO_LIST_H

#include "data.h"
#include "fileset.h"

/* `list:FILE[,val=SHARE][,seed=N][,labels=names]`: a picture a line,
 *
 *   PATH LABEL                parted by the last blank of the line, or
 *   PATH<TAB>LABEL            parted by a tab, or
 *   PATH<TAB>LABEL<TAB>PART   with the part: train, or one of val, validation, valid, test.
 *
 * A path that does not begin with a slash is below the folder of the list; its bytes are taken as they are.
 * Labels are whole numbers from 0 without gaps, or else names, sorted by their bytes; `labels=names` takes
 * numbers for names too. Without parts a share is set aside for testing. CREAM_BAD_DATA with the line: no
 * such line, numbers and names mixed, a number out of range, parts on some lines alone; or a class without
 * training pictures. */
cream_status cream_list_open(const char *place, cream_dataset **, cream_error *);

/* The same from the text of a list of `size` bytes with a 0 after them, which it takes over and frees. */
cream_status cream_list_parse(const cream_fileset_place *, char *text, size_t size, cream_dataset **,
                              cream_error *);

#endif
