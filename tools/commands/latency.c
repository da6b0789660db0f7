/* cream latency: the command line. */
#include "latency.h"

#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "cpu/cpu.h"
#include "io/config/arch.h"
#include "io/config/settings.h"
#include "io/config/space_yaml.h"

enum { BUILD, CHECK, NET, SHOW };
enum { OF_BUILD = 1 << BUILD, OF_CHECK = 1 << CHECK, OF_NET = 1 << NET, OF_SHOW = 1 << SHOW };

static const cli_subcommand subcommands[] = {
    [BUILD] = {"build", "measure every block of a space on this device, and write the table --out",
               latency_build},
    [CHECK] = {"check", "predict random networks by --table and measure them; fails where these differ much",
               latency_check},
    [NET] = {"net", "measure the network --arch, and with --table predict it too", latency_net},
    [SHOW] = {"show", "print --table", latency_show},
};

static void defaults(void *values) {
  latency_options *options = values;
  cream_config_defaults(&options->config);
  options->config.space[0] = '\0';
  options->config.device[0] = '\0';
  options->config.threads = -1;
  options->depth_limit = 4;
  options->rounds = 12;
  options->least_seconds = 5;
}

void latency_options_device(cream_config *config, int *batch) {
  static cream_config usual;
  cream_config_defaults(&usual);
  if (!*config->device) strcpy(config->device, usual.device);
  if (config->threads < 0) config->threads = 1;
  if (config->threads == 0) config->threads = cream_cpu_threads();
  if (!*batch) *batch = 1;
}

/* "4": at most 4 layers in every stage; "1,2,2,3": one number for each stage. */
static cream_status read_depths(void *values, const cli_given *given, const char *text, cream_error *err) {
  latency_options *options = values;
  (void)given;
  if (strchr(text, ',')) return cream_settings_set(&options->config, "depth", text, err);
  char *end;
  long limit = strtol(text, &end, 10);
  if (end == text || *end || limit < 1 || limit > CREAM_MAX_LAYERS)
    return cream_fail(
        err, CREAM_BAD_CONFIG,
        "--depths: got \"%.40s\", expected the largest depth of a stage, as 4, or the depth of each, as "
        "1,2,2,3",
        text);
  options->depth_limit = (int)limit;
  return CREAM_OK;
}

static cream_status check(void *values, cream_error *err) {
  enum { LEAST_PATHS = 3, PATHS = 50 }; /* of check */
  latency_options *options = values;
  int which = options->line.subcommand;
  if (which == BUILD && !*options->config.space) strcpy(options->config.space, "cream");
  if (which == BUILD && !*options->config.out)
    return cream_fail(err, CREAM_BAD_CONFIG, "no table: expected --out FILE, the latency table to write");
  if (which == NET && !*options->config.arch)
    return cream_fail(err, CREAM_BAD_CONFIG, "no network: expected --arch NAME|FILE, an architecture");
  if (which != BUILD && which != NET && !options->table)
    return cream_fail(err, CREAM_BAD_CONFIG, "no table: expected --table FILE, a latency table");
  if (which == CHECK && options->paths == 0) options->paths = PATHS;
  if (which == CHECK && options->paths < LEAST_PATHS)
    return cream_fail(err, CREAM_BAD_CONFIG, "--paths: got %d, expected a whole number of at least %d",
                      options->paths, LEAST_PATHS);
  if (which == BUILD) latency_options_device(&options->config, &options->batch);
  if (options->config.threads == 0) options->config.threads = cream_cpu_threads();
  return CREAM_OK;
}

static const cli_option options[] = {
    CLI_VALUE(latency_options, table, NETWORK, "table", "FILE", "the latency table",
              .only = OF_CHECK | OF_NET | OF_SHOW),
    CLI_KEY(latency_options, config, NETWORK, "arch", "arch", "NAME|FILE|LIST",
            "architecture: a built-in name, a file (arch.json of a search), or choices in the cream space",
            .names = cream_arch_names, .only = OF_NET),
    CLI_KEY(latency_options, config, NETWORK, "space", "space", "NAME|FILE", "search space",
            .names = cream_space_names, .fallback = "cream; in check the table's",
            .only = OF_BUILD | OF_CHECK),
    CLI_KEY(latency_options, config, NETWORK, "resolution", "resolution", "PIXELS", "side of the images",
            .fallback = "the space's largest; in net the network's", .only = OF_BUILD | OF_NET),
    CLI_ACTION(VALUES, read_depths, NETWORK, "depths", "N|N,N,...",
               "largest depth of a stage, or the depth of each stage", .fallback = "4", .only = OF_BUILD),
    CLI_VALUE(latency_options, classes, NETWORK, "classes", "N",
              "number of classes; 0: the space's or the network's own", CLI_FROM_TO(0, 1 << 20),
              .only = OF_BUILD | OF_NET),
    CLI_VALUE(latency_options, batch, METHOD, "batch", "N", "images of a pass", CLI_FROM_TO(1, 4096),
              .fallback = "1; in net with --table the table's", .only = OF_BUILD | OF_NET),
    CLI_VALUE(latency_options, paths, METHOD, "paths", "N", "networks that are measured",
              CLI_FROM_TO(0, 10000), .fallback = "8 for each option of a layer; in check 50",
              .only = OF_BUILD | OF_CHECK),
    CLI_VALUE(latency_options, rounds, METHOD, "rounds", "N", "measurements of each network",
              CLI_FROM_TO(1, LATENCY_MAX_ROUNDS), .only = OF_BUILD | OF_CHECK | OF_NET),
    CLI_VALUE(latency_options, least_seconds, METHOD, "seconds", "S",
              "repeat everything for at least so long, as a machine can be slow for seconds", .min = 0,
              .max = 3600, .only = OF_BUILD | OF_CHECK),
    CLI_VALUE(latency_options, accept_disturbed, METHOD, "accept-disturbed", NULL,
              "write the table although other work disturbed its measurements", .only = OF_BUILD),
    CLI_KEY(latency_options, config, METHOD, "seed", "seed", "N", "seed of images, weights and paths",
            .only = OF_BUILD | OF_CHECK | OF_NET),
    CLI_KEY(latency_options, config, DEVICE, "threads", "threads", "N", "CPU threads; 0: all",
            .fallback = "1; in net with --table the table's", .only = OF_BUILD | OF_NET),
    CLI_KEY(latency_options, config, DEVICE, "device", "device", "NAME",
            "cpu, opencl, ... as in cream search", .fallback = "cpu; in net with --table the table's",
            .only = OF_BUILD | OF_NET),
    CLI_KEY(latency_options, config, OUTPUT, "out", "out", "FILE", "table to write", .only = OF_BUILD),
    CLI_VALUE(latency_options, json, OUTPUT, "json", NULL,
              "print results on stdout as one JSON document; in build, the table"),
};

COMMAND(latency, "measure the latencies of a space's blocks on this device, for searches with --latency",
        CLI_OPTIONS(options), CLI_SUBCOMMANDS(subcommands), CLI_VALUES(latency_options, line),
        .defaults = defaults, .check = check,
        .text =
            "Measure while nothing else runs. Batch norms are folded, as in cream predict. build repeats\n"
            "measurements that other work disturbed; where they stay disturbed, it ends with exit code 1\n"
            "and writes nothing. check ends with exit code 1 where the error is too large.\n");
