/* Prefixes that wrappers put before the names of tensors: `module.` of DataParallel, `model.` of Lightning ... */
#ifndef CREAM_IO_PREFIX_H
#define CREAM_IO_PREFIX_H

#include "naming.h"

enum { CREAM_PREFIX_MOST = 16, CREAM_PREFIX_LENGTH = 256 };

typedef struct cream_prefixes {
  int count; /* of prefixes with which all names of the network are there; the first ones are in `text` */
  char text[CREAM_PREFIX_MOST][CREAM_PREFIX_LENGTH];
} cream_prefixes;

/* Finds the prefixes with which a list of names has all names of a network's parameters. The empty prefix is the only result
 * if it is one. CREAM_FAILED if memory is out. */
cream_status cream_prefixes_find(const char *const *names, int count, const cream_param *, int n_params,
                                 cream_prefixes *, cream_error *);

/* The same for the names of all schemes (naming.h), of which the first with a result is taken; *naming is it. net NULL:
 * this program's own names only. */
cream_status cream_prefixes_find_any(const char *const *names, int count, const cream_skeleton *net,
                                     const cream_param *, int n_params, cream_prefixes *,
                                     cream_naming *naming, cream_error *);

#endif
