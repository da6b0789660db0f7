#include "describe.h"

#include <stdio.h>

static struct {
  describe_option *each;
  void *self;
} listener;

poptContext describe_context(const char *name, int argc, const char **argv, const struct poptOption *table) {
  if (!listener.each) return poptGetContext(name, argc, argv, table, 0);
  for (; table->longName; table++) listener.each(listener.self, table);
  return NULL;
}

void describe_options(const tool *t, describe_option *each, void *self) {
  static tool_options options;
  const char *argv[] = {t->name, NULL};
  cream_error ignored;
  bool help;
  listener.each = each;
  listener.self = self;
  if (t->command)
    t->command(1, argv, &ignored);
  else
    options_parse(t, 1, argv, &options, &help, &ignored);
  listener.each = NULL;
}
