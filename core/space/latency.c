#include "latency.h"

double cream_latencies_path(const cream_latencies *latencies, const cream_path *path) {
  CREAM_ASSERT(path->n_layers == latencies->n_layers);
  double sum = latencies->fixed;
  for (int l = 0; l < path->n_layers; l++) sum += latencies->layer[l][path->choice[l]];
  return sum;
}

double cream_latencies_least(const cream_latencies *latencies, const cream_skeleton *skeleton) {
  double sum = latencies->fixed;
  for (int l = 0; l < latencies->n_layers; l++) {
    double least = latencies->layer[l][0];
    for (int i = 1; i < skeleton->layers[l].n_options; i++)
      if (latencies->layer[l][i] < least) least = latencies->layer[l][i];
    sum += least;
  }
  return sum;
}
