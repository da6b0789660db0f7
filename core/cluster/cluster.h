/* Processes that train one network together. One process is one rank; every rank runs the same program with the same
 * settings and seed, and so draws the same paths. The unit of work is not a rank but a part: a step is `accumulate` parts
 * of `batch` images, and rank r of R owns the parts r * P/R to (r+1) * P/R - 1. Sums over parts follow one binary tree
 * whatever R is (core/cluster/parts.h), so that R does not change a bit of the result.
 *
 * This is the interface to whatever carries the messages: `io/cluster/` implements it with MPI, tests/core/cluster with
 * threads. Messages between two ranks arrive in the order of their calls. All functions are called by one thread of each
 * rank, and by all ranks in the same order, but for `take`. A failure ends the run of every rank: one that has failed calls no function any
 * more, and the carrier ends those that wait for it (an error line names rank, host and cause).
 */
#ifndef CREAM_CORE_CLUSTER_H
#define CREAM_CORE_CLUSTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"

enum { CREAM_MAX_RANKS = 1024 };

typedef struct cream_cluster {
  int rank, size; /* size: a power of two */
  void *self;
  /* Begins the sum of values[0..count) over all ranks and returns; the tree is that of recursive halving: ranks that
   * differ in bit 0 first, then in bit 1, and so on. What was begun is carried out in that order, while the caller
   * computes. `values` belongs to the cluster until `wait`. half: values travel in half precision (they are added in
   * float); the result is then the same on all ranks, but another one. */
  cream_status (*sum_begin)(struct cream_cluster *, float *values, size_t count, bool half, cream_error *);
  /* Begins a gather: every rank gets the `size` bytes of every rank, in the order of ranks: all[size * ranks]. `own`,
   * which is not in `all`, and `all` belong to the cluster until `wait`. */
  cream_status (*gather_begin)(struct cream_cluster *, const void *own, size_t size, void *all,
                               cream_error *);
  /* Waits for everything that was begun; every rank then has the same bytes. */
  cream_status (*wait)(struct cream_cluster *, cream_error *);
  /* Every rank gets rank 0's bytes. */
  cream_status (*broadcast)(struct cream_cluster *, void *bytes, size_t size, cream_error *);
  /* Hands out jobs: 0, 1, 2 and so on, each to one rank, in the order in which ranks ask, so that a slow one does not
   * hold the others up. Ranks do not wait for each other here, and may ask different numbers of times. */
  cream_status (*take)(struct cream_cluster *, uint64_t *number, cream_error *);
  double waited; /* seconds that the caller has waited for other ranks, in all */
} cream_cluster;

/* One rank and no messages. */
static inline bool cream_cluster_alone(const cream_cluster *cluster) {
  return !cluster || cluster->size == 1;
}
static inline int cream_cluster_size(const cream_cluster *cluster) {
  return cluster ? cluster->size : 1;
}
static inline int cream_cluster_rank(const cream_cluster *cluster) {
  return cluster ? cluster->rank : 0;
}

/* A gather that is waited for. */
static inline cream_status cream_cluster_gather(cream_cluster *cluster, const void *own, size_t size,
                                                void *all, cream_error *err) {
  cream_status status = cluster->gather_begin(cluster, own, size, all, err);
  return status ? status : cluster->wait(cluster, err);
}

#endif
