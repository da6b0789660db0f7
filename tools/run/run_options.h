/* The options that several commands share: settings, the folder of an earlier run, output. */
#ifndef CREAM_TOOLS_RUN_OPTIONS_H
#define CREAM_TOOLS_RUN_OPTIONS_H

#include "core/base/config.h"
#include "io/config/arch.h"
#include "io/config/space_yaml.h"
#include "tools/cli/command.h"

/* Values of these options; a command with more of its own begins its values with them. */
typedef struct run_options {
  cli_line line;
  cream_config
      config;     /* defaults, --resume, --run, --budget, --config, then the other options in their order */
  bool json;      /* results on stdout as one JSON document */
  bool force;     /* an existing run folder is replaced */
  bool resume;    /* continue from the newest checkpoint of the run folder */
  bool dry_run;   /* print what the run would take, and write nothing */
  bool times;     /* of a search: print where its time was spent */
  char run[1024]; /* the folder of --run; "": none */
  int run_resolution; /* the resolution of that run, which its architecture file replaces; 0: none */
} run_options;

/* The default settings. */
void run_options_defaults(void *values);
/* For cli_command.check of commands that train: the signals that end the run. */
cream_status run_options_check(void *values, cream_error *);
/* For cli_command.failed: restarts a run on "auto" whose device failed (device.h). */
void run_options_restart(const cli_command *, const void *values);

/* --run: the settings, architecture and weights of an earlier run. */
cream_status run_options_run(void *values, const cli_given *, const char *folder, cream_error *);
/* The same without the weights, for a training from scratch. */
cream_status run_options_run_untrained(void *values, const cli_given *, const char *folder, cream_error *);
/* --budget: one of the networks of a search with budgets. */
cream_status run_options_budget(void *values, const cli_given *, const char *name, cream_error *);
/* --inherit: the retraining starts from the weights in the supernet of --run. */
cream_status run_options_inherit(void *values, const cli_given *, const char *argument, cream_error *);
/* --resume: the settings that the run in --out was started with. */
cream_status run_options_resume(void *values, const cli_given *, const char *argument, cream_error *);

extern const char *const run_options_on_nan[]; /* words of --on-nan */

/* ---- rows -------------------------------------------------------------------------------------------- */

#define RUN_SETTING(group, name, key, argument, help, ...)                                                   \
  CLI_KEY(run_options, config, group, name, key, argument, help, __VA_ARGS__)

#define RUN_DATA                                                                                             \
  RUN_SETTING(NETWORK, "data", "data", "SPEC",                                                               \
              "images: digits, folder:PATH, list:FILE, pack:FILE, cifar10:PATH, ...")
#define RUN_SPACE                                                                                            \
  RUN_SETTING(NETWORK, "space", "space", "NAME|FILE",                                                        \
              "search space: cream, cream-hard, micro, cifar, or a YAML file", .names = cream_space_names)
#define RUN_FLOPS                                                                                            \
  RUN_SETTING(NETWORK, "flops", "flops", "MIN:MAX",                                                          \
              "FLOPs of the network, in millions, as the paper counts them")
#define RUN_LATENCY_TABLE                                                                                    \
  RUN_SETTING(NETWORK, "latency-table", "search.latency.table", "FILE",                                      \
              "latencies of the space, from cream latency build")
#define RUN_ARCH                                                                                             \
  RUN_SETTING(NETWORK, "arch", "arch", "NAME|FILE|LIST",                                                     \
              "architecture: a name (cream-14, -43, -114, -287, -481, -604, efficientnet-b0 to -b4, "        \
              "efficientnet-lite0 to -lite4, mnasnet-100, mobilenet-v2, mobilenet-v3-large), a file "        \
              "(arch.json of a search), or choices in the cream space by stage: "                            \
              "[[3],[3,1],...]",                                                                             \
              .names = cream_arch_names)
#define RUN_RESOLUTION                                                                                       \
  RUN_SETTING(NETWORK, "resolution", "resolution", "PIXELS",                                                 \
              "side of the images; 0: the network's own, or from the FLOPs range")
