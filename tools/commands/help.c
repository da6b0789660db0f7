/* cream help: the commands, one of them, or a topic. */
#include "tools/cli/help.h"

#include <string.h>

#include "commands.h"
#include "help_topics.h"
#include "io/config/yaml.h"

const cli_command *command_find(const char *name) {
  for (int i = 0; command_list[i]; i++)
    if (!strcmp(command_list[i]->name, name)) return command_list[i];
  return NULL;
}

void command_usage(FILE *out) {
  fprintf(out, "usage: cream COMMAND [options]\n\n"
               "One-shot neural architecture search that distils prioritized paths.\n\n");
  for (int i = 0; command_list[i]; i++)
    if (!command_list[i]->hidden)
      fprintf(out, "  %-10s%s\n", command_list[i]->name, command_list[i]->summary);
  fputs("\nTopics of cream help:", out);
  for (int i = 0; help_topic_word(i); i++) fprintf(out, "%s %s", i ? "," : "", help_topic_word(i));
  fprintf(out, ".\ncream COMMAND --help prints the options of a command, with defaults and units.\n"
               "Files named docs/... are in the source, and installed in share/doc/cream.\n");
  cli_print_exit_codes(out);
}

static int find_topic(const char *word) {
  for (int i = 0; help_topic_word(i); i++)
    if (!strcmp(word, help_topic_word(i))) return i;
  return -1;
}

static cream_status fail_word(const char *word, cream_error *err) {
  cream_nearest nearest = cream_nearest_to(word);
  char hint[80] = "";
  for (int i = 0; command_list[i]; i++)
    if (!command_list[i]->hidden) cream_nearest_offer(&nearest, command_list[i]->name);
  for (int i = 0; help_topic_word(i); i++) cream_nearest_offer(&nearest, help_topic_word(i));
  if (nearest.best) snprintf(hint, sizeof hint, ", did you mean `%s`?", nearest.best);
  return cream_fail(err, CREAM_BAD_CONFIG, "no command or topic \"%.60s\"%s; cream help lists both", word,
                    hint);
}

/* The subcommand that the words after the first name: one, or two. */
static cream_status print_subcommand(const cli_command *command, const cli_line *line, cream_error *err) {
  char name[80];
  snprintf(name, sizeof name, "%s%s%s", line->arguments[1], line->n_arguments > 2 ? " " : "",
           line->n_arguments > 2 ? line->arguments[2] : "");
  for (int i = 0; i < command->n_subcommands; i++)
    if (!strcmp(name, command->subcommands[i].name)) {
      cli_help(stdout, command, i);
      return CREAM_OK;
    }
  return cream_fail(err, CREAM_BAD_CONFIG, "cream %s has no subcommand \"%.60s\"; see cream help %s",
                    command->name, name, command->name);
}

/* Where a topic has the name of a command, it follows the command's help. */
static cream_status run(const void *values, cream_error *err) {
  const cli_line *line = values;
  if (line->n_arguments == 0) {
    command_usage(stdout);
    return CREAM_OK;
  }
  const char *word = line->arguments[0];
  const cli_command *command = command_find(word);
  const int topic = find_topic(word);
  if (!command && topic < 0) return fail_word(word, err);
  if (line->n_arguments > 1) {
    if (command) return print_subcommand(command, line, err);
    return cream_fail(err, CREAM_BAD_CONFIG, "unexpected argument \"%.60s\" after the topic %s",
                      line->arguments[1], word);
  }
  if (command) cli_help(stdout, command, -1);
  if (command && topic >= 0) printf("\nThe topic %s: %s\n\n", word, help_topic_summary(topic));
  if (topic >= 0) help_topic_print(stdout, (help_topic)topic);
  return CREAM_OK;
}

/* Commands and topics, each word once. */
static const char *const *names(void) {
  static const char *all[N_COMMANDS + HELP_TOPIC_COUNT + 1];
  int n = 0;
  for (int i = 0; command_list[i]; i++)
    if (!command_list[i]->hidden) all[n++] = command_list[i]->name;
  for (int i = 0; help_topic_word(i); i++)
    if (!command_find(help_topic_word(i))) all[n++] = help_topic_word(i);
  all[n] = NULL;
  return all;
}

COMMAND(help, "print the help of a command, or a page about a topic", .size = sizeof(cli_line), .run = run,
        .arguments = "[COMMAND [SUBCOMMAND]|TOPIC]", .most_arguments = 3, .names = names,
        .processes = CLI_EACH_PROCESS);
