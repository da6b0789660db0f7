/* The program: finds the command and runs it. */
#include <stdio.h>
#include <string.h>

#include "core/cream.h"
#include "tools/cli/help.h"
#include "tools/cli/options.h"
#include "tools/cli/signals.h"
#include "tools/commands/commands.h"

static void usage(FILE *out) {
  fprintf(out, "usage: cream COMMAND [options]\n\n"
               "One-shot neural architecture search that distils prioritized paths.\n\n");
  for (int i = 0; command_list[i]; i++)
    if (!command_list[i]->hidden)
      fprintf(out, "  %-10s%s\n", command_list[i]->name, command_list[i]->summary);
  fprintf(out, "\ncream COMMAND --help prints the options of a command, with defaults and units.\n");
  cli_print_exit_codes(out);
}

static const cli_command *find(const char *name) {
  for (int i = 0; command_list[i]; i++)
    if (!strcmp(command_list[i]->name, name)) return command_list[i];
  return NULL;
}

static cream_status run(const cli_command *command, int argc, const char **argv) {
  cli_parsed parsed;
  cream_error err = {0};
  cream_status status = cli_parse(command, argc, argv, &parsed, &err);
  bool begun = status == CREAM_OK;
  if (begun) status = cli_run(&parsed, &err);
  if (status != CREAM_OK) fprintf(stderr, "cream %s: %s\n", command->name, err.text);
  if (begun && status == CREAM_FAILED && command->failed) command->failed(command, parsed.values);
  cli_free(&parsed);
  return status;
}

int main(int argc, char **arguments) {
  signals_ignore_file_size();
  const char **argv = (const char **)arguments;
  const char *name = argc > 1 ? argv[1] : "";
  if (!strcmp(name, "--help") || !strcmp(name, "-h") || (!strcmp(name, "help") && argc == 2)) {
    usage(stdout);
    return CREAM_OK;
  }
  if (!strcmp(name, "--version")) {
    puts("cream " CREAM_VERSION);
    return CREAM_OK;
  }
  if (!strcmp(name, "help")) {
    const cli_command *chosen = find(argv[2]);
    if (chosen) return run(chosen, 2, (const char *[]){chosen->name, "--help", NULL});
    name = argv[2];
  } else {
    const cli_command *chosen = find(name);
    if (chosen) return run(chosen, argc - 1, argv + 1);
  }
  if (*name)
    fprintf(stderr, "cream: unknown command \"%s\"; cream --help lists the commands\n", name);
  else
    usage(stderr);
  return CREAM_BAD_CONFIG;
}
