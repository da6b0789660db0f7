#include <string.h>

#include "core/cream.h"
#include "docs.h"
#include "environment.h"
#include "help.h"

/* Text as roff: hyphens that can be copied, no escapes, no line that looks like a request. */
static void put(FILE *out, const char *text) {
  for (const char *at = text; *at; at++) {
    bool begins = at == text || at[-1] == '\n';
    if (begins && (*at == '.' || *at == '\'')) fputs("\\&", out);
    if (*at == '-')
      fputs("\\-", out);
    else if (*at == '\\')
      fputs("\\e", out);
    else
      fputc(*at, out);
  }
}

/* A paragraph with a tag in bold, the argument in italics. */
static void put_tagged(FILE *out, const char *tag, const char *argument, const char *text) {
  fputs(".TP\n\\fB", out);
  put(out, tag);
  fputs("\\fR", out);
  if (argument) {
    fputs(" \\fI", out);
    put(out, argument);
    fputs("\\fR", out);
  }
  fputc('\n', out);
  put(out, text);
  fputc('\n', out);
}

/* "cream\-search(1)" in bold, for a reference. */
static void put_reference(FILE *out, const docs_book *book, const cli_command *command, const char *end) {
  fputs(".BR ", out);
  put(out, book->program);
  if (command) fprintf(out, "\\-%s", command->name);
  fprintf(out, " (1)%s\n", end);
}

/* The beginning of a page, as far as its summary. */
static void put_title(FILE *out, const docs_book *book, const char *command) {
  fputs(".TH ", out);
  for (const char *at = book->program; *at; at++)
    fputc(*at >= 'a' && *at <= 'z' ? *at - 'a' + 'A' : *at, out);
  if (command) fputc('-', out);
  for (const char *at = command ? command : ""; *at; at++) fputc(*at - 'a' + 'A', out);
  fputs(" 1 " CREAM_DATE " \"cream " CREAM_VERSION "\" \"User Commands\"\n.SH NAME\n", out);
  put(out, book->program);
  if (command) fprintf(out, "\\-%s", command);
  fputs(" \\- ", out);
}

static void put_exit_codes(FILE *out) {
  fputs(".SH EXIT STATUS\n", out);
  for (const cli_exit_code *code = cli_exit_codes; code->meaning; code++) {
    char number[16];
    snprintf(number, sizeof number, "%d", code->code);
    put_tagged(out, number, NULL, code->details);
  }
}

/* ---- a command --------------------------------------------------------------------------------------- */

static void put_option(FILE *out, const cli_command *command, const cli_option *option) {
  char tag[80], text[640], letter[8] = "";
  if (option->letter) snprintf(letter, sizeof letter, "-%c, ", option->letter);
  snprintf(tag, sizeof tag, "%s--%s", letter, option->name);
  put_tagged(out, tag, option->argument, cli_option_text(command, option, -1, text, sizeof text));
}

static void put_options(FILE *out, const cli_command *command) {
  const cli_option *option;
  fputs(".SH OPTIONS\n", out);
  for (int group = 0; group < CLI_N_GROUPS; group++) {
    bool begun = false;
    for (int i = 0; (option = cli_option_at(command, i)); i++) {
      if (option->group != (cli_group)group) continue;
      if (!begun) fprintf(out, ".SS %s\n", cli_group_title(option->group));
      begun = true;
      put_option(out, command, option);
    }
  }
}

static void put_settings(FILE *out, const docs_book *book, const cli_command *command) {
  if (!command->settings) return;
  fputs(".SH SETTINGS\nThose that it reads, for \\fB\\-\\-set\\fR and \\fB\\-\\-config\\fR:\n", out);
  for (const char *const *key = command->settings; *key; key++) {
    put(out, *key);
    fprintf(out, "%s%s\n", (*key)[strlen(*key) - 1] == '.' ? "*" : "", key[1] ? "," : ".");
  }
  fputs(".B ", out);
  put(out, book->program);
  fprintf(out, " %s \\-\\-help\nprints them with their defaults.\n", command->name);
}

static void put_command(FILE *out, const docs_book *book, const cli_command *command) {
  char usage[160];
  put_title(out, book, command->name);
  put(out, command->summary);
  fputs("\n.SH SYNOPSIS\n.B ", out);
  put(out, book->program);
  fprintf(out, " %s\n", command->name);
  put(out, cli_usage(command, -1, usage, sizeof usage));
  fputc('\n', out);
  if (command->text) {
    fputs(".SH DESCRIPTION\n", out);
    put(out, command->text);
  }
  if (command->n_subcommands) fputs(".SH SUBCOMMANDS\n", out);
  for (int i = 0; i < command->n_subcommands; i++)
    put_tagged(out, command->subcommands[i].name, NULL, command->subcommands[i].summary);
  put_options(out, command);
  put_settings(out, book, command);
  put_exit_codes(out);
  fputs(".SH SEE ALSO\n", out);
  put_reference(out, book, NULL, "");
}

/* ---- the program ------------------------------------------------------------------------------------- */

static void put_commands(FILE *out, const docs_book *book) {
  fputs(".SH COMMANDS\nEach has a page of its own.\n", out);
  for (int i = 0; book->commands[i]; i++) {
    const cli_command *command = book->commands[i];
    if (command->hidden) continue;
    fputs(".TP\n", out);
    put_reference(out, book, command, "");
    put(out, command->summary);
    fputc('\n', out);
  }
}

static void put_topics(FILE *out, const docs_book *book) {
  fputs(".SH TOPICS\n.B ", out);
  put(out, book->program);
  fputs(" help \\fITOPIC\\fR\nprints a page about each of these:\n", out);
  for (int i = 0; book->topic(i); i++) put_tagged(out, book->topic(i), NULL, book->topic_summary(i));
}

static void put_program(FILE *out, const docs_book *book) {
  put_title(out, book, NULL);
  fputs("one\\-shot neural architecture search that distils prioritized paths\n.SH SYNOPSIS\n", out);
  for (int line = 0; line < 3; line++) {
    fprintf(out, "%s.B ", line ? ".br\n" : "");
    put(out, book->program);
    fputs(line == 0   ? "\n\\fICOMMAND\\fR [options]\n"
          : line == 1 ? " help\n[\\fICOMMAND\\fR|\\fITOPIC\\fR]\n"
                      : " \\-\\-version\n",
          out);
  }
  fputs(".SH DESCRIPTION\n"
        "Trains a supernet on images and chooses a network in it, trains that network, tests it, classifies\n"
        "images with it, and exports it. A run has a folder of its own with everything that it makes, and\n"
        "an interrupted run can be resumed.\n",
        out);
  put_commands(out, book);
  put_topics(out, book);
  put_exit_codes(out);
  fputs(".SH ENVIRONMENT\n", out);
#define VARIABLE(name, effect) put_tagged(out, name, NULL, effect);
  ENVIRONMENT(VARIABLE)
#undef VARIABLE
  fputs(".SH SEE ALSO\nThe guide, the file formats and the library are described in the package's "
        "documentation:\nfiles named docs/... are in \\fIshare/doc/",
        out);
  put(out, book->program);
  fputs("\\fR below the folder that the program is\ninstalled in.\n", out);
}

void docs_man(FILE *out, const docs_book *book, const cli_command *command) {
  if (command)
    put_command(out, book, command);
  else
    put_program(out, book);
}
