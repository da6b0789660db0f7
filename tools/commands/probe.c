/* cream probe: what the program executes itself with to list, test and report devices (tools/run/probe.h). */
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "tools/bench/device_report.h"
#include "tools/run/device.h"
#include "tools/run/isolated.h"

static cream_status report(const cream_driver *driver, const char *id, bool quick, cream_error *err) {
  isolated_begin();
  FILE *out = fdopen(ISOLATED_FD, "w");
  if (!out) return cream_fail(err, CREAM_FAILED, "nothing reads the results");
  device_report_write(driver, id, quick, out);
  fclose(out);
  _exit(0); /* as in probe_serve */
}

static cream_status run(const void *values, cream_error *err) {
  const cli_line *line = values;
  const char *what = line->arguments[1], *id = line->arguments[2], *how = line->arguments[3];
  const cream_driver *driver = device_driver_of(line->arguments[0], err);
  if (!driver) return err->status;
  if (strcmp(what, "report") == 0) return report(driver, id, strcmp(how, "quick") == 0, err);
  return probe_serve(driver, what, id, strcmp(how, "half") == 0, err);
}

COMMAND(probe, "list, test and report devices for the process that started this one",
        .size = sizeof(cli_line), .run = run, .arguments = "DRIVER WHAT DEVICE HOW", .least_arguments = 4,
        .most_arguments = 4, .hidden = true);
