/* The cost of networks, from shapes alone: FLOPs and multiply-adds (docs/method.md, section 1). */
#ifndef CREAM_CORE_COMPLEXITY_H
#define CREAM_CORE_COMPLEXITY_H

#include "space.h"

typedef struct cream_cost {
  double macs;        /* multiply-adds of convolutions and linear layers */
  double bn_outputs;  /* elements that batch norms write */
  double pooled;      /* elements that poolings read, squeeze-excite's included */
  double params;      /* trainable parameters */
  double activations; /* elements that convolutions write, for one image */
} cream_cost;

/* FLOPs as the paper counts them: macs + 2 * bn_outputs + pooled. */
double cream_cost_flops(const cream_cost *);
cream_cost cream_cost_add(cream_cost, cream_cost);

/* The cost of every part of a skeleton. That of a path is `fixed` plus the sum over the layers of its
 * choices. */
typedef struct cream_costs {
  int n_layers;
  int n_options[CREAM_MAX_LAYERS];
  cream_cost fixed; /* stem and head; of a detector, the stem */
  cream_cost layer[CREAM_MAX_LAYERS][CREAM_MAX_OPS];
} cream_costs;

/* Costs at a resolution, which may differ from the skeleton's own. */
void cream_costs_init(cream_costs *, const cream_skeleton *, int resolution);
cream_cost cream_costs_path(const cream_costs *, const cream_path *);
/* The path with the most or the fewest FLOPs of all, whatever limits a search has. */
cream_path cream_costs_extreme(const cream_costs *, bool largest);

/* One line for each part of a network, for profiles. */
typedef struct cream_cost_row {
  char name[64]; /* as in timm: "blocks.1.0" */
  char op[CREAM_MAX_NAME];
  int side_in, side_out, cin, cout;
  cream_cost cost;
} cream_cost_row;

/* rows[0..n_layers+1]: stem, layers, head. Returns the number of rows. */
int cream_costs_rows(const cream_skeleton *, const cream_path *, int resolution,
                     cream_cost_row rows[CREAM_MAX_LAYERS + 2]);

#endif
