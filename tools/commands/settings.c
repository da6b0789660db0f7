#include "io/config/settings.h"

#include <stdio.h>

#include "commands.h"

static cream_status run(const void *values, cream_error *err) {
  (void)values, (void)err;
  cream_settings_describe(stdout);
  return CREAM_OK;
}

COMMAND(settings, "print all settings with their defaults, units and meaning, as Markdown",
        .size = sizeof(cli_line), .run = run);
