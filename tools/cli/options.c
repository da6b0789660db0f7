#include "options.h"

#include <popt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/run/common.h"
#include "core/space/budget.h"
#include "describe.h"
#include "io/config/settings.h"

/* An option as the user sees it. `setting` is the key that it is another name for; a leading '.' stands
 * for the subcommand's section. */
typedef struct option_spec {
  const char *name, *setting, *argument, *help;
} option_spec;

enum { CONFIG = 0, SET, RUN, JSON, FORCE, RESUME, HELP, OUT, NO_RESIZE, TOP, BUDGET, CLASSES };

static const option_spec specs[] = {
    [CONFIG] = {"config", NULL, "FILE", "read settings from a YAML file; other options override it"},
    [SET] = {"set", NULL, "KEY=VALUE", "one setting, for example search.meta.every=50; may be repeated"},
    [RUN] = {"run", NULL, "DIR", "folder of an earlier run: its settings, architecture and weights"},
    [JSON] = {"json", NULL, NULL, "results on stdout as one JSON document, everything else on stderr"},
    [FORCE] = {"force", NULL, NULL, "replace the run in an existing --out folder"},
    [RESUME] = {"resume", NULL, NULL,
                "go on from the newest checkpoint of the --out folder, with its settings"},
    [HELP] = {"help", NULL, NULL, "this text"},
    [OUT] = {"out", "out", "DIR", "run folder, made by the run"},
    [NO_RESIZE] = {"no-resize", NULL, NULL, "take pictures as they are: they must have the network's size"},
    [TOP] = {"top", NULL, "N", "classes shown for a picture (default: 5)"},
    [BUDGET] = {"budget", NULL, "B", "which network of --run, a search with --budgets: 14, 12ms"},
    [CLASSES] = {"classes", NULL, "N", "classes in place of the network's own number"},
    {"data", "data", "SPEC", "images: digits, folder:PATH, list:FILE, pack:FILE, cifar10:PATH, ..."},
    {"space", "space", "NAME|FILE", "search space: cream, cream-hard, micro, or a YAML file"},
    {"flops", "flops", "MIN:MAX", "FLOPs of the network wanted, in millions, as the paper counts them"},
    {"budgets", "search.budgets", "LIST",
     "a network for each, in M FLOPs (14,43,114,287) or milliseconds (6ms,12ms)"},
    {"latency", "search.latency.max", "MS",
     "milliseconds that a network may take, by --latency-table; 0: any"},
    {"latency-table", "search.latency.table", "FILE", "latencies of the space, from cream latency build"},
    {"arch", "arch", "NAME|FILE|LIST",
     "architecture: cream-14, -43, -114, -287, -481, -604, efficientnet-b0, mobilenet-v3-large, a file "
     "(arch.json of a search), or choices in the cream space by stage: [[3],[3,1],...]"},
    {"resolution", "resolution", "PIXELS",
     "side of the pictures; 0: the network's own, or from the FLOPs range"},
    {"weights", "weights", "FILE", "weights of the network (safetensors); a retraining starts from them"},
    {"epochs", ".epochs", "N", "passes over the training images"},
    {"batch", ".batch", "N", "images in a batch"},
    {"seed", "seed", "N", "of all random numbers; the same seed gives the same result"},
    {"threads", "threads", "N", "CPU threads; 0: all"},
    {"device", "device", "NAME", "cpu, opencl, opencl:PLATFORM:DEVICE, a part of a device's name, or auto"},
    {"time-budget", "time_budget", "MINUTES", "stop training after so many minutes; 0: no limit"},
    {"paths", ".paths", "N", "paths that are drawn, scored and trained"},
    {"jobs", ".jobs", "N", "paths side by side, each in a process of its own; 0: one a thread"},
    {"on-nan", "on_nan", "stop|rollback", "when the loss explodes: stop, or go back and halve the rate"},
};
enum { N_SPECS = sizeof specs / sizeof *specs };

static bool takes(const tool *t, const option_spec *spec) {
  char word[64];
  snprintf(word, sizeof word, " %s ", spec->name);
  char options[256];
  snprintf(options, sizeof options, " help %s", t->options);
  return strstr(options, word) != NULL;
}

/* The setting's full key. */
static const char *key_of(const tool *t, const option_spec *spec, char *text, size_t size) {
  bool relative = spec->setting[0] == '.';
  snprintf(text, size, "%s%s", relative ? t->section : "", spec->setting);
  return text;
}

