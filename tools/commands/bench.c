/* cream bench: the command line of the benchmarks. */
#include "tools/bench/bench.h"

#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "cpu/cpu.h"
#include "io/config/arch.h"
#include "io/config/space_yaml.h"
#include "tools/run/cluster.h"

static bool on_device(const bench_options *options) {
  return strcmp(options->device, "cpu") != 0;
}

static cream_status run_step(const void *values, cream_error *err) {
  const bench_options *options = values;
  if (options->serve) return bench_serve(options, err);
  if (options->freeze) return bench_freeze(options, err);
  return on_device(options) ? bench_device_step(options, err) : bench_step(options, err);
}

/* Without a subcommand. */
static cream_status run_tune(const void *values, cream_error *err) {
  return bench_tune(values, err);
}

enum { STEP, OPS, PEAKS, SCALING, CLUSTER, DETECT };
enum { OF_STEP = 1 << STEP, OF_CLUSTER = 1 << CLUSTER, OF_DETECT = 1 << DETECT };

static const cli_subcommand subcommands[] = {
    [STEP] = {"step", "measure whole steps: time, memory, and a table by kind of op", run_step},
    [OPS] = {"ops", "measure every op of a distilled step by shape", bench_ops},
    [PEAKS] = {"peaks", "measure the peaks of this machine: products and memory", bench_peaks_run},
    [SCALING] =
        {"scaling",
         "measure how time depends on threads, batch and size of the network, and what a search adds to its "
         "kernels",
         bench_scaling},
    [CLUSTER] = {"cluster",
                 "measure a distilled step of one rank, or of several under mpirun, and its messages",
                 bench_cluster},
    [DETECT] = {"detect",
                "compare networks as backbones of detectors: parameters, operations, time of training and "
                "inference",
                bench_detect},
};

/* "2,2,3,3,3": the stages whose depth is open, in order. */
static cream_status read_depths(void *values, const cli_given *given, const char *text, cream_error *err) {
  bench_options *options = values;
  int depth[CREAM_MAX_STAGES], count = 0;
  (void)given;
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
  return cream_fail(err, CREAM_BAD_CONFIG,
                    "--depths: got \"%.40s\", expected the layers of each stage, as 2,2,3,3,3", text);
}

static void defaults(void *values) {
  bench_options *options = values;
  options->space = "cream";
  options->rounds = 10;
  options->warmup = 3;
  options->kind = BENCH_KINDS;
  options->seconds = 0.5;
  options->device = "cpu";
  options->sets = INT_MAX;
  options->epochs = 120;
  options->images = 1281167;
  options->parts = 8;
  options->part_images = 128;
  options->latency = 50;
}

static cream_status check_ranks(const bench_options *options, cream_error *err) {
  const int which = options->line.subcommand;
  if (options->plan && which != CLUSTER)
    return cream_fail(err, CREAM_BAD_CONFIG, "--plan needs the subcommand cluster; see cream bench --help");
  if (options->plan && options->arch && options->head == CREAM_DETECT_NONE)
    return cream_fail(
        err, CREAM_BAD_CONFIG,
        "--plan is for a search, which needs --space in place of --arch, or for a detector, which "
        "needs --head");
  if (which == CLUSTER || cream_cluster_alone(cluster_ranks())) return CREAM_OK;
  return cream_fail(err, CREAM_BAD_CONFIG,
                    "%d processes, but only cream bench cluster measures several; start it alone, or set "
                    "CREAM_MPI=none for processes that have nothing to do with each other",
                    cluster_ranks()->size);
}

/* A detector's network, works and sizes. */
static cream_status check_detector(bench_options *options, cream_error *err) {
  const int which = options->line.subcommand;
  const bool detector = options->head != CREAM_DETECT_NONE || which == DETECT;
  if (!options->batch) options->batch = detector ? 4 : 64;
  if (!options->rounds && which != DETECT)
    return cream_fail(err, CREAM_BAD_CONFIG, "--rounds: got 0, expected at least 1");
  if (which == DETECT && !options->resolution) options->resolution = 512;
  if (which == DETECT && !options->classes) options->classes = 80;
  if (detector && which != DETECT && !options->arch)
    return cream_fail(err, CREAM_BAD_CONFIG,
                      "--head needs --arch, the network that becomes a detector's backbone");
  if (!detector || options->kind == BENCH_PLAIN || options->kind == BENCH_EVAL ||
      options->kind == BENCH_KINDS)
    return CREAM_OK;
  return cream_fail(err, CREAM_BAD_CONFIG,
                    "--work: got %s, which needs a classifier; of a detector there are plain, eval and all",
                    bench_kind_names[options->kind]);
}

