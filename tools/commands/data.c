/* cream data: the command line. */
#include "data.h"

#include <popt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/cli/describe.h"
#include "io/config/settings.h"
#include "io/dataset/formats.h"
#include "tools/cli/options.h"

typedef struct data_mode {
  const char *name, *summary;
  bool writes; /* needs --out */
  cream_status (*run)(const data_options *, const cream_dataset *, cream_error *);
} data_mode;

static const data_mode modes[] = {
    {"check", "reads every picture: bad files, duplicates in both parts, balance of the classes", false,
     data_check},
    {"pack", "one file of resized pictures, for --data pack:FILE", true, data_pack},
    {"show", "a sheet of pictures, and what each transform makes of them, as PNG", true, data_show},
    {"speed", "how many pictures a second the loader makes of it", false, data_speed},
    {"subset", "a list file of some classes and some pictures of each, for --data list:FILE", true,
     data_subset},
};
enum { N_MODES = sizeof modes / sizeof *modes };
enum { ARGUMENT_HELP = 1, ARGUMENT_SETTING }; /* a setting's option: which, is ARGUMENT_SETTING + its place */

/* Options that stand for a setting; the last takes KEY=VALUE. */
static const struct {
  const char *option, *key, *argument, *help;
} settings[] = {
    {"data", "data", "SPEC", "data set, for example folder:PATH"},
    {"out", "out", "FILE", "file to write"},
    {"seed", "seed", "N", "of all draws"},
    {"threads", "threads", "N", "threads; 0: all (default: 0)"},
    {"set", NULL, "KEY=VALUE", "one setting, for example augment.flip=0; may be repeated"},
};
enum { N_SETTINGS = sizeof settings / sizeof *settings };

static void print_help(poptContext context) {
  printf("data: %s\n\n", tool_data.summary);
  poptPrintHelp(context, stdout, 0);
  printf("\nModes:\n");
  for (int i = 0; i < N_MODES; i++) printf("  %-9s%s\n", modes[i].name, modes[i].summary);
  printf("\nData sets, for --data:\n%s", CREAM_DATASET_FORMATS(CREAM_DATASET_HELP));
  printf("\nExit codes: 0 done, 1 failed, 2 wrong usage or configuration, 3 bad data, in check any bad file, "
         "130 interrupted.\n");
}

static cream_status apply_setting(cream_config *config, int which, const char *argument, cream_error *err) {
  if (settings[which].key) return cream_settings_set(config, settings[which].key, argument, err);
  const char *equal = strchr(argument, '=');
  char key[128];
  if (!equal || equal == argument || (size_t)(equal - argument) >= sizeof key)
    return cream_fail(err, CREAM_BAD_CONFIG, "--set %.60s: expected KEY=VALUE", argument);
  snprintf(key, sizeof key, "%.*s", (int)(equal - argument), argument);
  return cream_settings_set(config, key, equal + 1, err);
}

static cream_status check_range(const char *name, int value, int low, int high, cream_error *err) {
  if (value >= low && value <= high) return CREAM_OK;
  return cream_fail(err, CREAM_BAD_CONFIG, "--%s: got %d, expected %d to %d", name, value, low, high);
}

static cream_status check(const data_options *o, cream_error *err) {
  cream_status status = check_range("side", o->side, 8, 4096, err);
  if (!status) status = check_range("count", o->count, 1, 10000, err);
  if (!status) status = check_range("batch", o->batch, 1, 65536, err);
  if (!status) status = check_range("shorter", o->shorter, 1, 65535, err);
  if (!status) status = check_range("quality", o->quality, 0, 100, err);
  if (!status) status = check_range("classes", o->classes, 1, 1 << 20, err);
  if (!status) status = check_range("train", o->train, 1, 1 << 30, err);
  return status ? status : check_range("val", o->val, 1, 1 << 30, err);
}

/* NULL, with CREAM_BAD_CONFIG: none, or more than that. */
static const data_mode *find_mode(poptContext context, cream_error *err) {
  const char *name = poptGetArg(context), *extra = poptPeekArg(context);
  const data_mode *found = NULL;
  for (int i = 0; name && i < N_MODES; i++)
    if (!strcmp(name, modes[i].name)) found = &modes[i];
  if (found && !extra) return found;
  if (found)
    cream_fail(err, CREAM_BAD_CONFIG, "unexpected argument \"%s\"; see cream data --help", extra);
  else
    cream_fail(err, CREAM_BAD_CONFIG,
               "expected a mode: check, pack, show, speed or subset; see cream data --help");
  return NULL;
}

