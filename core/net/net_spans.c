#include "net_detect.h"

int cream_net_max_spans(const cream_net *net) {
  return net_steps(net) + 1;
}

/* The statistics of a block are one run. */
static cream_span statistics_of(const net_block *block) {
  cream_span span = {0, 0};
  for (int u = 0; u < block->n_units; u++) {
    const net_unit *unit = &block->units[u];
    if (!unit->has_bn) continue;
    size_t channels = net_aligned((size_t)unit->shape.cout);
    if (span.count == 0) span.at = unit->norm.running_mean;
    CREAM_ASSERT(unit->norm.running_mean == span.at + span.count &&
                 unit->norm.running_var == unit->norm.running_mean + channels);
    span.count += 2 * channels;
  }
  return span;
}

int cream_net_statistic_spans(const cream_net *net, const cream_path *path, cream_span *spans) {
  int n = 0;
  for (int step = net_first_trained(net); step < net_steps(net); step++) {
    cream_span span = statistics_of(net_block_at(net, path, step));
    if (span.count > 0) spans[n++] = span;
  }
  if (net->tail && net->tail->statistics.count > 0) spans[n++] = net->tail->statistics;
  return n;
}

size_t cream_net_path_statistics(const cream_net *net) {
  size_t count = statistics_of(&net->stem).count + statistics_of(&net->head).count;
  if (net->tail) count += net->tail->statistics.count;
  for (int l = 0; l < net->skeleton.n_layers; l++) {
    size_t most = 0;
    for (int i = 0; i < net->skeleton.layers[l].n_options; i++)
      most = net_max(most, statistics_of(&net->blocks[l][i]).count);
    count += most;
  }
  return count;
}
