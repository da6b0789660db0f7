#include "fuzz.h"

#include "io/config/arch.h"
#include "io/config/arch_list.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static cream_arch arch;
  cream_error error;
  char *text = fuzz_text(data, size);
  bool list = size < 1024 && cream_arch_is_list(text);
  cream_status status = cream_arch_load(list ? text : fuzz_file(data, size), &arch, &error);
  fuzz_check(status, &error);
  if (status == CREAM_OK) cream_arch_set_resolution(&arch, 96);
  free(text);
  return 0;
}
