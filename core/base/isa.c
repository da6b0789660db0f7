#include "isa.h"

#include <string.h>

static const char *const names[] = {
    [CREAM_ISA_AUTO] = "auto",     [CREAM_ISA_GENERIC] = "generic",         [CREAM_ISA_AVX2] = "avx2",
    [CREAM_ISA_AVX512] = "avx512", [CREAM_ISA_AVX512_BF16] = "avx512-bf16",
};
_Static_assert(sizeof names / sizeof *names == CREAM_ISA_COUNT, "every instruction set has a name");

const char *cream_isa_name(cream_isa isa) {
  return names[isa];
}

static bool processor_has(cream_isa isa) {
  switch (isa) {
  case CREAM_ISA_AUTO:
  case CREAM_ISA_GENERIC:
    return true;
#ifdef __x86_64__
  case CREAM_ISA_AVX2:
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  case CREAM_ISA_AVX512:
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("fma");
  case CREAM_ISA_AVX512_BF16:
    return processor_has(CREAM_ISA_AVX512) && __builtin_cpu_supports("avx512bf16");
#else
  case CREAM_ISA_AVX2:
  case CREAM_ISA_AVX512:
  case CREAM_ISA_AVX512_BF16:
    return false;
#endif
  case CREAM_ISA_COUNT:
    break;
  }
  return false;
}

/* What CREAM_ISA says; CREAM_ISA_COUNT where it names no set. */
static cream_isa highest(void) {
  const char *word = getenv("CREAM_ISA");
  if (!word || !*word) return CREAM_ISA_AUTO;
  cream_isa isa = CREAM_ISA_AUTO;
  while (isa < CREAM_ISA_COUNT && strcmp(word, names[isa]) != 0) isa++;
  return isa;
}

bool cream_isa_present(cream_isa isa) {
  const cream_isa limit = highest();
  return processor_has(isa) && (limit == CREAM_ISA_AUTO || isa <= limit);
}

cream_isa cream_isa_best(void) {
  cream_isa isa = CREAM_ISA_COUNT - 1;
  while (!cream_isa_present(isa)) isa--;
  return isa;
}

cream_status cream_isa_check(cream_isa isa, cream_error *err) {
  const cream_isa limit = highest();
  if (limit == CREAM_ISA_COUNT)
    return cream_fail(err, CREAM_BAD_CONFIG,
                      "CREAM_ISA: \"%s\" is not one of auto, generic, avx2, avx512, avx512-bf16",
                      getenv("CREAM_ISA"));
  if (!processor_has(limit))
    return cream_fail(err, CREAM_BAD_CONFIG, "CREAM_ISA: this processor has no %s; unset it", names[limit]);
  if (!cream_isa_present(isa))
    return cream_fail(err, CREAM_BAD_CONFIG, "this machine has no %s; leave the instruction set on auto",
                      names[isa]);
  return CREAM_OK;
}