static cream_status parse(poptContext context, data_options *options, const data_mode **mode, bool *help,
                          cream_error *err) {
  int code;
  while ((code = poptGetNextOpt(context)) > 0) {
    if (code == ARGUMENT_HELP) {
      *help = true;
      print_help(context);
      return CREAM_OK;
    }
    char *argument = poptGetOptArg(context);
    cream_status status = apply_setting(&options->config, code - ARGUMENT_SETTING, argument, err);
    free(argument);
    if (status) return status;
  }
  if (code < -1)
    return cream_fail(err, CREAM_BAD_CONFIG, "%s: %s; see cream data --help", poptBadOption(context, 0),
                      poptStrerror(code));
  *mode = find_mode(context, err);
  if (!*mode) return CREAM_BAD_CONFIG;
  cream_status status = check(options, err);
  if (!status && (*mode)->writes && !*options->config.out)
    status = cream_fail(err, CREAM_BAD_CONFIG, "give --out FILE, the file to write");
  long cores = sysconf(_SC_NPROCESSORS_ONLN);
  options->threads = options->config.threads ? options->config.threads : cores > 0 ? (int)cores : 1;
  if (options->threads > 256) options->threads = 256;
  return status;
}

static cream_status command(int argc, const char **argv, cream_error *err) {
  static data_options options;
  options = (data_options){
      .side = 224, .count = 8, .batch = 64, .shorter = 256, .classes = 100, .train = 500, .val = 50};
  int json = 0;
  cream_config_defaults(&options.config);
  struct poptOption table[N_SETTINGS + 12] = {
      {"side", 0, POPT_ARG_INT, &options.side, 0, "show, speed: pixels of a picture (default: 224)", "N"},
      {"count", 0, POPT_ARG_INT, &options.count, 0, "show: pictures; speed: batches (default: 8)", "N"},
      {"batch", 0, POPT_ARG_INT, &options.batch, 0, "speed: pictures of a batch (default: 64)", "N"},
      {"shorter", 0, POPT_ARG_INT, &options.shorter, 0, "pack: shorter side (default: 256)", "PIXELS"},
      {"quality", 0, POPT_ARG_INT, &options.quality, 0,
       "pack: JPEG of this quality, 1 to 100; 0: raw pixels (default: 0)", "N"},
      {"classes", 0, POPT_ARG_INT, &options.classes, 0, "subset: classes (default: 100)", "N"},
      {"train", 0, POPT_ARG_INT, &options.train, 0, "subset: training pictures of each (default: 500)", "N"},
      {"val", 0, POPT_ARG_INT, &options.val, 0, "subset: test pictures of each (default: 50)", "N"},
      {"json", 0, POPT_ARG_NONE, &json, 0, "results on stdout as one JSON document", NULL},
      {"help", 'h', POPT_ARG_NONE, NULL, ARGUMENT_HELP, "this text", NULL},
  };
  for (int i = 0; i < N_SETTINGS; i++)
    table[10 + i] = (struct poptOption){
        settings[i].option,  0, POPT_ARG_STRING, NULL, ARGUMENT_SETTING + i, settings[i].help,
        settings[i].argument};
  argv[0] = "cream data";
  poptContext context = describe_context(argv[0], argc, argv, table);
  if (!context) return cream_fail_memory(err, sizeof table, "the options");
  poptSetOtherOptionHelp(context, "MODE [options]");
  const data_mode *mode = NULL;
  bool help = false;
  cream_status status = parse(context, &options, &mode, &help, err);
  poptFreeContext(context);
  options.json = json;
  if (status || help) return status;
  cream_dataset *dataset;
  status = cream_dataset_open(options.config.data, &dataset, err);
  if (status) return status;
  status = mode->run(&options, dataset, err);
  dataset->destroy(dataset);
  return status;
}

static const char *mode_at(int i, const char **summary) {
  if (i >= N_MODES) return NULL;
  *summary = modes[i].summary;
  return modes[i].name;
}

const tool tool_data = {
    .name = "data",
    .summary = "look at a data set, check it, pack it, or take a part of it",
    .mode = mode_at,
    .command = command,
};
