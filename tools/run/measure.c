#include "measure.h"

#include "tools/cli/progress.h"
#include "trial.h"

enum { BATCH = 32, STEPS = 3 };

cream_status measure_step(cream_backend *backend, double *seconds, cream_error *err) {
  static trial t;
  cream_status status = trial_open(&t, backend, BATCH, 1, err);
  for (int i = 0; i <= STEPS && status == CREAM_OK; i++) {
    double started = progress_now(), loss;
    trial_step(&t, i, 0.001f);
    status = trial_loss(&t, &loss, err);
    double elapsed = progress_now() - started;
    if (i == 1 || (i > 1 && elapsed < *seconds)) *seconds = elapsed;
  }
  trial_close(&t);
  return status;
}
