/* What a command is: a constant description and one constant table of options. The parser, --help, the manual page, the
 * completion and docs/settings.md all read these and nothing else. */
#ifndef CREAM_TOOLS_COMMAND_H
#define CREAM_TOOLS_COMMAND_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "core/base/status.h"

/* The command line beside its options. The values of every command begin with it; the strings live as long as the
 * parsed command line. */
typedef struct cli_line {
  int subcommand; /* index into the command's subcommands; -1: none was given */
  const char *const *arguments;
  int n_arguments;
  const char *const *words; /* all words that follow the command's name */
  int n_words;
} cli_line;

/* ---- options ----------------------------------------------------------------------------------------- */

typedef enum cli_kind {
  CLI_BOOL,    /* a bool; the option takes no argument */
  CLI_INT,     /* an int from min to max */
  CLI_DOUBLE,  /* a double, more than min and less than max */
  CLI_TEXT,    /* a const char *, which lives as long as the parsed command line */
  CLI_WORD,    /* an int: the index of the argument in `words` */
  CLI_SETTING, /* the setting `key` of the cream_config at `offset` */
  CLI_SET,     /* KEY=VALUE: any setting of it */
  CLI_CONFIG,  /* a YAML file of settings for it */
  CLI_CALL,    /* what `apply` does */
  CLI_HELP     /* prints the help; the parser adds it to every command */
} cli_kind;

/* Headings of the help, in its order. */
#define CLI_GROUPS(X)                                                                                        \
  X(NETWORK, "Network and data")                                                                             \
  X(METHOD, "Method")                                                                                        \
  X(DEVICE, "Device")                                                                                        \
  X(RUN, "Run and settings")                                                                                 \
  X(OUTPUT, "Output")
#define CLI_GROUP(name, title) CLI_GROUP_##name,
typedef enum cli_group { CLI_GROUPS(CLI_GROUP) CLI_N_GROUPS } cli_group;
#undef CLI_GROUP

/* Options take effect in this order, wherever they stand on the command line, and within a phase from left to right. */
typedef enum cli_phase {
  CLI_PHASE_RESUME, /* the settings of the run that is resumed */
  CLI_PHASE_RUN,    /* the folder of an earlier run */
  CLI_PHASE_BUDGET, /* one of its networks */
  CLI_PHASE_CONFIG, /* files of settings */
  CLI_PHASE_VALUES, /* everything else */
  CLI_PHASES
} cli_phase;

typedef struct cli_given cli_given; /* all options of a command line: options.h */

typedef struct cli_option {
  const char *name;     /* without the dashes */
  char letter;          /* of the short form; 0: none */
  const char *argument; /* placeholder of the argument; NULL: the option takes none */
  const char *help;     /* without the default and the subcommands, which are printed with it */
  cli_kind kind;
  cli_group group;
  size_t offset;                     /* of the target in the command's values */
  const char *key;                   /* CLI_SETTING */
  double min, max;                   /* CLI_INT, CLI_DOUBLE */
  const char *const *words;          /* CLI_WORD; also offered by the completion. Ends in NULL */
  const char *const *(*names)(void); /* for the completion: names that can stand in place of a file */
  const char *fallback;              /* text of the default; NULL: the value after `defaults`; "": none */
  unsigned only;                     /* bits of the subcommands that read it; 0: all */
  cli_phase phase;                   /* CLI_CALL */
  cream_status (*apply)(void *values, const cli_given *, const char *argument, cream_error *); /* CLI_CALL */
} cli_option;

/* Rows of a table of options. The arguments that every row needs come first; further members follow by name. */

/* The kind follows from the type of the member. */
#define CLI_VALUE(owner, member, group_, name_, argument_, help_, ...)                                          \
  {                                                                                                             \
    .name = name_, .argument = argument_, .help = help_, .group = CLI_GROUP_##group_,                         \
   .kind = _Generic(((owner *)0)->member, bool: CLI_BOOL, int: CLI_INT, double: CLI_DOUBLE, const char *: CLI_TEXT), \
   .offset = offsetof(owner, member), __VA_ARGS__ \
  }
#define CLI_CHOICE(owner, member, group_, name_, argument_, help_, words_, ...)                              \
  {                                                                                                          \
    .name = name_, .argument = argument_, .help = help_, .group = CLI_GROUP_##group_, .kind = CLI_WORD,      \
    .offset = offsetof(owner, member) + _Generic(((owner *)0)->member, int : 0), .words = words_,            \
    __VA_ARGS__                                                                                              \
  }
/* `config`: the member of type cream_config. */
#define CLI_KEY(owner, config, group_, name_, key_, argument_, help_, ...)                                   \
  {                                                                                                          \
    .name = name_, .argument = argument_, .help = help_, .group = CLI_GROUP_##group_, .kind = CLI_SETTING,   \
    .offset = offsetof(owner, config), .key = key_, __VA_ARGS__                                              \
  }
