/* cream latency: the command line. */
#include "latency.h"

#include <omp.h>
#include <popt.h>
#include <stdlib.h>
#include <string.h>

#include "tools/cli/describe.h"
#include "io/config/settings.h"
#include "tools/cli/options.h"

typedef struct latency_mode {
  const char *name, *summary;
  cream_status (*run)(const latency_options *, cream_error *);
} latency_mode;

static const latency_mode modes[] = {
    {"build", "measures every block of a space on this device; writes the table --out", latency_build},
    {"check", "predicts random networks by --table and measures them; fails where these differ much",
     latency_check},
    {"show", "prints --table", latency_show},
};
enum { N_MODES = sizeof modes / sizeof *modes };
enum { ARGUMENT_HELP = 1, ARGUMENT_DEPTHS, ARGUMENT_SETTING };

/* Options that stand for a setting. */
static const struct {
  const char *option, *key, *argument, *help;
} settings[] = {
    {"space", "space", "NAME|FILE", "search space (default: cream; in check the table's)"},
    {"resolution", "resolution", "PIXELS", "build: side of the pictures (default: the space's largest)"},
    {"threads", "threads", "N", "build: CPU threads; 0: all (default: 1)"},
    {"device", "device", "NAME", "build: cpu, opencl, ... as in cream search (default: cpu)"},
    {"seed", "seed", "N", "of pictures, weights and paths (default: 0)"},
    {"out", "out", "FILE", "build: table to write"},
};
enum { N_SETTINGS = sizeof settings / sizeof *settings };

static void print_help(poptContext context) {
  printf("latency: %s\n\n", tool_latency.summary);
  poptPrintHelp(context, stdout, 0);
  printf("\nModes:\n");
  for (int i = 0; i < N_MODES; i++) printf("  %-9s%s\n", modes[i].name, modes[i].summary);
  printf("\nMeasure while nothing else runs. Batch norms are folded, as in cream predict.\n"
         "Exit codes: 0 done, 1 failed, in check too large an error, 2 wrong usage or configuration.\n");
}

/* "4": at most 4 layers in every stage; "1,2,2,3": one number for each stage. */
static cream_status read_depths(latency_options *options, const char *text, cream_error *err) {
  if (strchr(text, ',')) return cream_settings_set(&options->config, "depth", text, err);
  char *end;
  long limit = strtol(text, &end, 10);
  if (end == text || *end || limit < 1 || limit > CREAM_MAX_LAYERS)
    return cream_fail(
        err, CREAM_BAD_CONFIG,
        "--depths %.40s: expected the most layers of a stage, as 4, or those of each, as 1,2,2,3", text);
  options->depth_limit = (int)limit;
  return CREAM_OK;
}

static cream_status check_range(const char *name, int value, int low, int high, cream_error *err) {
  if (value >= low && value <= high) return CREAM_OK;
  return cream_fail(err, CREAM_BAD_CONFIG, "--%s: got %d, expected %d to %d", name, value, low, high);
}

static cream_status check(latency_options *options, const latency_mode *mode, cream_error *err) {
  bool builds = mode->run == latency_build;
  cream_status status = check_range("batch", options->batch, 1, 4096, err);
  if (status == CREAM_OK) status = check_range("classes", options->classes, 0, 1 << 20, err);
  if (status == CREAM_OK) status = check_range("rounds", options->rounds, 1, 1000, err);
  if (status == CREAM_OK)
    status = check_range("paths", options->paths, mode->run == latency_check ? 3 : 0, 10000, err);
  if (status != CREAM_OK) return status;
  if (builds && !*options->config.out)
    return cream_fail(err, CREAM_BAD_CONFIG, "give --out FILE, the table to write");
  if (!builds && !options->table)
    return cream_fail(err, CREAM_BAD_CONFIG, "give --table FILE, a latency table");
  if (options->config.threads == 0) options->config.threads = omp_get_num_procs();
  return CREAM_OK;
}

