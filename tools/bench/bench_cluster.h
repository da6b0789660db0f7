/* What cream bench cluster has measured, and what it predicts from that. */
#ifndef CREAM_TOOLS_BENCH_CLUSTER_H
#define CREAM_TOOLS_BENCH_CLUSTER_H

#include "bench.h"
#include "core/cluster/plan.h"

enum { CLUSTER_NODES = 7, CLUSTER_NETWORKS = 4 }; /* 1 to 64 nodes; 1, 10, 25 and 100 Gb/s */

typedef struct cluster_result {
  const bench_options *options;
  const cream_skeleton *skeleton;
  int ranks, parts, threads; /* of the measured steps; of this rank */
  cream_plan_node node;      /* with parts of options->batch images */
  double exchange;           /* seconds of the gradient's; 0: alone */
  double step;               /* seconds */
  double share_waited;       /* of the steps, for other ranks and the network */
  double share_network;      /* of the steps, by the rank that waited least */
  double memory;             /* bytes, the peak of the process */
  double predicted,
      share_predicted; /* with --gbits: seconds of the step, and the share of waiting, by the model */
  double rank_memory[CLUSTER_NODES]; /* with --plan: bytes of a rank; 0: impossible */
} cluster_result;

/* bench_plan.c. The network of so many Gb/s, as messages find it. */
cream_plan_network bench_plan_network(const bench_options *, double gigabits);
/* With --plan: fills rank_memory, on a backend that is not used otherwise. */
cream_status bench_plan_memory(cluster_result *, cream_backend *, const cream_source *, cream_error *);
void bench_plan_print(const cluster_result *);
void bench_plan_write(cream_json *, const cluster_result *);

#endif
