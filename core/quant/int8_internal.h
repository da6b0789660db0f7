/* Shared by the files of networks in 8 bits. They use each other in one direction:
 *
 *     int8.c           creating a network: uses all below
 *     int8_graph.c     the ops of a path
 *     int8_weights.c   weights and tables, from the scales of values
 *     int8_run.c       inference
 */
#ifndef CREAM_CORE_INT8_INTERNAL_H
#define CREAM_CORE_INT8_INTERNAL_H

#include "int8.h"

/* Fills in ops and values: all but the weights, tables and scales. On failure int8_free frees what was allocated. */
cream_status int8_build(cream_int8 *, const cream_net *, const cream_path *, cream_error *);
/* Quantises the weights of all convolutions and computes the tables; the values have their scales. */
cream_status int8_quantise(cream_int8 *, const cream_net *, cream_error *);

static inline size_t int8_elements(const cream_int8_value *v) {
  return (size_t)v->side * (size_t)v->side * (size_t)v->c;
}
/* Whether saturation to a range from 0 computes the activation. */
static inline bool int8_saturates(cream_act act) {
  return act == CREAM_ACT_RELU || act == CREAM_ACT_RELU6;
}

#endif
