/* Power by simulation: how likely a study finds a difference, and which difference it finds. */
#ifndef CREAM_CORE_POWER_H
#define CREAM_CORE_POWER_H

#include "significance.h"

/* A comparison that is planned. */
typedef struct cream_power_design {
  size_t pairs; /* 2 to CREAM_MAX_PAIRS */
  cream_test test;
  double alpha;     /* a p below it counts as found */
  double deviation; /* standard deviation of the differences of pairs, > 0 */
  int draws;        /* simulations */
  uint64_t seed;
} cream_power_design;

/* The share of simulations whose test finds the difference, with normal differences of pairs. Signs of more than 12 pairs
 * are simulated as a t test, which they hardly differ from. */
double cream_power(const cream_power_design *, double difference);
/* The difference that is found with this power (0.8), within 1 % of itself; INFINITY: there is none, because p is never
 * below alpha. */
double cream_detectable(const cream_power_design *, double power);

/* Standard deviation of the difference of two taus that drawing `paths` paths leaves, where both supernets have the true
 * value `tau` with the paths' normal scores and errors of their own. What one training differs from the next comes on top. */
double cream_tau_deviation(size_t paths, double tau, int draws, uint64_t seed);

#endif
