/* That a backend's table has every op of core/backend_ops.h. */
#ifndef CREAM_TESTS_CPU_COMPLETE_H
#define CREAM_TESTS_CPU_COMPLETE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/backend.h"

#define ASSERT_OP(result, op, parameters)                                                                    \
  if (!backend->op) fail_msg("%s has no %s", backend->name, #op);

static inline void assert_complete(const cream_backend *backend) {
  CREAM_REQUIRED_OPS(ASSERT_OP)
  if (!backend->packed_size != !backend->pack_weights)
    fail_msg("%s has only one of packed_size and pack_weights", backend->name);
}

#endif
