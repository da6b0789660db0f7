/* What `cream docs` writes, made from the tables of the commands. */
#ifndef CREAM_TOOLS_DOCS_H
#define CREAM_TOOLS_DOCS_H

#include <stdio.h>

#include "command.h"

/* What the pages are about. */
typedef struct docs_book {
  const char *program;                 /* its name where it is installed */
  const cli_command *const *commands;  /* ends in NULL; hidden ones are left out */
  const char *(*topic)(int i);         /* topic i of `cream help`; NULL after the last */
  const char *(*topic_summary)(int i); /* what it is about */
} docs_book;

/* docs_man.c: the manual page of a command; NULL: that of the program, which refers to those of the commands. */
void docs_man(FILE *, const docs_book *, const cli_command *);
/* Completions, one file each. */
void docs_bash(FILE *, const docs_book *); /* for bash-completion */
void docs_zsh(FILE *, const docs_book *);  /* in a folder of $fpath */
void docs_fish(FILE *, const docs_book *); /* in vendor_completions.d */
/* docs_settings.c: the tables of docs/settings.md. */
void docs_settings(FILE *, const docs_book *);

/* ---- for completions: docs_words.c ---------------------------------------------------------------------- */

/* What the argument of an option can be. */
typedef enum docs_argument {
  DOCS_NONE,     /* it takes none */
  DOCS_VALUE,    /* a number or a text, which cannot be listed */
  DOCS_WORDS,    /* one of docs_put_words */
  DOCS_FILE,     /* a file; also one of docs_put_words, where there are some */
  DOCS_FOLDER,   /* a folder */
  DOCS_BEGINNING /* one of docs_put_words, which end in "=", and more */
} docs_argument;
docs_argument docs_argument_of(const cli_option *);

/* Writes the words that the option's argument can be in this command, each with `before` and `after`. */
void docs_put_words(FILE *, const cli_command *, const cli_option *, const char *before, const char *after);
/* "_cream_nas": the beginning of names of functions. Returns `text`. */
char *docs_function(const docs_book *, char *text, size_t size);
/* Text for a place between single quotes: `quote` replaces a single quote, and a backslash stands before each character of
 * `escaped`. */
void docs_put_text(FILE *, const char *text, const char *quote, const char *escaped);
/* A subcommand can have two words: the length of the first one, and whether the i-th subcommand is the first to begin with
 * its first word. */
int docs_first_word(const char *name);
bool docs_begins(const cli_command *, int i);
/* A pattern of `case` for the two words that follow the command: 'data check'), or 'eval '*). */
void docs_put_pattern(FILE *, const char *name);
/* Whether options of the command belong to one of its subcommands alone. */
bool docs_divides_options(const cli_command *);

#endif
