#include "schedule.h"

#include <math.h>

double cream_lr_at(const cream_lr *lr, uint64_t step, uint64_t steps, uint64_t per_epoch, int batch) {
  double peak = lr->lr * batch / 1024.0;
  double warmup = lr->warmup_epochs * (double)per_epoch;
  double t = (double)step;
  if (t < warmup) return lr->warmup_lr + (peak - lr->warmup_lr) * t / warmup;
  double done = steps > 0 ? t / (double)steps : 0; /* of the whole run, warm-up included, as in timm */
  switch (lr->schedule) {
  case CREAM_SCHEDULE_CONSTANT:
    return peak;
  case CREAM_SCHEDULE_LINEAR:
    return lr->min_lr + (peak - lr->min_lr) * (1 - done);
  case CREAM_SCHEDULE_COSINE:
    return lr->min_lr + (peak - lr->min_lr) * 0.5 * (1 + cos(3.14159265358979323846 * done));
  case CREAM_SCHEDULE_STEP: {
    /* whole epochs, as timm counts them */
    double epoch = floor(t / (double)per_epoch);
    return peak * pow(lr->decay_rate, floor(epoch / lr->decay_epochs));
  }
  }
  CREAM_ASSERT(!"unknown schedule");
  return 0;
}
