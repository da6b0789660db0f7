#include "fuzz.h"

#include <stdlib.h>

#include "io/dataset/cifar_python.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  enum { CLASSES = 3 };
  cream_error error;
  cream_dataset *set;
  cream_raster *raster = cream_raster_create("cifar", "fuzz", 32, 32, 3);
  CREAM_ASSERT(raster);
  cream_status status = CREAM_OK;
  for (int part = 0; part < CREAM_PARTS && !status; part++)
    status = cream_cifar_python_add(raster, (cream_part)part, "fuzz", data, size, "labels", CLASSES, &error);
  if (!status) status = cream_raster_finish(raster, NULL, CLASSES, &set, &error);
  fuzz_check(status, &error);
  cream_raster_free(raster);
  free(cream_cifar_python_names(data, size, "label_names", CLASSES));
  return 0;
}
