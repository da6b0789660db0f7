#include "core/cream.h"
#include "docs.h"

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

/* A paragraph with a tag in bold, and what follows it in italics. */
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

static void put_option(void *self, const struct poptOption *option) {
  char tag[80];
  if (option->shortName)
    snprintf(tag, sizeof tag, "-%c, --%s", option->shortName, option->longName);
  else
    snprintf(tag, sizeof tag, "--%s", option->longName);
  put_tagged(self, tag, option->argDescrip, option->descrip);
}

static void put_command(FILE *out, const tool *t) {
  fputs(".SS ", out);
  put(out, t->name);
  fputs("\n.B cream ", out);
  put(out, t->name);
  fputs(t->mode ? "\n\\fIMODE\\fR [options]" : "\n[options]", out);
  if (t->arguments) {
    fputs(" \\fI", out);
    put(out, t->arguments);
    fputs("\\fR", out);
  }
  fputs("\n.PP\n", out);
  put(out, t->summary);
  fputs(".\n", out);
  const char *summary, *name;
  for (int i = 0; t->mode && (name = t->mode(i, &summary)); i++) put_tagged(out, name, NULL, summary);
  describe_options(t, put_option, out);
  if (!t->notes) return;
  fputs(".PP\n", out);
  put(out, t->notes);
}

void docs_man(FILE *out) {
  fputs(".TH CREAM 1 \"\" \"cream " CREAM_VERSION "\" \"User Commands\"\n"
        ".SH NAME\ncream \\- one-shot neural architecture search that distils prioritized paths\n"
        ".SH SYNOPSIS\n.B cream\n\\fICOMMAND\\fR [options]\n.br\n.B cream help\n\\fICOMMAND\\fR\n.br\n"
        ".B cream \\-\\-version\n"
        ".SH DESCRIPTION\n"
        "Trains a supernet on images and chooses a network in it, trains that network, tests it, classifies\n"
        "pictures with it, and takes it elsewhere. A run has a folder of its own, in which everything lies "
        "that\n"
        "it made; what interrupts a run loses nothing.\n"
        ".SH COMMANDS\n",
        out);
  for (int i = 0; tools[i]; i++)
    if (!tools[i]->hidden) put_command(out, tools[i]);
  fputs(".SH SETTINGS\n"
        "\\fBcream settings\\fR prints every setting for \\fB\\-\\-set\\fR and \\fB\\-\\-config\\fR with its "
        "default,\n"
        "unit and meaning.\n"
        ".SH EXIT STATUS\n",
        out);
  const struct {
    const char *code, *meaning;
  } codes[] = {{"0", "done"},
               {"1", "failed: files, memory, the device"},
               {"2", "wrong usage or configuration"},
               {"3", "a data set, picture or weights file that cannot be used"},
               {"130", "stopped by SIGINT or SIGTERM, with everything written"}};
  for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
    put_tagged(out, codes[i].code, NULL, codes[i].meaning);
  fputs(".SH ENVIRONMENT\n", out);
  put_tagged(out, "OMP_WAIT_POLICY, GOMP_SPINCOUNT", NULL,
             "how threads of OpenMP wait for each other; without either, cream lets them spin for a short "
             "time only");
  put_tagged(out, "NO_COLOR", NULL, "no colours on a terminal");
  fputs(".SH SEE ALSO\nThe guide, the file formats and the library are described in the package's "
        "documentation.\n",
        out);
}
