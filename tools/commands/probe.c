/* cream probe: what the program executes itself with to list and test devices (tools/run/probe.h). */
#include <string.h>

#include "commands.h"
#include "tools/run/device.h"

static cream_status run(const void *values, cream_error *err) {
  const cli_line *line = values;
  return device_serve(line->arguments[0], line->arguments[1], line->arguments[2],
                      strcmp(line->arguments[3], "half") == 0, err);
}

COMMAND(probe, "list and test devices for the process that started this one", .size = sizeof(cli_line),
        .run = run, .arguments = "DRIVER WHAT DEVICE PRECISION", .least_arguments = 4, .most_arguments = 4,
        .hidden = true);
