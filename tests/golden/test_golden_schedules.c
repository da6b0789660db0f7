/* The learning rate of every step against PyTorch's schedulers and timm's definitions (schedules.safetensors,
 * README.md). */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/train/schedule.h"
#include "io/weights/safetensors.h"

static cream_st_file *file;

static const float *values(const char *format, const char *name, uint64_t count) {
  char full[64];
  snprintf(full, sizeof full, format, name);
  const cream_st_tensor *tensor = cream_st_find(file, full);
  if (!tensor || cream_st_count(tensor) != count) fail_msg("%s: not in the golden data", full);
  return tensor->data;
}

static void test_schedule(void **state) {
  const char *name = *state;
  const float *run = values("%s", "run", 3), *s = values("%s.settings", name, 9);
  uint64_t per_epoch = (uint64_t)run[0], steps = per_epoch * (uint64_t)run[1];
  const float *rates = values("%s.rates", name, steps);
  const int batch = 256; /* a rate for 1,024 */
  cream_lr lr = {.lr = (double)run[2] * 1024 / batch,
                 .schedule = (cream_schedule)s[0],
                 .warmup_epochs = s[1],
                 .warmup_lr = s[2],
                 .decay_rate = s[3],
                 .decay_epochs = s[4],
                 .min_lr = s[5],
                 .cycle_epochs = s[6],
                 .cycle_mul = s[7],
                 .cycle_decay = s[8]};
  for (uint64_t step = 0; step < steps; step++) {
    double rate = cream_lr_at(&lr, step, steps, per_epoch, batch);
    if (!(fabs(rate - rates[step]) <= 2e-7 * fabs(rates[step]) + 1e-8))
      fail_msg("%s, step %llu: %.9g, expected %.9g", name, (unsigned long long)step, rate, rates[step]);
  }
}

int main(void) {
  static char *const names[] = {"constant",  "linear",      "cosine",        "step",        "restarts",
                                "timm_step", "timm_cosine", "timm_restarts", "timm_growing"};
  enum { COUNT = sizeof names / sizeof *names };
  struct CMUnitTest tests[COUNT];
  for (int i = 0; i < COUNT; i++)
    tests[i] = (struct CMUnitTest){names[i], test_schedule, NULL, NULL, names[i]};
  cream_error err;
  if (cream_st_open(CREAM_SOURCE_DIR "/tests/golden/schedules.safetensors", &file, &err) != CREAM_OK) {
    fprintf(stderr, "%s\n", err.text);
    return 1;
  }
  int failed = _cmocka_run_group_tests("schedules", tests, COUNT, NULL, NULL);
  cream_st_close(file);
  return failed;
}