/* The help text of an option with its default. */
static void describe(const tool *t, const option_spec *spec, char *text, size_t size) {
  bool file = t->out && spec == &specs[OUT];
  snprintf(text, size, "%s", file ? t->out : spec->help);
  if (!spec->setting || file) return;
  static cream_config defaults;
  cream_config_defaults(&defaults);
  char key[128], value[128];
  cream_settings_get(&defaults, key_of(t, spec, key, sizeof key), value, sizeof value);
  size_t used = strlen(text);
  if (*value) snprintf(text + used, size - used, " (default: %s)", value);
}

static void print_help(const tool *t, poptContext context) {
  printf("%s: %s\n\n", t->name, t->summary);
  poptPrintHelp(context, stdout, 0);
  if (t->notes) printf("\n%s", t->notes);
  if (strstr(t->options, "set ")) {
    printf("\nSettings for --set and --config, with their defaults:\n");
    cream_settings_help(stdout);
  }
  printf("\nExit codes: 0 done, 1 failed, 2 wrong usage or configuration, 3 bad data, 130 interrupted.\n");
}

static cream_status apply_set(cream_config *config, const char *argument, cream_error *err) {
  const char *equal = strchr(argument, '=');
  char key[128];
  if (!equal || equal == argument || (size_t)(equal - argument) >= sizeof key)
    return cream_fail(err, CREAM_BAD_CONFIG, "--set %.60s: expected KEY=VALUE", argument);
  snprintf(key, sizeof key, "%.*s", (int)(equal - argument), argument);
  return cream_settings_set(config, key, equal + 1, err);
}

/* A folder's settings and files become those of this run, but not its place. A retraining begins with fresh
 * weights all the same. */
static cream_status apply_run(const tool *t, tool_options *options, const char *folder, cream_error *err) {
  cream_config *config = &options->config;
  char file[sizeof config->arch];
  cream_status status = common_join(file, sizeof file, folder, "config.yaml", err);
  if (status == CREAM_OK) status = cream_settings_load(config, file, err);
  if (status == CREAM_OK) status = common_join(config->arch, sizeof config->arch, folder, "arch.json", err);
  config->weights[0] = '\0';
  if (status == CREAM_OK && strcmp(t->name, "retrain") != 0)
    status = common_join(config->weights, sizeof config->weights, folder, "weights.safetensors", err);
  config->out[0] = '\0';
  config->resolution = 0; /* the architecture file has it */
  if (status == CREAM_OK) snprintf(options->run, sizeof options->run, "%s", folder);
  return status;
}

/* The networks of a search with several budgets: its folder has no arch.json. */
static cream_status apply_budget(tool_options *options, const char *name, cream_error *err) {
  cream_config *config = &options->config;
  cream_budget budgets[CREAM_MAX_BUDGETS];
  int n;
  if (!*options->run) return cream_fail(err, CREAM_BAD_CONFIG, "--budget %.40s: of which --run DIR?", name);
  cream_status status = cream_budgets_parse(config->search.budgets, 0, budgets, &n, err);
  if (status != CREAM_OK) return status;
  int at = cream_budgets_find(budgets, n, name);
  if (at < 0)
    return cream_fail(err, CREAM_BAD_CONFIG, "--budget %.40s: the search in %s has %s%s", name, options->run,
                      n ? "networks for " : "no budgets", config->search.budgets);
  char file[64];
  return common_join(config->arch, sizeof config->arch, options->run,
                     cream_run_budget_name(CREAM_RUN_ARCH, budgets[at].label, file), err);
}

/* The settings that a run to be resumed was started with; the architecture it trains lies in its folder. */
static cream_status apply_resume(tool_options *options, const char *folder, cream_error *err) {
  cream_config *config = &options->config;
  char file[sizeof config->arch];
  cream_status status = common_join(file, sizeof file, folder, "config.yaml", err);
  if (status != CREAM_OK || access(file, F_OK)) return status;
  status = cream_settings_load(config, file, err);
  if (status == CREAM_OK) status = common_join(file, sizeof file, folder, "arch.json", err);
  if (status == CREAM_OK && *config->arch && !access(file, F_OK)) strcpy(config->arch, file);
  return status;
}

static cream_status apply_count(const char *name, int limit, const char *argument, int *count,
                                cream_error *err) {
  char *end;
  long value = strtol(argument, &end, 10);
  if (end == argument || *end || value < 1 || value > limit)
    return cream_fail(err, CREAM_BAD_CONFIG, "--%s %.40s: expected a whole number from 1 to %d", name,
                      argument, limit);
  *count = (int)value;
  return CREAM_OK;
}

