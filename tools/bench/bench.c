/* cream bench: the command line of the benchmarks. */
#include "bench.h"

#include <limits.h>
#include <omp.h>
#include <popt.h>
#include <stdlib.h>
#include <string.h>

#include "tools/cli/describe.h"
#include "tools/cli/options.h"

typedef struct bench_mode {
  const char *name, *summary;
  cream_status (*run)(const bench_options *, cream_error *);
} bench_mode;

static const bench_mode modes[] = {
    {"step", "whole steps: time, memory, and a table by kind of op", bench_step},
    {"ops", "every op of a distilled step by shape", bench_ops},
    {"peaks", "what this machine reaches: products and memory", bench_peaks_run},
    {"scaling", "threads, batch, size of the network, what a search adds to its kernels, matching",
     bench_scaling},
};
enum { N_MODES = sizeof modes / sizeof *modes };
static const bench_mode tuning = {"--tune", "", bench_tune};

/* Arguments that do not go straight into the options. */
typedef struct bench_arguments {
  char *space, *arch, *depths, *work, *device, *parameters, *tune;
  int json, plain, serve, seed, half;
} bench_arguments;

enum { SHOW_HELP = 1 };

static void print_help(poptContext context) {
  printf("bench: %s\n\n", tool_bench.summary);
  poptPrintHelp(context, stdout, 0);
  printf("\nModes:\n");
  for (int i = 0; i < N_MODES; i++) printf("  %-9s%s\n", modes[i].name, modes[i].summary);
  printf(
      "\nAll data is random; paths come from fixed seeds. docs/benchmarks.md tells what the numbers mean.\n"
      "Exit codes: 0 done, 1 failed, 2 wrong usage or configuration.\n");
}

/* "2,2,3,3,3": the stages whose depth is open, in order. */
static cream_status parse_depths(const char *text, bench_options *options, cream_error *err) {
  int depth[CREAM_MAX_STAGES], count = 0;
  for (const char *at = text; count < CREAM_MAX_STAGES - 1; at++) {
    char *end;
    long value = strtol(at, &end, 10);
    if (end == at || value < 1 || value > CREAM_MAX_LAYERS || (*end && *end != ',')) break;
    depth[count++] = (int)value;
    at = end;
    if (*at) continue;
    options->depth[0] = 1;
    memcpy(options->depth + 1, depth, (size_t)count * sizeof *depth);
    return CREAM_OK;
  }
  return cream_fail(err, CREAM_BAD_CONFIG, "--depths %.40s: expected layers of each stage, as 2,2,3,3,3",
                    text);
}

static cream_status parse_work(const char *text, bench_options *options, cream_error *err) {
  for (options->kind = 0; options->kind < BENCH_KINDS; options->kind++)
    if (!strcmp(text, bench_kind_names[options->kind])) return CREAM_OK;
  if (!strcmp(text, "all")) return CREAM_OK;
  return cream_fail(err, CREAM_BAD_CONFIG, "--work %.40s: expected plain, distill, match, eval or all", text);
}

static cream_status check_least(const char *name, int value, int least, cream_error *err) {
  if (value >= least) return CREAM_OK;
  return cream_fail(err, CREAM_BAD_CONFIG, "--%s: got %d, expected at least %d", name, value, least);
}

static cream_status check(const bench_options *options, cream_error *err) {
  cream_status status = check_least("batch", options->batch, 1, err);
  if (status == CREAM_OK) status = check_least("threads", options->threads, 0, err);
  if (status == CREAM_OK) status = check_least("rounds", options->rounds, 1, err);
  if (status == CREAM_OK) status = check_least("warmup", options->warmup, 0, err);
  if (status == CREAM_OK) status = check_least("sets", options->sets, 0, err);
  if (status == CREAM_OK) status = check_least("resolution", options->resolution, 0, err);
  if (status == CREAM_OK) status = check_least("classes", options->classes, 0, err);
  if (status == CREAM_OK && !(options->seconds > 0 && options->seconds < 3600))
    status = cream_fail(err, CREAM_BAD_CONFIG, "--seconds: got %g, expected more than 0", options->seconds);
  return status;
}

static const bench_mode *find_mode(const char *name) {
  for (int i = 0; name && i < N_MODES; i++)
    if (!strcmp(name, modes[i].name)) return &modes[i];
  return NULL;
}

/* Everything that was read goes to the options, checked. */
static cream_status complete(const bench_arguments *arguments, bench_options *options, cream_error *err) {
  if (arguments->space) options->space = arguments->space;
  options->arch = arguments->arch;
  if (arguments->device) options->device = arguments->device;
  options->parameters = arguments->parameters;
  options->tune = arguments->tune;
  options->half = arguments->half;
  options->seed = (uint64_t)arguments->seed;
  options->json = arguments->json;
  options->plain = arguments->plain;
  options->serve = arguments->serve;
  cream_status status = check(options, err);
  if (status == CREAM_OK && arguments->depths) status = parse_depths(arguments->depths, options, err);
  if (status == CREAM_OK && arguments->work) status = parse_work(arguments->work, options, err);
  if (options->threads == 0) options->threads = omp_get_num_procs();
  return status;
}

