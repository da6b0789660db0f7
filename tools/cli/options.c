#include "options.h"

#include <errno.h>
#include <math.h>
#include <popt.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "help.h"
#include "io/config/settings.h"

typedef struct given_option {
  const cli_option *option;
  char *argument; /* NULL: the option takes none */
} given_option;

struct cli_given {
  poptContext context; /* the arguments beside options are its */
  struct poptOption *table;
  given_option *options; /* [n] as they stand on the command line */
  int n;
};

/* ---- what a row does --------------------------------------------------------------------------------- */

static cream_status set_int(const cli_option *option, const char *argument, int *target, cream_error *err) {
  char *end;
  errno = 0;
  long value = strtol(argument, &end, 10);
  if (end != argument && !*end && !errno && (double)value >= option->min && (double)value <= option->max) {
    *target = (int)value;
    return CREAM_OK;
  }
  char most[32] = "";
  if (option->max < INT_MAX) snprintf(most, sizeof most, " to %.0f", option->max);
  return cream_fail(err, CREAM_BAD_CONFIG, "--%s: got \"%.40s\", expected a whole number %s %.0f%s",
                    option->name, argument, *most ? "from" : "of at least", option->min, most);
}

static cream_status set_double(const cli_option *option, const char *argument, double *target,
                               cream_error *err) {
  char *end;
  double value = strtod(argument, &end);
  if (end != argument && !*end && value > option->min && value < option->max) {
    *target = value;
    return CREAM_OK;
  }
  return cream_fail(err, CREAM_BAD_CONFIG, "--%s: got \"%.40s\", expected a number above %g and below %g",
                    option->name, argument, option->min, option->max);
}

static cream_status set_word(const cli_option *option, const char *argument, int *target, cream_error *err) {
  char known[200] = "", hint[60] = "";
  cream_nearest nearest = cream_nearest_to(argument);
  for (int i = 0; option->words[i]; i++) {
    cream_nearest_offer(&nearest, option->words[i]);
    if (!strcmp(argument, option->words[i])) {
      *target = i;
      return CREAM_OK;
    }
    size_t used = strlen(known);
    snprintf(known + used, sizeof known - used, "%s%s", i ? ", " : "", option->words[i]);
  }
  if (nearest.best) snprintf(hint, sizeof hint, " (did you mean `%s`?)", nearest.best);
  return cream_fail(err, CREAM_BAD_CONFIG, "--%s: got \"%.40s\", expected one of %s%s", option->name,
                    argument, known, hint);
}

/* KEY=VALUE */
static cream_status set_any(cream_config *config, const char *argument, cream_error *err) {
  const char *equal = strchr(argument, '=');
  char key[128];
  if (!equal || equal == argument || (size_t)(equal - argument) >= sizeof key)
    return cream_fail(err, CREAM_BAD_CONFIG, "--set: got \"%.60s\", expected KEY=VALUE", argument);
  snprintf(key, sizeof key, "%.*s", (int)(equal - argument), argument);
  return cream_settings_set(config, key, equal + 1, err);
}

static cream_status apply(const given_option *one, char *values, const cli_given *given, cream_error *err) {
  const cli_option *option = one->option;
  void *target = values + option->offset;
  switch (option->kind) {
  case CLI_BOOL:
    *(bool *)target = true;
    return CREAM_OK;
  case CLI_INT:
    return set_int(option, one->argument, target, err);
  case CLI_DOUBLE:
    return set_double(option, one->argument, target, err);
  case CLI_TEXT:
    *(const char **)target = one->argument;
    return CREAM_OK;
  case CLI_WORD:
    return set_word(option, one->argument, target, err);
  case CLI_SETTING:
    return cream_settings_set(target, option->key, one->argument, err);
  case CLI_SET:
    return set_any(target, one->argument, err);
  case CLI_CONFIG:
    return cream_settings_load(target, one->argument, err);
  case CLI_CALL:
    return option->apply(values, given, one->argument, err);
  case CLI_HELP:
    return CREAM_OK;
  }
  return CREAM_OK;
}

static cli_phase phase_of(const cli_option *option) {
  if (option->kind == CLI_CALL) return option->phase;
  return option->kind == CLI_CONFIG ? CLI_PHASE_CONFIG : CLI_PHASE_VALUES;
}

