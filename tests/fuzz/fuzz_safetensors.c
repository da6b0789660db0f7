#include "fuzz.h"

#include "io/weights/weights_info.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  cream_error error;
  cream_st_file *file;
  cream_status status = cream_st_open(fuzz_file(data, size), &file, &error);
  fuzz_check(status, &error);
  if (status) return 0;
  const cream_st_tensor *tensors;
  int count = cream_st_tensors(file, &tensors);
  unsigned sum = 0;
  for (int i = 0; i < count; i++) {
    size_t bytes = (size_t)cream_st_count(&tensors[i]) * cream_st_dtype_size(tensors[i].dtype);
    CREAM_ASSERT(bytes <= size && cream_st_find(file, tensors[i].name));
    for (size_t b = 0; b < bytes; b++) sum += ((const uint8_t *)tensors[i].data)[b];
  }
  CREAM_ASSERT(sum <= 255 * size);
  cream_weights_info info;
  status = cream_weights_info_read("fuzz", file, NULL, &info, &error);
  fuzz_check(status, &error);
  if (status == CREAM_OK) {
    cream_weights_metadata metadata;
    CREAM_ASSERT(cream_weights_metadata_init(&metadata, &info, &error) == CREAM_OK);
    cream_weights_metadata_free(&metadata);
  }
  cream_weights_info_free(&info);
  cream_st_close(file);
  return 0;
}
