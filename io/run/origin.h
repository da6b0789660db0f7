/* The origin of a run: what is needed to repeat it, besides its settings. Format: docs/formats.md. */
#ifndef CREAM_IO_ORIGIN_H
#define CREAM_IO_ORIGIN_H

#include "core/space/space.h"
#include "io/dataset/data.h"
#include "run.h"

typedef struct cream_origin {
  const char *command;      /* "search" */
  const char *const *words; /* [n_words] the words that follow it on the command line */
  int n_words;
  int threads;      /* as requested; 0: one per processor */
  const char *data; /* the argument of --data */
  const cream_dataset *dataset;
} cream_origin;

/* Writes origin.json. resumed: this start is appended to those in the file. */
cream_status cream_origin_write(const cream_run *, const cream_origin *, bool resumed, cream_error *);
/* Writes space.yaml. */
cream_status cream_run_write_space(const cream_run *, const cream_space *, cream_error *);

/* XXH3 (128 bits, hexadecimal, most significant first) of a data set: the number and the names of its
 * classes, the labels of both parts, and the pixels of 64 evenly spaced images of each part (or of all, if
 * there are fewer). For an image that cannot be read, its index is hashed instead. */
cream_status cream_data_fingerprint(const cream_dataset *, char hex[33], cream_error *);

/* The command line "cream COMMAND WORDS..." with words quoted for a shell where needed, cut to `size` bytes.
 * Returns `text`. */
char *cream_command_line(const char *command, const char *const *words, int n_words, char *text, size_t size);

#endif
