#define _GNU_SOURCE /* CPU_SET, sched_setaffinity */
#include <omp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/cream.h"
#include "tools/run/device.h"
#include "options.h"

const tool *const tools[] = {&tool_search,  &tool_retrain, &tool_test,  &tool_convert,  &tool_profile,
                             &tool_latency, &tool_bench,   &tool_data,  &tool_settings, &tool_devices,
                             &tool_runs,    &tool_report,  &tool_watch, &tool_rank,     &tool_compare,
                             &tool_predict, &tool_export,  &tool_docs,  &tool_version,  NULL};

static void usage(FILE *out) {
  fprintf(out, "usage: cream COMMAND [options]\n\n"
               "One-shot neural architecture search that distils prioritized paths.\n\n");
  for (int i = 0; tools[i]; i++)
    if (!tools[i]->hidden) fprintf(out, "  %-10s%s\n", tools[i]->name, tools[i]->summary);
  fprintf(out,
          "\ncream COMMAND --help tells the options of a command, with defaults and units.\n"
          "Exit codes: 0 done, 1 failed, 2 wrong usage or configuration, 3 bad data, 130 interrupted.\n");
}

static const tool *find(const char *name) {
  for (int i = 0; tools[i]; i++)
    if (!strcmp(tools[i]->name, name)) return tools[i];
  return NULL;
}

static cream_status run(const tool *chosen, int argc, const char **argv) {
  static tool_options options;
  cream_error err = {0};
  bool help = false;
  cream_status status = chosen->command ? chosen->command(argc, argv, &err)
                                        : options_parse(chosen, argc, argv, &options, &help, &err);
  options.words = argv + 1;
  options.n_words = argc - 1;
  if (!chosen->command && status == CREAM_OK && !help) status = chosen->run(&options, &err);
  if (status != CREAM_OK) fprintf(stderr, "cream %s: %s\n", chosen->name, err.text);
  if (status == CREAM_FAILED && !chosen->command && strstr(chosen->options, "resume "))
    device_resume_on_cpu(chosen->name, &options.config, options.words, options.n_words);
  return status;
}

/* Where OMP_PROC_BIND is set, the library has bound this thread to the first of its places, and a program started
 * from here would see no other processor: back to all of them. */
static void unbind(void) {
  cpu_set_t all;
  CPU_ZERO(&all);
  for (int place = 0; place < omp_get_num_places(); place++) {
    int ids[CPU_SETSIZE];
    const int count = omp_get_place_num_procs(place);
    if (count > CPU_SETSIZE) return;
    omp_get_place_proc_ids(place, ids);
    for (int i = 0; i < count; i++)
      if (ids[i] < CPU_SETSIZE) CPU_SET(ids[i], &all);
  }
  if (CPU_COUNT(&all)) sched_setaffinity(0, sizeof all, &all); /* it may stay as it is */
}

/* GCC's OpenMP threads spin for milliseconds at each barrier. On a machine that others use too, that can make a
 * run ten times slower. The library reads its settings before main, so they are set and the program starts
 * over, unless the user has said something of his own. */
static void limit_spinning(char **argv) {
  if (getenv("OMP_WAIT_POLICY") || getenv("GOMP_SPINCOUNT")) return;
  unbind();
  if (setenv("GOMP_SPINCOUNT", "3000", 1) == 0) execv("/proc/self/exe", argv);
  /* without /proc: go on as it is */
}

int main(int argc, char **arguments) {
  limit_spinning(arguments);
  const char **argv = (const char **)arguments;
  const char *name = argc > 1 ? argv[1] : "";
  if (!strcmp(name, "--help") || !strcmp(name, "-h") || (!strcmp(name, "help") && argc == 2)) {
    usage(stdout);
    return CREAM_OK;
  }
  if (!strcmp(name, "--version")) {
    puts("cream " CREAM_VERSION);
    return CREAM_OK;
  }
  if (!strcmp(name, "help")) {
    const tool *chosen = find(argv[2]);
    if (chosen) return run(chosen, 2, (const char *[]){chosen->name, "--help", NULL});
    name = argv[2];
  } else {
    const tool *chosen = find(name);
    if (chosen) return run(chosen, argc - 1, argv + 1);
  }
  if (*name)
    fprintf(stderr, "cream: unknown command \"%s\"; cream --help lists the commands\n", name);
  else
    usage(stderr);
  return CREAM_BAD_CONFIG;
}