static cream_status parse_and_run(poptContext context, const bench_arguments *arguments,
                                  bench_options *options, cream_error *err) {
  int code = poptGetNextOpt(context);
  if (code == SHOW_HELP) {
    print_help(context);
    return CREAM_OK;
  }
  if (code < -1)
    return cream_fail(err, CREAM_BAD_CONFIG, "%s: %s; see cream bench --help", poptBadOption(context, 0),
                      poptStrerror(code));
  const bench_mode *mode = arguments->tune ? &tuning : find_mode(poptGetArg(context));
  if (!mode)
    return cream_fail(err, CREAM_BAD_CONFIG,
                      "expected a mode: step, ops, peaks or scaling; see cream bench --help");
  const char *extra = poptPeekArg(context);
  if (extra)
    return cream_fail(err, CREAM_BAD_CONFIG, "unexpected argument \"%s\"; see cream bench --help", extra);
  if (arguments->serve && mode->run != bench_step)
    return cream_fail(err, CREAM_BAD_CONFIG, "--serve goes with the mode step; see cream bench --help");
  bool on_device = arguments->device && strcmp(arguments->device, "cpu") != 0;
  if (on_device && mode != &tuning && (mode->run != bench_step || arguments->serve))
    return cream_fail(err, CREAM_BAD_CONFIG,
                      "--device goes with the mode step and with --tune; see cream bench --help");
  cream_status status = complete(arguments, options, err);
  if (status != CREAM_OK) return status;
  if (options->serve) return bench_serve(options, err);
  return on_device && mode != &tuning ? bench_device_step(options, err) : mode->run(options, err);
}

static cream_status command(int argc, const char **argv, cream_error *err) {
  bench_options options = {.space = "cream",
                           .batch = 64,
                           .rounds = 10,
                           .warmup = 3,
                           .kind = BENCH_KINDS,
                           .seconds = 0.5,
                           .device = "cpu",
                           .sets = INT_MAX};
  bench_arguments arguments = {0};
  const struct poptOption table[] = {
      {"space", 0, POPT_ARG_STRING, &arguments.space, 0, "search space (default: cream)", "NAME|FILE"},
      {"arch", 0, POPT_ARG_STRING, &arguments.arch, 0, "one network in place of a space", "NAME|FILE"},
      {"resolution", 0, POPT_ARG_INT, &options.resolution, 0, "side of the pictures (default: 64)", "PIXELS"},
      {"classes", 0, POPT_ARG_INT, &options.classes, 0, "classes; 0: the space's own number", "N"},
      {"depths", 0, POPT_ARG_STRING, &arguments.depths, 0,
       "layers of each stage with choices (default: in proportion to the resolution)", "N,N,..."},
      {"batch", 0, POPT_ARG_INT, &options.batch, 0, "images in a batch (default: 64)", "N"},
      {"threads", 0, POPT_ARG_INT, &options.threads, 0, "CPU threads; 0: all (default: 0)", "N"},
      {"rounds", 0, POPT_ARG_INT, &options.rounds, 0, "measured rounds (default: 10)", "N"},
      {"warmup", 0, POPT_ARG_INT, &options.warmup, 0, "rounds before them (default: 3)", "N"},
      {"seed", 0, POPT_ARG_INT, &arguments.seed, 0, "of paths and pictures (default: 0)", "N"},
      {"work", 0, POPT_ARG_STRING, &arguments.work, 0,
       "step: plain, distill, match, eval or all (default: all)", "WORK"},
      {"seconds", 0, POPT_ARG_DOUBLE, &options.seconds, 0, "time for each peak (default: 0.5)", "S"},
      {"device", 0, POPT_ARG_STRING, &arguments.device, 0,
       "step: an OpenCL device, as the other commands take it (default: cpu)", "NAME"},
      {"half", 0, POPT_ARG_NONE, &arguments.half, 0, "activations in half precision on that device", NULL},
      {"parameters", 0, POPT_ARG_STRING, &arguments.parameters, 0, "CLBlast's parameters for that device",
       "FILE"},
      {"tune", 0, POPT_ARG_STRING, &arguments.tune, 0,
       "try CLBlast's parameters on that device, without a mode, and write the best to FILE", "FILE"},
      {"sets", 0, POPT_ARG_INT, &options.sets, 0, "--tune: so many sets of parameters (default: all)", "N"},
      {"plain", 0, POPT_ARG_NONE, &arguments.plain, 0, "the plain kernels, which are slow", NULL},
      {"serve", 0, POPT_ARG_NONE, &arguments.serve, 0,
       "step: a step for each line of stdin (docs/benchmarks.md)", NULL},
      {"json", 0, POPT_ARG_NONE, &arguments.json, 0, "results as one JSON document", NULL},
      {"help", 'h', POPT_ARG_NONE, NULL, SHOW_HELP, "this text", NULL},
      {NULL, 0, 0, NULL, 0, NULL, NULL},
  };
  argv[0] = "cream bench";
  poptContext context = describe_context(argv[0], argc, argv, table);
  if (!context) return cream_fail_memory(err, sizeof table, "the options");
  poptSetOtherOptionHelp(context, "MODE [options]");
  cream_status status = parse_and_run(context, &arguments, &options, err);
  poptFreeContext(context);
  free(arguments.space);
  free(arguments.arch);
  free(arguments.depths);
  free(arguments.work);
  free(arguments.device);
  free(arguments.parameters);
  free(arguments.tune);
  return status;
}

static const char *mode_at(int i, const char **summary) {
  if (i >= N_MODES) return NULL;
  *summary = modes[i].summary;
  return modes[i].name;
}

const tool tool_bench = {
    .name = "bench",
    .summary = "how fast steps and ops are on this machine, and how near to its peaks",
    .mode = mode_at,
    .command = command,
};
