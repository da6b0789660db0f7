#include "fuzz.h"

#include "io/config/latency_table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static cream_latency_table table;
  cream_error error;
  fuzz_check(cream_latency_table_load(fuzz_file(data, size), &table, &error), &error);
  return 0;
}
