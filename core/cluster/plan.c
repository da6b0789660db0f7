#include "plan.h"

#include <math.h>

#include "parts.h"

bool cream_plan(const cream_plan_node *node, const cream_plan_network *network, int parts, int ranks,
                cream_plan_step *step) {
  if (ranks < 1 || (ranks & (ranks - 1)) || parts < 1 || !cream_parts_divide(parts, ranks)) return false;
  const double others = (double)(ranks - 1) / ranks, rounds = log2(ranks);
  const double bucket = (double)sizeof(float) * CREAM_PARTS_BUCKET,
               least = (double)sizeof(float) * CREAM_PARTS_LEAST;
  const double ends =
      log2(fmin(bucket, fmax(node->gradient, 2 * least)) / least); /* sums that become smaller */
  const double sums = ceil(node->gradient / bucket) + ends;
  const double sum_bytes = 2 * others * node->gradient, gather_bytes = others * parts * node->statistics;
  const double exchange =
      (sum_bytes + gather_bytes) / network->bandwidth + 2 * rounds * sums * network->latency;
  const double tail = 2 * others * least / network->bandwidth + 2 * rounds * network->latency;
  step->sent = sum_bytes + gather_bytes;
  step->waited = ranks == 1 ? 0 : fmax(exchange - node->overlap, tail) + 2 * rounds * network->latency;
  step->seconds = (double)parts / ranks * node->part + node->rest + step->waited;
  return true;
}
