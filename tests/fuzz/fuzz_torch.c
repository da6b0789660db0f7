#include "fuzz.h"

#include "io/weights/torch_file.h"

static volatile unsigned sum; /* so that all bytes are read */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const char *path = fuzz_file(data, size);
  static const cream_param params[] = {{.name = "w"}, {.name = "b.c"}};
  static const cream_torch_choice choices[] = {
      {0}, {.ema = true}, {.key = "net.ema"}, {.params = params, .n_params = 2}};
  for (size_t c = 0; c < sizeof choices / sizeof *choices; c++) {
    cream_error error;
    cream_torch_file *file;
    cream_status status = cream_torch_open(path, &choices[c], &file, &error);
    fuzz_check(status, &error);
    if (status) continue;
    const cream_st_tensor *tensors;
    int count = cream_torch_tensors(file, &tensors);
    for (int i = 0; i < count; i++) {
      size_t bytes = (size_t)cream_st_count(&tensors[i]) * cream_st_dtype_size(tensors[i].dtype);
      CREAM_ASSERT(tensors[i].name[0] && bytes <= 64 * size + (1 << 24));
      for (size_t b = 0; b < bytes; b++) sum += ((const uint8_t *)tensors[i].data)[b];
    }
    cream_torch_close(file);
  }
  return 0;
}
