/* Shared by the subcommands of cream latency: options, and networks whose forward passes are timed. */
#ifndef CREAM_TOOLS_LATENCY_H
#define CREAM_TOOLS_LATENCY_H

#include "core/base/config.h"
#include "core/net/net.h"
#include "io/config/latency_table.h"
#include "tools/cli/command.h"

enum { LATENCY_MAX_ROUNDS = 1000 };

typedef struct latency_options {
  cli_line line;
  /* space, arch, seed, out; resolution 0 and depth 0: the space's largest. device "" and threads -1: not given */
  cream_config config;
  const char *table;
  int classes;     /* 0: the space's own number */
  int batch;       /* 0: not given */
  int depth_limit; /* layers of a stage, where the depths are not given */
  int paths, rounds;
  double least_seconds; /* build and check measure for so long */
  bool json;
  bool accept_disturbed; /* build writes a table although other work disturbed the measurements */
} latency_options;

/* `values` are a latency_options. */
cream_status latency_build(const void *values, cream_error *); /* latency_build.c */
cream_status latency_check(const void *values, cream_error *); /* latency_check.c */
cream_status latency_net(const void *values, cream_error *);   /* latency_net.c */
cream_status latency_show(const void *values, cream_error *);  /* latency_check.c */

/* Gives the defaults to a device, threads and a batch that were not given, and their number to all threads. */
void latency_options_device(cream_config *, int *batch);

/* ---- timing (latency_rig.c) ---------------------------------------------------------------------- */

enum { LATENCY_MAX_PARTS = CREAM_MAX_LAYERS + 2 }; /* stem, layers, head */

/* A supernet with folded batch norms on its device, and a random image. */
typedef struct latency_rig {
  cream_backend *backend;
  cream_net *net;
  cream_tensor input;
  int n_parts;
  int n_marks;
  double marks[LATENCY_MAX_PARTS + 1]; /* seconds */
} latency_rig;

/* Pins the process to as many processors as there are threads, before the first thread starts. The rig must stay where
 * it is, and latency_rig_close has to be called also after a failure. */
cream_status latency_rig_open(latency_rig *, const cream_config *, const cream_skeleton *, int batch,
                              cream_error *);
void latency_rig_close(latency_rig *);
/* The full name of the rig's device. Returns `text`. */
char *latency_rig_machine(latency_rig *, int threads, char *text, size_t size);

/* Milliseconds of one forward pass. parts[n_parts] gets those of each part, which waits for the device after
 * every part; or NULL. */
cream_status latency_rig_run(latency_rig *, const cream_path *, double *parts, double *total, cream_error *);

#endif
