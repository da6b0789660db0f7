#include "fuzz.h"

#include "io/arch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static cream_arch arch;
  cream_error error;
  fuzz_check(cream_arch_load(fuzz_file(data, size), &arch, &error), &error);
  return 0;
}
