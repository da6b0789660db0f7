/* The instruction sets that kernels are compiled for, and which of them may be used here.
 *
 * The environment variable CREAM_ISA names the highest set that may be used: those above it count as absent. With it a
 * machine shows what another one does, and the tests see what they do where a set is missing.
 */
#ifndef CREAM_CORE_ISA_H
#define CREAM_CORE_ISA_H

#include <stdbool.h>

#include "status.h"

/* Ascending: a machine that has one has those before it. */
typedef enum cream_isa {
  CREAM_ISA_AUTO, /* the best that may be used */
  CREAM_ISA_GENERIC,
  CREAM_ISA_AVX2,
  CREAM_ISA_AVX512,
  CREAM_ISA_COUNT
} cream_isa;

/* As CREAM_ISA spells it. */
const char *cream_isa_name(cream_isa);

/* Whether the processor has it and CREAM_ISA does not hide it; true for AUTO and GENERIC. */
bool cream_isa_present(cream_isa);

/* The highest that is present; never AUTO. */
cream_isa cream_isa_best(void);

/* Fails (CREAM_BAD_CONFIG) where `isa` is not present, and where CREAM_ISA names no set or one that the processor
 * lacks. */
cream_status cream_isa_check(cream_isa isa, cream_error *);

#endif