static cream_status check(void *values, cream_error *err) {
  bench_options *options = values;
  int which = options->line.subcommand;
  if (options->tune && which >= 0)
    return cream_fail(err, CREAM_BAD_CONFIG,
                      "unexpected argument \"%s\", --tune takes no subcommand; see cream bench --help",
                      subcommands[which].name);
  if (!options->tune && which < 0)
    return cream_fail(
        err, CREAM_BAD_CONFIG,
        "expected a subcommand: step, ops, peaks, scaling, cluster or detect, or --tune FILE; see "
        "cream bench --help");
  if (options->keep && !options->tune)
    return cream_fail(err, CREAM_BAD_CONFIG, "--keep needs --tune FILE; see cream bench --help");
  if (options->serve && which != STEP)
    return cream_fail(err, CREAM_BAD_CONFIG, "--serve needs the subcommand step; see cream bench --help");
  if (on_device(options) && !options->tune && (which != STEP || options->serve))
    return cream_fail(
        err, CREAM_BAD_CONFIG,
        "--device needs the subcommand step, without --serve, or --tune; see cream bench --help");
  if (options->freeze && (on_device(options) || options->serve))
    return cream_fail(err, CREAM_BAD_CONFIG,
                      "--freeze measures the CPU, without --device and --serve; see cream bench --help");
  if (options->precision != CREAM_PRECISION_FLOAT && on_device(options))
    return cream_fail(err, CREAM_BAD_CONFIG,
                      "--precision is of the CPU alone; leave it out with --device, which has --half");
  if (options->threads == 0 && which != CLUSTER) options->threads = cream_cpu_threads();
  cream_status status = check_detector(options, err);
  return status == CREAM_OK ? check_ranks(options, err) : status;
}

#define EXACT_WORD(name, word) word,
static const char *const exacts[] = {CREAM_EXACTS(EXACT_WORD) NULL};
#define PRECISION_WORD(name, word) [CREAM_PRECISION_##name] = word,
static const char *const precisions[] = {CREAM_PRECISIONS(PRECISION_WORD) NULL};