const char *cli_given_last(const cli_given *given, const char *name) {
  for (int i = given->n - 1; i >= 0; i--)
    if (!strcmp(given->options[i].option->name, name)) return given->options[i].argument;
  return NULL;
}

/* ---- the command line -------------------------------------------------------------------------------- */

static int count_options(const cli_command *command) {
  int n = 0;
  while (cli_option_at(command, n)) n++;
  return n;
}

/* popt splits the words; a row's place in the table plus 1 is what it returns. */
static struct poptOption *make_table(const cli_command *command) {
  int n = count_options(command);
  struct poptOption *table = calloc((size_t)n + 1, sizeof *table);
  for (int i = 0; table && i < n; i++) {
    const cli_option *option = cli_option_at(command, i);
    table[i] = (struct poptOption){.longName = option->name,
                                   .shortName = option->letter,
                                   .argInfo = option->argument ? POPT_ARG_STRING : POPT_ARG_NONE,
                                   .val = i + 1};
  }
  return table;
}

static cream_status open_context(cli_parsed *parsed, int argc, const char **argv, cream_error *err) {
  cli_given *given = parsed->given = calloc(1, sizeof *given);
  parsed->values = calloc(1, parsed->command->size);
  if (given) given->options = calloc((size_t)argc + 1, sizeof *given->options);
  if (given) given->table = make_table(parsed->command);
  if (given && given->table)
    given->context = poptGetContext(parsed->command->name, argc, argv, given->table, 0);
  if (parsed->values && given && given->options && given->context) return CREAM_OK;
  return cream_fail_memory(err, parsed->command->size, "the command line");
}

/* Writes the hint for an unknown option to `hint`: the nearest option, or the setting with that name. */
static void suggest(const cli_command *command, const char *bad, char *hint, size_t size) {
  char word[80];
  bad += strspn(bad, "-");
  snprintf(word, sizeof word, "%.*s", (int)strcspn(bad, "="), bad);
  hint[0] = '\0';
  cream_nearest option = cream_nearest_to(word), setting = cream_nearest_to(word);
  bool sets = false;
  for (int i = 0; i < count_options(command); i++) {
    cream_nearest_offer(&option, cli_option_at(command, i)->name);
    sets = sets || cli_option_at(command, i)->kind == CLI_SET;
  }
  for (int i = 0; sets && cream_settings_key(i); i++)
    if (cli_reads_setting(command, cream_settings_key(i)))
      cream_nearest_offer(&setting, cream_settings_key(i));
  if (setting.best && (!option.best || setting.distance < option.distance))
    snprintf(hint, size, ", did you mean `--set %s=VALUE`?", setting.best);
  else if (option.best)
    snprintf(hint, size, ", did you mean `--%s`?", option.best);
}

/* Collects the options, up to --help: *help. */
static cream_status collect(const cli_command *command, cli_given *given, bool *help, cream_error *err) {
  int code;
  while ((code = poptGetNextOpt(given->context)) > 0) {
    given_option *one = &given->options[given->n++];
    *one = (given_option){cli_option_at(command, code - 1), poptGetOptArg(given->context)};
    *help = *help || one->option->kind == CLI_HELP;
  }
  if (code == -1 || *help) return CREAM_OK;
  const char *bad = poptBadOption(given->context, 0);
  char hint[160] = "";
  if (code == POPT_ERROR_BADOPT) suggest(command, bad, hint, sizeof hint);
  return cream_fail(err, CREAM_BAD_CONFIG, "%.100s: %s%s; see cream %s --help", bad, poptStrerror(code), hint,
                    command->name);
}

static cream_status fail_subcommand(const cli_command *command, const char *word, cream_error *err) {
  char known[200] = "", got[160] = "", hint[60] = "";
  cream_nearest nearest = cream_nearest_to(word ? word : "");
  for (int i = 0; word && i < command->n_subcommands; i++)
    cream_nearest_offer(&nearest, command->subcommands[i].name);
  if (nearest.best) snprintf(hint, sizeof hint, "did you mean `%s`? ", nearest.best);
  for (int i = 0; i < command->n_subcommands; i++) {
    size_t used = strlen(known);
    bool last = i + 1 == command->n_subcommands;
    snprintf(known + used, sizeof known - used, "%s%s",
             !i     ? ""
             : last ? " or "
                    : ", ",
             command->subcommands[i].name);
  }
  if (word) snprintf(got, sizeof got, "unknown subcommand \"%.40s\", %s", word, hint);
  return cream_fail(err, CREAM_BAD_CONFIG, "%sexpected a subcommand: %s; see cream %s --help", got, known,
                    command->name);
}