#define CLI_ACTION(phase_, apply_, group_, name_, argument_, help_, ...)                                     \
  {                                                                                                          \
    .name = name_, .argument = argument_, .help = help_, .group = CLI_GROUP_##group_, .kind = CLI_CALL,      \
    .apply = apply_, .phase = CLI_PHASE_##phase_, __VA_ARGS__                                                \
  }
#define CLI_ANY_SETTING(owner, config, ...)                                                                  \
  {                                                                                                          \
    .name = "set", .argument = "KEY=VALUE", .group = CLI_GROUP_RUN, .kind = CLI_SET,                         \
    .help = "one setting, for example augment.flip=0; may be repeated", .offset = offsetof(owner, config),   \
    __VA_ARGS__                                                                                              \
  }
#define CLI_SETTINGS_FILE(owner, config, ...)                                                                \
  {                                                                                                          \
    .name = "config", .argument = "FILE", .group = CLI_GROUP_RUN, .kind = CLI_CONFIG,                        \
    .help = "read settings from a YAML file; other options override it", .offset = offsetof(owner, config),  \
    __VA_ARGS__                                                                                              \
  }
/* Bounds of a number. */
#define CLI_AT_LEAST(low)      .min = (low), .max = INT_MAX
#define CLI_FROM_TO(low, high) .min = (low), .max = (high)

/* ---- commands ---------------------------------------------------------------------------------------- */

typedef struct cli_subcommand {
  const char *name, *summary;
  cream_status (*run)(const void *values, cream_error *);
} cli_subcommand;

/* What a launcher of several processes, as mpirun, does with a command. */
typedef enum cli_processes {
  CLI_ONE_PROCESS,  /* the command is refused */
  CLI_EACH_PROCESS, /* each process runs it on its own */
  CLI_RANKS         /* they work together (tools/run/cluster.h) */
} cli_processes;

typedef struct cli_command {
  const char *name, *summary;
  const char *arguments; /* what is expected beside options, as "IMAGE..."; NULL: nothing */
  int least_arguments, most_arguments;
  const char *const *(*names)(void); /* for the completion: words that the arguments can be; NULL: files */
  const char *missing;               /* the message where there are fewer; NULL: the usual one */
  const char *text;                  /* what there is to know beside the options; may be NULL */
  const char *const
      *settings; /* keys of settings that it reads, or their beginnings with a dot; ends in NULL */
  const cli_option *options; /* [n_options] */
  int n_options;
  const cli_subcommand *subcommands; /* [n_subcommands] */
  int n_subcommands;
  size_t size;                                        /* of the values, which begin with a cli_line */
  void (*defaults)(void *values);                     /* of zeroed ones; may be NULL */
  cream_status (*check)(void *values, cream_error *); /* completes what was read; may be NULL */
  /* In place of a subcommand's. With subcommands: runs where none was given; NULL: one has to be given. */
  cream_status (*run)(const void *values, cream_error *);
  void (*failed)(const struct cli_command *,
                 const void *values); /* after a run that ended with CREAM_FAILED; may be NULL */
  cli_processes processes;
  bool hidden; /* not listed: for the build */
} cli_command;

/* Members of a description. */
#define CLI_OPTIONS(table)     .options = table, .n_options = (int)(sizeof(table) / sizeof *(table))
#define CLI_SUBCOMMANDS(table) .subcommands = table, .n_subcommands = (int)(sizeof(table) / sizeof *(table))
/* `member`: the cli_line, which has to be the first one. */
#define CLI_VALUES(owner, member)                                                                            \
  .size = sizeof(owner) + 0 * sizeof(char[offsetof(owner, member) == 0 ? 1 : -1]) +                          \
          _Generic(((owner *)0)->member, cli_line : 0)

/* The i-th option of a command, --help being the last; NULL after it. */
const cli_option *cli_option_at(const cli_command *, int i);
/* Whether a command reads the setting `key`. */
bool cli_reads_setting(const cli_command *, const char *key);
/* The help line of an option with its default and the subcommands that read it, for a command as a whole
 * (subcommand -1) or one subcommand. Returns `text`. */
char *cli_option_text(const cli_command *, const cli_option *, int subcommand, char *text, size_t size);
/* The default of an option as text; "": none. */
char *cli_option_default(const cli_command *, const cli_option *, char *text, size_t size);
/* The title of a group. */
const char *cli_group_title(cli_group);

/* What the exit codes mean. */
typedef struct cli_exit_code {
  int code;
  const char *meaning, *details; /* in a word or two; in a sentence */
} cli_exit_code;
extern const cli_exit_code cli_exit_codes[]; /* ends with a meaning of NULL */

#endif
