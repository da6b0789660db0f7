#include "io/config/settings.h"

#include <stdio.h>

#include "tools/cli/options.h"

/* The page docs/settings.md. */
static cream_status settings_run(const tool_options *options, cream_error *err) {
  (void)options, (void)err;
  puts(
      "# Settings\n\n"
      "What `cream settings` prints: every setting with its default, unit, values and meaning. How they are "
      "given:\n"
      "[guide.md](guide.md), how files hold them: [formats.md](formats.md). The defaults are the paper's.\n");
  cream_settings_describe(stdout);
  return CREAM_OK;
}

const tool tool_settings = {
    .name = "settings",
    .summary = "all settings with their defaults, units and meaning, as Markdown",
    .options = "",
    .run = settings_run,
};