/* How many of the words are the name of a subcommand, which may have two: "data check"; 0: it is another one. */
static int words_of_subcommand(const cli_subcommand *subcommand, const char *const *words) {
  const char *blank = strchr(subcommand->name, ' ');
  if (!blank) return !strcmp(words[0], subcommand->name);
  const size_t length = (size_t)(blank - subcommand->name);
  bool first = strlen(words[0]) == length && !strncmp(words[0], subcommand->name, length);
  return first && words[1] && !strcmp(words[1], blank + 1) ? 2 : 0;
}

/* The subcommand, and the arguments that follow it. */
static cream_status take_arguments(const cli_command *command, poptContext context, bool help, cli_line *line,
                                   cream_error *err) {
  const char **words = poptGetArgs(context);
  line->subcommand = -1;
  if (command->n_subcommands && words && words[0]) {
    int used = 0;
    for (int i = 0; i < command->n_subcommands && line->subcommand < 0; i++)
      if ((used = words_of_subcommand(&command->subcommands[i], words)) > 0) line->subcommand = i;
    if (line->subcommand < 0 && !help) return fail_subcommand(command, words[0], err);
    words += used ? used : 1;
  } else if (command->n_subcommands && !command->run && !help) {
    return fail_subcommand(command, NULL, err);
  }
  line->arguments = words;
  while (words && words[line->n_arguments]) line->n_arguments++;
  if (help) return CREAM_OK;
  if (line->n_arguments > command->most_arguments)
    return cream_fail(err, CREAM_BAD_CONFIG, "unexpected argument \"%s\"; see cream %s --help",
                      words[command->most_arguments], command->name);
  if (line->n_arguments >= command->least_arguments) return CREAM_OK;
  if (command->missing) return cream_fail(err, CREAM_BAD_CONFIG, "%s", command->missing);
  char usage[120];
  return cream_fail(err, CREAM_BAD_CONFIG, "too few arguments, expected cream %s %s; see cream %s --help",
                    command->name, cli_usage(command, -1, usage, sizeof usage), command->name);
}

cream_status cli_parse(const cli_command *command, int argc, const char **argv, cli_parsed *parsed,
                       cream_error *err) {
  *parsed = (cli_parsed){.command = command};
  bool help = false;
  cream_status status = open_context(parsed, argc, argv, err);
  if (status == CREAM_OK) status = collect(command, parsed->given, &help, err);
  if (status != CREAM_OK) return status;
  cli_line *line = parsed->values;
  if (command->defaults) command->defaults(parsed->values);
  *line = (cli_line){.words = argv + 1, .n_words = argc - 1};
  status = take_arguments(command, parsed->given->context, help, line, err);
  if (status == CREAM_OK && help) {
    cli_help(stdout, command, line->subcommand);
    free(parsed->values);
    parsed->values = NULL;
    return CREAM_OK;
  }
  for (int phase = 0; phase < CLI_PHASES; phase++)
    for (int i = 0; i < parsed->given->n && status == CREAM_OK; i++) {
      const given_option *one = &parsed->given->options[i];
      if ((int)phase_of(one->option) == phase) status = apply(one, parsed->values, parsed->given, err);
    }
  return status == CREAM_OK && command->check ? command->check(parsed->values, err) : status;
}

cream_status cli_run(const cli_parsed *parsed, cream_error *err) {
  const cli_line *line = parsed->values;
  if (!line) return CREAM_OK;
  const cli_command *command = parsed->command;
  bool whole = line->subcommand < 0 || !command->subcommands[line->subcommand].run;
  cream_status status = (whole ? command->run : command->subcommands[line->subcommand].run)(line, err);
  return status;
}

void cli_free(cli_parsed *parsed) {
  cli_given *given = parsed->given;
  for (int i = 0; given && i < given->n; i++) free(given->options[i].argument);
  if (given && given->context) poptFreeContext(given->context);
  if (given) free(given->table);
  if (given) free(given->options);
  free(given);
  free(parsed->values);
  *parsed = (cli_parsed){0};
}
