#include "fuzz.h"

#include "io/run/study.h"

/* An accepted study has valid arms, seeds and rows. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static cream_study study;
  cream_error error;
  cream_status status = cream_study_parse("fuzz", (const char *)data, size, &study, &error);
  fuzz_check(status, &error);
  if (status) return 0;
  CREAM_ASSERT(study.n_arms > 0 && study.n_seeds > 0 && study.n_rows >= study.n_arms);
  for (int r = 0; r < study.n_rows; r++) {
    const cream_study_row *row = &study.rows[r];
    CREAM_ASSERT(row->arm < study.n_arms && !strchr(row->name, '/') && !strchr(row->budget, '/'));
  }
  cream_study_free(&study);
  return 0;
}
