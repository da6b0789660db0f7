/* Zero-cost proxies: numbers from a network with initial weights and one batch that are said to predict its accuracy, as
 * Abdelfattah et al. (ICLR 2021, arXiv:2101.08134) compute them; more is better. Rankings are compared with them
 * (docs/ranking.md).
 *
 * "Weights" are those of convolutions and linear layers, without biases and batch norms. */
#ifndef CREAM_CORE_PROXY_H
#define CREAM_CORE_PROXY_H

#include "core/base/data.h"
#include "core/net/net.h"
#include "proxies.h"

/* Images that a proxy takes, at most; the batch of the paper. */
enum { CREAM_PROXY_IMAGES = 64 };

/* What a proxy is computed from. It leaves the net's weights and statistics as they are. */
typedef struct cream_proxy_inputs {
  cream_net *net; /* a classifier, created with train and input_gradient */
  const cream_path *path;
  cream_tensor x;   /* the batch */
  cream_buf labels; /* int32 [x.n] */
} cream_proxy_inputs;

typedef cream_status cream_proxy_function(const cream_proxy_inputs *, double *value, cream_error *);
#define CREAM_PROXY_DECLARE(name, word, title) cream_proxy_function cream_proxy_##word;
CREAM_PROXIES(CREAM_PROXY_DECLARE)
#undef CREAM_PROXY_DECLARE

extern const char *const cream_proxy_words[CREAM_PROXY_COUNT + 1]; /* ends with NULL */

/* Those of a path. */
typedef struct cream_proxy_values {
  bool known[CREAM_PROXY_COUNT];   /* computed */
  double value[CREAM_PROXY_COUNT]; /* NaN: the computation left the range of float */
} cream_proxy_values;

/* Which proxies a list of words names: "synflow,grad_norm"; "all"; "none" or "". CREAM_BAD_CONFIG: an unknown word; `key`
 * is the setting. */
cream_status cream_proxies_parse(const char *key, const char *list, bool wanted[CREAM_PROXY_COUNT],
                                 cream_error *);
/* Whether the values include all wanted ones. */
bool cream_proxies_cover(const cream_proxy_values *, const bool wanted[CREAM_PROXY_COUNT]);

/* Computes the wanted ones. */
cream_status cream_proxies_measure(const cream_proxy_inputs *, const bool wanted[CREAM_PROXY_COUNT],
                                   cream_proxy_values *, cream_error *);
/* The same of a network of its own with the initial weights of `seed`, on the first images of the batch. mean, std: as in
 * cream_source. */
cream_status cream_proxies_initial(cream_backend *, const cream_skeleton *fixed, uint64_t seed,
                                   const cream_batch *, const float *mean, const float *std,
                                   const bool wanted[CREAM_PROXY_COUNT], cream_proxy_values *, cream_error *);

/* ---- for proxies ------------------------------------------------------------------------------------------ */

/* Takes the weights of a layer of the path and their gradients. */
typedef void cream_proxy_visitor(void *self, const float *weights, const float *gradients, size_t count);
/* Visits all layers, in the order of the parameter table, with the gradients of the last backward pass. */
cream_status cream_proxy_visit(const cream_proxy_inputs *, cream_proxy_visitor *, void *self, cream_error *);
/* Forward and backward pass of the sum of all logits, with the statistics of the batch. */
void cream_proxy_pass(const cream_proxy_inputs *, const cream_tensor *x);

#endif
