/* The instruction sets that kernels are compiled for, and whether they can be used on this machine.
 *
 * The environment variable CREAM_ISA names the highest set to use; higher ones count as absent. It serves to
 * test what machines without a set do.
 */
#ifndef CREAM_CORE_ISA_H
#define CREAM_CORE_ISA_H

#include <stdbool.h>

#include "status.h"

/* Ascending: a machine with one of them has those before it. */
typedef enum cream_isa {
  CREAM_ISA_AUTO, /* the best that may be used */
  CREAM_ISA_GENERIC,
  CREAM_ISA_AVX2,
  CREAM_ISA_AVX512,
  CREAM_ISA_AVX512_BF16, /* with products of bfloat16, for `precision: bf16`; otherwise the same kernels */
  CREAM_ISA_COUNT
} cream_isa;

/* As CREAM_ISA spells it. */
const char *cream_isa_name(cream_isa);

/* Whether the processor has it and CREAM_ISA does not hide it; true for AUTO and GENERIC. */
bool cream_isa_present(cream_isa);

/* The highest that can be used; never AUTO. */
cream_isa cream_isa_best(void);

/* Fails with CREAM_BAD_CONFIG where `isa` cannot be used, and where the value of CREAM_ISA is unknown or
 * names a set that the processor lacks. */
cream_status cream_isa_check(cream_isa isa, cream_error *);

#endif