#define RUN_WEIGHTS                                                                                          \
  RUN_SETTING(NETWORK, "weights", "weights", "FILE",                                                         \
              "weights of the network (safetensors); a retraining starts from them")
/* section: "search", "retrain" or "rank", to which the option belongs. */
#define RUN_EPOCHS(section)                                                                                  \
  RUN_SETTING(METHOD, "epochs", section ".epochs", "N", "passes over the training images")
#define RUN_BATCH(section) RUN_SETTING(METHOD, "batch", section ".batch", "N", "images in a batch")
#define RUN_SEED                                                                                             \
  RUN_SETTING(METHOD, "seed", "seed", "N", "seed of all random numbers; the same seed gives the same result")
#define RUN_THREADS                                                                                          \
  RUN_SETTING(DEVICE, "threads", "threads", "N", "CPU threads; 0: all that the process may use")
#define RUN_DEVICE                                                                                           \
  RUN_SETTING(DEVICE, "device", "device", "NAME",                                                            \
              "cpu, opencl, opencl:PLATFORM:DEVICE, opencl:local, a part of a device's name, or auto")
#define RUN_TIME_BUDGET                                                                                      \
  RUN_SETTING(METHOD, "time-budget", "time_budget", "MINUTES",                                               \
              "stop training after so many minutes; 0: no limit")
#define RUN_ON_NAN                                                                                           \
  RUN_SETTING(METHOD, "on-nan", "on_nan", "stop|rollback",                                                   \
              "when the loss explodes: stop, or return to the last checkpoint and halve the rate",           \
              .words = run_options_on_nan)
#define RUN_SET    CLI_ANY_SETTING(run_options, config)
#define RUN_CONFIG CLI_SETTINGS_FILE(run_options, config)
#define RUN_OUT    RUN_SETTING(RUN, "out", "out", "DIR", "run folder, made by the run")
#define RUN_FOLDER                                                                                           \
  CLI_ACTION(RUN, run_options_run, RUN, "run", "DIR",                                                        \
             "folder of an earlier run: its settings, architecture and weights")
#define RUN_FOLDER_UNTRAINED                                                                                 \
  CLI_ACTION(RUN, run_options_run_untrained, RUN, "run", "DIR",                                              \
             "folder of an earlier run: its settings and architecture")
#define RUN_BUDGET                                                                                           \
  CLI_ACTION(BUDGET, run_options_budget, RUN, "budget", "B",                                                 \
             "the network of this budget of --run, a search with --budgets: 14, 12ms")
#define RUN_INHERIT                                                                                          \
  CLI_ACTION(BUDGET, run_options_inherit, NETWORK, "inherit", NULL,                                          \
             "start from the network's weights in the supernet of --run, a search")
#define RUN_FORCE                                                                                            \
  CLI_VALUE(run_options, force, RUN, "force", NULL, "replace the run in an existing --out folder")
#define RUN_RESUME                                                                                           \
  CLI_ACTION(RESUME, run_options_resume, RUN, "resume", NULL,                                                \
             "continue from the newest checkpoint of the --out folder, with its settings")
#define RUN_DRY_RUN                                                                                          \
  CLI_VALUE(run_options, dry_run, RUN, "dry-run", NULL,                                                      \
            "print layers, paths, costs, memory and the time of an epoch, and write no run folder")
#define RUN_TIMES                                                                                            \
  CLI_VALUE(                                                                                                 \
      run_options, times, OUTPUT, "times", NULL,                                                             \
      "at the end, print on stderr where the time was spent: in kernels, waiting for images, and outside")
#define RUN_JSON                                                                                             \
  CLI_VALUE(run_options, json, OUTPUT, "json", NULL,                                                         \
            "print results on stdout as one JSON document, everything else on stderr")

/* Settings that every command with a device reads. */
#define RUN_DEVICE_SETTINGS "device", "opencl.", "exact", "precision", "threads"
/* Settings that every command with images and a network reads. */
#define RUN_COMMON_SETTINGS "data", "out", "heldout", "max_bad", "seed", RUN_DEVICE_SETTINGS, "augment."

#endif
