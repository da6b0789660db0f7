/* Where a run comes from: what it takes to repeat it, beside its settings. Format: docs/formats.md. */
#ifndef CREAM_IO_ORIGIN_H
#define CREAM_IO_ORIGIN_H

#include "core/space/space.h"
#include "io/dataset/data.h"
#include "run.h"

#define CREAM_RUN_ORIGIN "origin.json" /* command lines, machine, data */
#define CREAM_RUN_SPACE  "space.yaml"  /* the search space, whatever becomes of the file it was read from */

typedef struct cream_origin {
  const char *command;      /* "search" */
  const char *const *words; /* [n_words] of the command line that follow it */
  int n_words;
  int threads;      /* as asked for; 0: all */
  const char *data; /* what --data names */
  const cream_dataset *dataset;
} cream_origin;

/* Writes origin.json; `resumed`: after the starts that the file has already. */
cream_status cream_origin_write(const cream_run *, const cream_origin *, bool resumed, cream_error *);
/* Writes space.yaml. */
cream_status cream_run_write_space(const cream_run *, const cream_space *, cream_error *);

/* XXH3 (128 bits, hexadecimal, most significant first) of a data set: number of classes and their names,
 * labels of both parts, and of each part the pixels of 64 pictures (all, where it has fewer) at even
 * distances; of one that cannot be read, its index. */
cream_status cream_data_fingerprint(const cream_dataset *, char hex[33], cream_error *);

/* A command line as a shell reads it: words quoted where they have to be. Cut to `size`. Returns `text`. */
char *cream_command_line(const char *command, const char *const *words, int n_words, char *text, size_t size);

#endif
