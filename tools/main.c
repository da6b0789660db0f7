/* The program: finds the command and runs it. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/cream.h"
#include "io/config/yaml.h"
#include "tools/cli/options.h"
#include "tools/cli/signals.h"
#include "tools/commands/commands.h"
#include "tools/run/cluster.h"

static void fail_command(const char *name) {
  cream_nearest nearest = cream_nearest_to(name);
  for (int i = 0; command_list[i]; i++)
    if (!command_list[i]->hidden) cream_nearest_offer(&nearest, command_list[i]->name);
  char hint[80] = "";
  if (nearest.best) snprintf(hint, sizeof hint, ", did you mean `%s`?", nearest.best);
  fprintf(stderr, "cream: unknown command \"%.60s\"%s; cream --help lists the commands\n", name, hint);
}

static cream_status run(const cli_command *command, int argc, const char **argv) {
  cli_parsed parsed = {0};
  cream_error err = {0};
  cream_status status = cluster_begin(command, &err);
  if (status == CREAM_OK) status = cli_parse(command, argc, argv, &parsed, &err);
  bool begun = status == CREAM_OK && parsed.values;
  if (status == CREAM_OK) status = cli_run(&parsed, &err);
  status = cluster_end(status, &err);
  if (status != CREAM_OK && cluster_reports()) fprintf(stderr, "cream %s: %s\n", command->name, err.text);
  if (begun && status == CREAM_FAILED && command->failed) command->failed(command, parsed.values);
  cli_free(&parsed);
  return status;
}

/* A standard stream that the caller has closed gets no file that the program opens: writing to it keeps failing. */
static void occupy_streams(void) {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
    if (fcntl(fd, F_GETFD) < 0 && errno == EBADF && open("/dev/null", fd ? O_RDONLY : O_WRONLY) < 0) return;
}

/* Closes stdout. What could not be written, on a full disk for example, is a failure of the command. */
static int close_output(const char *name, int status) {
  errno = 0;
  const bool failed = ferror(stdout) != 0, flushed = fflush(stdout) == 0, closed = fclose(stdout) == 0;
  if (!failed && flushed && closed) return status;
  fprintf(stderr, "cream%s%s: standard output: cannot write%s%s; the output is incomplete\n",
          *name ? " " : "", name, errno ? ": " : "", errno ? strerror(errno) : "");
  return status == CREAM_OK ? CREAM_FAILED : status;
}

static int run_words(int argc, const char **argv, const char **running) {
  const char *name = argc > 1 ? argv[1] : "";
  if (!strcmp(name, "--help") || !strcmp(name, "-h")) {
    command_usage(stdout);
    return CREAM_OK;
  }
  if (!strcmp(name, "--version")) {
    puts("cream " CREAM_VERSION);
    return CREAM_OK;
  }
  const cli_command *chosen = command_find(name);
  if (chosen) *running = chosen->name;
  if (chosen) return run(chosen, argc - 1, argv + 1);
  if (*name)
    fail_command(name);
  else
    command_usage(stderr);
  return CREAM_BAD_CONFIG;
}

int main(int argc, char **arguments) {
  occupy_streams();
  signals_ignore_file_size();
  const char *running = "";
  const int status = run_words(argc, (const char **)arguments, &running);
  return close_output(running, status);
}
