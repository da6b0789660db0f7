#include "schedule.h"

#include <math.h>

#include "core/base/elementary.h"

/* Position of step t in its cycle, 0..1; *peak becomes the peak of the cycle. */
static double cycle_share(const cream_lr *lr, double t, double steps, double per_epoch, double *peak) {
  if (lr->cycle_epochs <= 0) return steps > 0 ? t / steps : 0;
  double length = fmax(1, lr->cycle_epochs * per_epoch), start = 0;
  for (; t >= start + length; length *= lr->cycle_mul, *peak *= lr->cycle_decay) start += length;
  return (t - start) / length;
}

double cream_lr_at(const cream_lr *lr, uint64_t step, uint64_t steps, uint64_t per_epoch, int batch) {
  double peak = lr->lr * batch / 1024.0;
  double warmup = lr->warmup_epochs * (double)per_epoch;
  double t = (double)step;
  if (t < warmup) return lr->warmup_lr + (peak - lr->warmup_lr) * t / warmup;
  switch (lr->schedule) { /* over the whole run or cycle, warm-up included, as in timm */
  case CREAM_SCHEDULE_CONSTANT:
    return peak;
  case CREAM_SCHEDULE_LINEAR: {
    double done = cycle_share(lr, t, (double)steps, (double)per_epoch, &peak);
    return lr->min_lr + (peak - lr->min_lr) * (1 - done);
  }
  case CREAM_SCHEDULE_COSINE: {
    double done = cycle_share(lr, t, (double)steps, (double)per_epoch, &peak);
    return lr->min_lr + (peak - lr->min_lr) * 0.5 * (1 + cream_cos(3.14159265358979323846 * done));
  }
  case CREAM_SCHEDULE_STEP: {
    /* whole epochs, as timm counts them */
    double epoch = floor(t / (double)per_epoch);
    return peak * cream_pow(lr->decay_rate, floor(epoch / lr->decay_epochs));
  }
  case CREAM_SCHEDULE_COUNT:
    break;
  }
  CREAM_ASSERT(!"unknown schedule");
  return 0;
}
