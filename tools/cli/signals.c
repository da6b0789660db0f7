#include "signals.h"

#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "core/base/status.h"

static volatile sig_atomic_t stop;

static void on_signal(int number) {
  (void)number;
  if (stop) _exit(CREAM_INTERRUPTED);
  stop = 1;
}

const volatile sig_atomic_t *signals_catch(void) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, NULL);
  sigaction(SIGTERM, &action, NULL);
  return &stop;
}