static cream_status find_mode(poptContext context, const latency_mode **mode, cream_error *err) {
  const char *name = poptGetArg(context), *extra = poptPeekArg(context);
  for (int i = 0; name && i < N_MODES; i++)
    if (!strcmp(name, modes[i].name)) *mode = &modes[i];
  if (!*mode)
    return cream_fail(err, CREAM_BAD_CONFIG,
                      "expected a mode: build, check or show; see cream latency --help");
  if (!extra) return CREAM_OK;
  return cream_fail(err, CREAM_BAD_CONFIG, "unexpected argument \"%s\"; see cream latency --help", extra);
}

static cream_status parse(poptContext context, latency_options *options, const latency_mode **mode,
                          bool *help, cream_error *err) {
  int code;
  while ((code = poptGetNextOpt(context)) > 0) {
    *help = code == ARGUMENT_HELP;
    if (*help) {
      print_help(context);
      return CREAM_OK;
    }
    char *argument = poptGetOptArg(context);
    cream_status status =
        code == ARGUMENT_DEPTHS
            ? read_depths(options, argument, err)
            : cream_settings_set(&options->config, settings[code - ARGUMENT_SETTING].key, argument, err);
    free(argument);
    if (status != CREAM_OK) return status;
  }
  if (code < -1)
    return cream_fail(err, CREAM_BAD_CONFIG, "%s: %s; see cream latency --help", poptBadOption(context, 0),
                      poptStrerror(code));
  cream_status status = find_mode(context, mode, err);
  if (status != CREAM_OK) return status;
  if ((*mode)->run == latency_build && !*options->config.space) strcpy(options->config.space, "cream");
  if ((*mode)->run == latency_check && options->paths == 0) options->paths = 50;
  return check(options, *mode, err);
}

static cream_status command(int argc, const char **argv, cream_error *err) {
  static latency_options options;
  options = (latency_options){.batch = 1, .depth_limit = 4, .rounds = 12};
  cream_config_defaults(&options.config);
  options.config.space[0] = '\0';
  options.config.threads = 1;
  int json = 0;
  struct poptOption table[N_SETTINGS + 9] = {
      {"table", 0, POPT_ARG_STRING, &options.table, 0, "check, show: the table", "FILE"},
      {"depths", 0, POPT_ARG_STRING, NULL, ARGUMENT_DEPTHS,
       "build: most layers of a stage, or those of each stage (default: 4)", "N|N,N,..."},
      {"classes", 0, POPT_ARG_INT, &options.classes, 0, "build: classes; 0: the space's own number", "N"},
      {"batch", 0, POPT_ARG_INT, &options.batch, 0, "build: images of a pass (default: 1)", "N"},
      {"paths", 0, POPT_ARG_INT, &options.paths, 0,
       "networks that are measured (default: 8 for each option of a layer; in check 50)", "N"},
      {"rounds", 0, POPT_ARG_INT, &options.rounds, 0, "times that each is measured (default: 12)", "N"},
      {"json", 0, POPT_ARG_NONE, &json, 0, "results as one JSON document; build: the table", NULL},
      {"help", 'h', POPT_ARG_NONE, NULL, ARGUMENT_HELP, "this text", NULL},
  };
  for (int i = 0; i < N_SETTINGS; i++)
    table[8 + i] = (struct poptOption){
        settings[i].option,  0, POPT_ARG_STRING, NULL, ARGUMENT_SETTING + i, settings[i].help,
        settings[i].argument};
  argv[0] = "cream latency";
  poptContext context = describe_context(argv[0], argc, argv, table);
  if (!context) return cream_fail_memory(err, sizeof table, "the options");
  poptSetOtherOptionHelp(context, "MODE [options]");
  const latency_mode *mode = NULL;
  bool help = false;
  cream_status status = parse(context, &options, &mode, &help, err);
  poptFreeContext(context);
  options.json = json;
  if (status == CREAM_OK && !help) status = mode->run(&options, err);
  free(options.table);
  return status;
}

static const char *mode_at(int i, const char **summary) {
  if (i >= N_MODES) return NULL;
  *summary = modes[i].summary;
  return modes[i].name;
}

const tool tool_latency = {
    .name = "latency",
    .summary = "how long the blocks of a space take on this device, for searches within a latency",
    .mode = mode_at,
    .command = command,
};