static cream_status apply(const tool *t, int which, const char *argument, tool_options *options,
                          cream_error *err) {
  char key[128];
  switch (which) {
  case RUN:
    return apply_run(t, options, argument, err);
  case CONFIG:
    return cream_settings_load(&options->config, argument, err);
  case SET:
    return apply_set(&options->config, argument, err);
  case JSON:
    options->json = true;
    return CREAM_OK;
  case FORCE:
    options->force = true;
    return CREAM_OK;
  case RESUME:
    options->resume = true;
    return CREAM_OK;
  case BUDGET:
    return apply_budget(options, argument, err);
  case NO_RESIZE:
    options->no_resize = true;
    return CREAM_OK;
  case TOP:
    return apply_count("top", INT32_MAX, argument, &options->top, err);
  case CLASSES:
    return apply_count("classes", 1 << 20, argument, &options->classes, err);
  default:
    return cream_settings_set(&options->config, key_of(t, &specs[which], key, sizeof key), argument, err);
  }
}

/* Copies what is no option: popt's own words end with its context. */
static cream_status take_arguments(poptContext context, tool_options *options, cream_error *err) {
  const char **words = poptGetArgs(context);
  int count = 0;
  while (words && words[count]) count++;
  options->arguments = calloc((size_t)count + 1, sizeof *options->arguments);
  bool whole = options->arguments != NULL;
  for (int i = 0; i < count && whole; i++) {
    options->arguments[i] = strdup(words[i]);
    whole = options->arguments[i] != NULL;
    options->n_arguments += whole;
  }
  return whole ? CREAM_OK : cream_fail_memory(err, (size_t)count * sizeof(char *), "the command line");
}

/* --resume and where, then --run, its --budget, --config, then the others, wherever they stand. */
enum { PASSES = 5 };
static int pass_of(int which) {
  return which == RESUME ? 0 : which == RUN ? 1 : which == BUDGET ? 2 : which == CONFIG ? 3 : 4;
}

static cream_status apply_all(const tool *t, poptContext context, tool_options *options, bool *help,
                              cream_error *err) {
  cream_status status = CREAM_OK;
  char folder[sizeof options->config.out] = "";
  for (int pass = 0; pass < PASSES && status == CREAM_OK && !*help; pass++) {
    int code;
    poptResetContext(context);
    while (status == CREAM_OK && (code = poptGetNextOpt(context)) > 0) {
      int which = code - 1;
      char *argument = poptGetOptArg(context);
      if (which == HELP)
        *help = true;
      else if (pass == 0 && which == OUT)
        snprintf(folder, sizeof folder, "%s", argument);
      else if (pass_of(which) == pass)
        status = apply(t, which, argument, options, err);
      free(argument);
    }
    if (status != CREAM_OK || *help) break;
    if (code < -1)
      return cream_fail(err, CREAM_BAD_CONFIG, "%s: %s; see cream %s --help", poptBadOption(context, 0),
                        poptStrerror(code), t->name);
    if (pass == 0 && options->resume && *folder) status = apply_resume(options, folder, err);
    const char *extra = poptPeekArg(context);
    if (extra && !t->arguments)
      return cream_fail(err, CREAM_BAD_CONFIG, "unexpected argument \"%s\"; see cream %s --help", extra,
                        t->name);
  }
  if (status == CREAM_OK && !*help && t->arguments) status = take_arguments(context, options, err);
  return status;
}

cream_status options_parse(const tool *t, int argc, const char **argv, tool_options *options, bool *help,
                           cream_error *err) {
  char texts[N_SPECS][256];
  struct poptOption table[N_SPECS + 1];
  memset(table, 0, sizeof table);
  int n = 0;
  for (int i = 0; i < N_SPECS; i++) {
    if (!takes(t, &specs[i])) continue;
    describe(t, &specs[i], texts[i], sizeof texts[i]);
    table[n++] = (struct poptOption){.longName = specs[i].name,
                                     .shortName = i == HELP ? 'h' : '\0',
                                     .argInfo = specs[i].argument ? POPT_ARG_STRING : POPT_ARG_NONE,
                                     .val = i + 1,
                                     .descrip = texts[i],
                                     .argDescrip = t->out && i == OUT ? "FILE" : specs[i].argument};
  }
  memset(options, 0, sizeof *options);
  cream_config_defaults(&options->config);
  char name[64];
  snprintf(name, sizeof name, "cream %s", t->name);
  argv[0] = name;
  poptContext context = describe_context(name, argc, argv, table);
  if (!context) return cream_fail_memory(err, sizeof table, "the options");
  char usage[64];
  snprintf(usage, sizeof usage, "[options] %s", t->arguments ? t->arguments : "");
  poptSetOtherOptionHelp(context, usage);
  cream_status status = apply_all(t, context, options, help, err);
  if (status == CREAM_OK && *help) print_help(t, context);
  poptFreeContext(context);
  return status;
}
