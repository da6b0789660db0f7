/* The command line: which options a subcommand takes, and the settings that come of them. */
#ifndef CREAM_TOOLS_OPTIONS_H
#define CREAM_TOOLS_OPTIONS_H

#include <stdbool.h>

#include "core/base/config.h"

typedef struct tool_options {
  cream_config config; /* defaults, --run, --config, then the other options in their order */
  bool json;           /* results on stdout as one JSON document */
  bool force;          /* an existing run folder is replaced */
  bool resume;         /* go on from the newest checkpoint of the run folder */
  bool no_resize;      /* pictures are taken as they are */
  int top;             /* classes shown for a picture; 0: not told */
  int classes;         /* in place of the network's own number; 0: not told */
  char **arguments;    /* [n_arguments] what is no option, where the tool takes such */
  int n_arguments;
  char run[1024];           /* the folder of --run; "": none */
  const char *const *words; /* [n_words] of the command line that follow the command */
  int n_words;
} tool_options;

/* A subcommand. */
typedef struct tool {
  const char *name, *summary;
  const char *section;   /* of the settings that --epochs and --batch stand for */
  const char *options;   /* names of its options, each followed by a blank */
  const char *notes;     /* printed below the options by --help */
  const char *arguments; /* "IMAGE...": what it takes beside options; NULL: nothing */
  const char *out;       /* what --out is, where it is a file rather than a run folder */
  cream_status (*run)(const tool_options *, cream_error *);
  bool hidden; /* not listed: for the build */
  /* The i-th word that can follow the command, and what it does; NULL after the last. NULL: there are none. */
  const char *(*mode)(int i, const char **summary);
  /* In place of all that follows the summary: a command line of its own; argv[0] is the tool's name. */
  cream_status (*command)(int argc, const char **argv, cream_error *);
} tool;

extern const tool tool_search, tool_retrain, tool_test, tool_convert, tool_profile, tool_latency, tool_bench,
    tool_data, tool_settings, tool_devices, tool_runs, tool_report, tool_watch, tool_rank, tool_compare,
    tool_predict, tool_export, tool_docs, tool_version;
extern const tool *const tools[]; /* all of them; ends in NULL */

/* Reads argv[1..]. *help: --help was asked for and has been printed. */
cream_status options_parse(const tool *, int argc, const char **argv, tool_options *, bool *help,
                           cream_error *);

#endif
