#include <string.h>

#include "core/cream.h"
#include "docs.h"
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

static void put_option(FILE *out, const cli_command *command, const cli_option *option) {
  char tag[80], text[512], letter[8] = "";
  if (option->letter) snprintf(letter, sizeof letter, "-%c, ", option->letter);
  snprintf(tag, sizeof tag, "%s--%s", letter, option->name);
  put_tagged(out, tag, option->argument, cli_option_text(command, option, -1, text, sizeof text));
}

static void put_command(FILE *out, const cli_command *command) {
  char usage[160];
  fputs(".SS ", out);
  put(out, command->name);
  fputs("\n.B cream ", out);
  put(out, command->name);
  fputs("\n", out);
  put(out, cli_usage(command, -1, usage, sizeof usage));
  fputs("\n.PP\n", out);
  put(out, command->summary);
  fputs(".\n", out);
  for (int i = 0; i < command->n_subcommands; i++)
    put_tagged(out, command->subcommands[i].name, NULL, command->subcommands[i].summary);
  const cli_option *option;
  for (int i = 0; (option = cli_option_at(command, i)); i++) put_option(out, command, option);
  if (!command->text) return;
  fputs(".PP\n", out);
  put(out, command->text);
}

void docs_man(FILE *out, const cli_command *const *commands) {
  fputs(".TH CREAM 1 \"\" \"cream " CREAM_VERSION "\" \"User Commands\"\n"
        ".SH NAME\ncream \\- one-shot neural architecture search that distils prioritized paths\n"
        ".SH SYNOPSIS\n.B cream\n\\fICOMMAND\\fR [options]\n.br\n.B cream help\n\\fICOMMAND\\fR\n.br\n"
        ".B cream \\-\\-version\n"
        ".SH DESCRIPTION\n"
        "Trains a supernet on images and chooses a network in it, trains that network, tests it, classifies\n"
        "images with it, and exports it. A run has a folder of its own with everything that it makes, and\n"
        "an interrupted run can be resumed.\n"
        ".SH COMMANDS\n",
        out);
  for (; *commands; commands++)
    if (!(*commands)->hidden) put_command(out, *commands);
  fputs(".SH SETTINGS\n"
        "\\fBcream settings\\fR prints every setting for \\fB\\-\\-set\\fR and \\fB\\-\\-config\\fR with its "
        "default,\n"
        "unit and meaning.\n"
        ".SH EXIT STATUS\n",
        out);
  for (const cli_exit_code *code = cli_exit_codes; code->meaning; code++) {
    char number[16];
    snprintf(number, sizeof number, "%d", code->code);
    put_tagged(out, number, NULL, code->details);
  }
  fputs(".SH ENVIRONMENT\n", out);
  put_tagged(out, "OMP_WAIT_POLICY, GOMP_SPINCOUNT", NULL,
             "how threads of OpenMP wait for each other; without either, cream lets them spin for a short "
             "time only");
  put_tagged(out, "NO_COLOR", NULL, "no colours on a terminal");
  fputs(".SH SEE ALSO\nThe guide, the file formats and the library are described in the package's "
        "documentation:\nfiles named docs/... are in \\fIshare/doc/cream\\fR below the folder that cream is "
        "installed in.\n",
        out);
}
