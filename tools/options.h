/* The command line: which options a subcommand takes, and the settings that come of them. */
#ifndef CREAM_TOOLS_OPTIONS_H
#define CREAM_TOOLS_OPTIONS_H

#include <stdbool.h>

#include "core/config.h"

typedef struct tool_options {
  cream_config config; /* defaults, --run, --config, then the other options in their order */
  bool json;           /* results on stdout as one JSON document */
  bool force;          /* an existing run folder is replaced */
  bool resume;         /* go on from the newest checkpoint of the run folder */
} tool_options;

/* A subcommand. */
typedef struct tool {
  const char *name, *summary;
  const char *section; /* of the settings that --epochs and --batch stand for */
  const char *options; /* names of its options, each followed by a blank */
  const char *notes;   /* printed below the options by --help */
  cream_status (*run)(const tool_options *, cream_error *);
  /* In place of the last four: a command line of its own; argv[0] is the tool's name. */
  cream_status (*command)(int argc, const char **argv, cream_error *);
} tool;

extern const tool tool_search, tool_retrain, tool_test, tool_profile, tool_bench, tool_data, tool_settings,
    tool_runs, tool_version;

/* Reads argv[1..]. *help: --help was asked for and has been printed. */
cream_status options_parse(const tool *, int argc, const char **argv, tool_options *, bool *help,
                           cream_error *);

#endif
