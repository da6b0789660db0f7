#include "fuzz.h"

#include "io/run/teacher_cache.h"

enum { BATCH = 2, TOP = 2, CLASSES = 3 };

/* What is read from an accepted file are classes and probabilities. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const cream_teacher_cache_shape shape = {BATCH, TOP, CLASSES, 4};
  cream_teacher_cache *cache;
  cream_error error;
  cream_status status = cream_teacher_cache_open(fuzz_file(data, size), &shape, "seed 1\n", &cache, &error);
  fuzz_check(status, &error);
  if (status != CREAM_OK) return 0;
  const cream_external_store store = cream_teacher_cache_store(cache);
  for (uint64_t number = 0; number <= cream_teacher_cache_count(cache); number++) {
    uint32_t classes[BATCH * TOP];
    float probabilities[BATCH * TOP];
    bool found;
    status = store.get(store.self, number, classes, probabilities, &found, &error);
    fuzz_check(status, &error);
    for (int i = 0; i < BATCH * TOP && found && status == CREAM_OK; i++)
      CREAM_ASSERT(classes[i] < CLASSES && probabilities[i] >= 0 && probabilities[i] <= 1);
  }
  cream_teacher_cache_close(cache);
  return 0;
}
