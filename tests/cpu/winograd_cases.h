/* Cases that the tuned kernels compute by Winograd's algorithm, beside those of parity_tables.h. */
#ifndef CREAM_TESTS_CPU_WINOGRAD_CASES_H
#define CREAM_TESTS_CPU_WINOGRAD_CASES_H

#include "tools/bench/parity_tables.h"

static const shape winograd_shapes[] = {
    {1, 13, 11, 37, 45, 3, 1, 1}, {2, 12, 9, 32, 64, 3, 1, 1}, {2, 33, 35, 32, 33, 3, 1, 1}};

#define WINOGRAD_TESTS(X)                                                                                    \
  X(winograd_forward, run_conv_forward, false, winograd_shapes, forward_variants)                            \
  X(winograd_backward, run_conv_backward, false, winograd_shapes, backward_variants)

#endif
