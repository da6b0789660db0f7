#include "usage.h"

#include <math.h>
#include <sys/resource.h>
#include <time.h>

static double read_clock(clockid_t clock) {
  struct timespec time;
  clock_gettime(clock, &time);
  return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

double cream_usage_monotonic(void) {
  return read_clock(CLOCK_MONOTONIC);
}

double cream_usage_wall(void) {
  return read_clock(CLOCK_REALTIME);
}

double cream_usage_peak_memory(void) {
  struct rusage usage;
  return getrusage(RUSAGE_SELF, &usage) ? (double)NAN : 1024.0 * (double)usage.ru_maxrss;
}
