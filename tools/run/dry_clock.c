#include "cluster.h"
#include "dry_run.h"
#include "tools/cli/progress.h"
#include "tools/cli/signals.h"

static bool enough(const dry_clock *clock) {
  static const double long_enough = 10; /* seconds */
  enum { LEAST = 3 };
  return clock->steps > clock->wanted || (clock->steps > LEAST && clock->last - clock->first > long_enough);
}

static bool several_ranks(void) {
  return !cream_cluster_alone(cluster_ranks());
}

/* The end of an epoch ends it too, before anything is evaluated. All ranks have to end after the same step: rank 0, which
 * has the clock, asks for it before the next one. */
static cream_status on_event(void *self, const cream_event *event, cream_error *err) {
  dry_clock *clock = self;
  if (event->kind == CREAM_EVENT_START) {
    clock->started = progress_now();
    clock->planned = event->steps;
    clock->epochs = (uint64_t)event->epochs;
  }
  if (event->kind != CREAM_EVENT_STEP) return CREAM_OK;
  clock->last = progress_now();
  if (clock->steps++ == 0) clock->first = clock->last;
  const uint64_t epoch = clock->planned / clock->epochs;
  clock->done =
      enough(clock) || event->step % epoch == 0 || (several_ranks() && (event->step + 1) % epoch == 0);
  clock->stop = clock->done || *clock->signalled;
  return clock->done && !several_ranks() ? cream_fail(err, CREAM_INTERRUPTED, "the dry run is done")
                                         : CREAM_OK;
}

cream_listener dry_clock_start(dry_clock *clock, int period) {
  enum { LEAST = 10, MOST = 200 };
  *clock = (dry_clock){.wanted = period > MOST    ? MOST
                                 : period < LEAST ? LEAST
                                                  : period,
                       .signalled = signals_catch()};
  return (cream_listener){on_event, clock, several_ranks() ? &clock->stop : clock->signalled};
}

int dry_clock_measured(const dry_clock *clock) {
  return clock->steps > 1 ? clock->steps - 1 : 1;
}

double dry_clock_step(const dry_clock *clock) {
  return (clock->last - (clock->steps > 1 ? clock->first : clock->started)) / dry_clock_measured(clock);
}
