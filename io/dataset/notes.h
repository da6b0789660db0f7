/* Remarks on a data set for its user: how its folders were read, and what was left out. */
#ifndef CREAM_IO_NOTES_H
#define CREAM_IO_NOTES_H

typedef struct cream_notes {
  int count;
  char **lines; /* [count], owned; each is one line of UTF-8 */
} cream_notes;

/* Adds a line, formatted as by printf and cut to 1,023 bytes. Without memory for it the line is lost. */
void cream_notes_add(cream_notes *, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Frees the lines; the notes are empty then. */
void cream_notes_free(cream_notes *);

#endif