static const cli_option options[] = {
    CLI_VALUE(bench_options, space, NETWORK, "space", "NAME|FILE", "search space",
              .names = cream_space_names),
    CLI_VALUE(bench_options, arch, NETWORK, "arch", "NAME|FILE",
              "one network in place of a space; of bench detect, several with commas between them",
              .names = cream_arch_names),
    CLI_CHOICE(bench_options, head, NETWORK, "head", "retina|lite",
               "make a detector of --arch (step, cluster); of bench detect: compare with these heads alone",
               cream_detect_words, .only = OF_STEP | OF_CLUSTER | OF_DETECT),
    CLI_VALUE(bench_options, resolution, NETWORK, "resolution", "PIXELS", "side of the images",
              CLI_AT_LEAST(0), .fallback = "64, or the network's own; 512 of a detector"),
    CLI_VALUE(bench_options, classes, NETWORK, "classes", "N",
              "number of classes; 0: the space's own, 80 of a detector", CLI_AT_LEAST(0)),
    CLI_ACTION(VALUES, read_depths, NETWORK, "depths", "N,N,...", "layers of each stage with choices",
               .fallback = "in proportion to the resolution"),
    CLI_VALUE(bench_options, batch, METHOD, "batch", "N", "images in a batch", CLI_AT_LEAST(1),
              .fallback = "64; 4 of a detector"),
    CLI_VALUE(bench_options, rounds, METHOD, "rounds", "N",
              "measured rounds; of bench detect, 0 prints parameters and operations alone", CLI_AT_LEAST(0)),
    CLI_VALUE(bench_options, warmup, METHOD, "warmup", "N", "rounds before them", CLI_AT_LEAST(0)),
    CLI_VALUE(bench_options, seed, METHOD, "seed", "N", "seed of paths and images",
              CLI_FROM_TO(INT_MIN, INT_MAX)),
    CLI_CHOICE(bench_options, kind, METHOD, "work", "WORK", "plain, distill, match, eval or all",
               bench_kind_names, .only = OF_STEP),
    CLI_VALUE(bench_options, freeze, METHOD, "freeze", "PART",
              "compare a training step with frozen parts (retrain.freeze) with a whole one", .only = OF_STEP),
    CLI_VALUE(bench_options, seconds, METHOD, "seconds", "S", "time for each peak", .min = 0, .max = 3600),
    CLI_VALUE(bench_options, threads, DEVICE, "threads", "N", "CPU threads; 0: all", CLI_AT_LEAST(0)),
    CLI_VALUE(bench_options, device, DEVICE, "device", "NAME", "an OpenCL device, as in the other commands",
              .only = OF_STEP),
    CLI_VALUE(bench_options, half, DEVICE, "half", NULL,
              "store activations in half precision on that device"),
    CLI_VALUE(bench_options, parameters, DEVICE, "parameters", "FILE",
              "parameters for that device, as --tune writes them"),
    CLI_VALUE(
        bench_options, tune, DEVICE, "tune", "FILE",
        "try sizes of tiles and CLBlast's parameters on that device, without a subcommand, and write the "
        "best to FILE"),
    CLI_VALUE(bench_options, keep, DEVICE, "keep", NULL,
              "with --tune: use what was found in all runs on that device"),
    CLI_VALUE(bench_options, sets, DEVICE, "sets", "N", "with --tune: number of sets of each kind",
              CLI_AT_LEAST(0), .fallback = "all"),
    CLI_CHOICE(bench_options, exact, DEVICE, "exact", "processors|threads",
               "kernels that give the same bytes on every processor, or the fastest of this one", exacts),
    CLI_CHOICE(bench_options, precision, DEVICE, "precision", "float|bf16", "how the CPU stores activations",
               precisions),
    CLI_VALUE(bench_options, plain, DEVICE, "plain", NULL, "use the plain kernels, which are slow"),
    CLI_VALUE(bench_options, serve, METHOD, "serve", NULL,
              "run a step for each line of stdin (docs/benchmarks.md)", .only = OF_STEP),
    CLI_VALUE(bench_options, gigabits, METHOD, "gbits", "N",
              "gigabits a second of the network between the ranks, for which their step is also predicted",
              .min = 0, .max = 1e6, .only = OF_CLUSTER, .fallback = ""),
    CLI_VALUE(
        bench_options, plan, METHOD, "plan", NULL,
        "predict a search, or with --head a detector's training, on 1 to 64 nodes with networks of 1 to 100 "
        "Gb/s (docs/machines.md)",
        .only = OF_CLUSTER),
    CLI_VALUE(bench_options, epochs, METHOD, "epochs", "N", "with --plan: epochs", CLI_AT_LEAST(1),
              .only = OF_CLUSTER),
    CLI_VALUE(bench_options, images, METHOD, "images", "N", "with --plan: images of an epoch",
              CLI_AT_LEAST(1), .only = OF_CLUSTER),
    CLI_VALUE(bench_options, parts, METHOD, "parts", "N",
              "with --plan: parts of a step (search.accumulate, retrain.accumulate)",
              CLI_FROM_TO(1, CREAM_MAX_PARTS), .only = OF_CLUSTER),
    CLI_VALUE(bench_options, part_images, METHOD, "part-images", "N",
              "with --plan: images of a part (search.batch, retrain.batch), to which the measured --batch is "
              "scaled",
              CLI_AT_LEAST(1), .only = OF_CLUSTER),
    CLI_VALUE(bench_options, latency, METHOD, "latency", "US",
              "with --plan or --gbits: microseconds that a message between two nodes takes", .min = 0,
              .max = 1e6, .only = OF_CLUSTER),
    CLI_VALUE(bench_options, price, METHOD, "price", "N",
              "with --plan: price of an hour of a node, in any currency", .min = 0, .max = 1e9,
              .only = OF_CLUSTER, .fallback = ""),
    CLI_VALUE(bench_options, json, OUTPUT, "json", NULL, "print results on stdout as one JSON document"),
};

COMMAND(
    bench, "measure how fast steps and ops are on this machine, compared with its peaks",
    CLI_OPTIONS(options), CLI_SUBCOMMANDS(subcommands), CLI_VALUES(bench_options, line), .defaults = defaults,
    .check = check, .run = run_tune, .processes = CLI_RANKS,
    .text = "All data is random; paths come from fixed seeds. docs/benchmarks.md explains the numbers.\n");
