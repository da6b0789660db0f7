/* How long a step takes on several nodes, from what one of them has measured, with one rank on each node:
 *
 *     step     = own parts * part + rest + waited
 *     waited   = max(exchange - overlap, tail) + decisions
 *     exchange = (2 (R - 1) / R * gradient + (R - 1) / R * parts * statistics) / bandwidth + 2 log2 R * sums * latency
 *
 * The gradient sets off in sums of 1 MB (CREAM_PARTS_BUCKET) or less while the last own part computes the rest of it, and
 * the statistics before it. The tail is what can set off only at its end: a sum of 16 KB (CREAM_PARTS_LEAST), in which
 * the results are. The decisions are whether a rank was asked to stop and whether a checkpoint is due. What sums take of
 * the processors, and nodes that wait for a slower one, are not in it.
 */
#ifndef CREAM_CORE_PLAN_H
#define CREAM_CORE_PLAN_H

#include <stdbool.h>

/* What a node has measured. */
typedef struct cream_plan_node {
  double part;       /* seconds of a part */
  double rest;       /* seconds of a step without its parts and without other ranks */
  double overlap;    /* seconds of a part in which its gradient can travel */
  double gradient;   /* bytes, of a step */
  double statistics; /* bytes, of a part */
} cream_plan_node;

typedef struct cream_plan_network {
  double bandwidth; /* bytes of messages a second that a node sends while it receives as many */
  double latency;   /* seconds of a message */
} cream_plan_network;

typedef struct cream_plan_step {
  double seconds;
  double waited; /* seconds of these, for the network */
  double sent;   /* bytes that each node sends, and as many that it receives */
} cream_plan_step;

/* false where `parts` cannot be divided among the ranks (cream_parts_divide), or their number is no power of two. */
bool cream_plan(const cream_plan_node *, const cream_plan_network *, int parts, int ranks, cream_plan_step *);

#endif
