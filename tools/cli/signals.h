/* Signals that end long work in order, as a flag that it checks between steps. */
#ifndef CREAM_TOOLS_SIGNALS_H
#define CREAM_TOOLS_SIGNALS_H

#include <signal.h>

#include "core/base/status.h"

/* Chooses the signals that end work in order, besides SIGINT and SIGTERM: some of HUP, USR1, USR2 and XCPU, separated by
 * commas, or "none". Others keep the action that the process has inherited. Without a call, all four are chosen.
 * CREAM_BAD_CONFIG for another word. */
cream_status signals_choose(const char *list, cream_error *);
/* From now on the first of these signals sets the flag returned. A second SIGINT or SIGTERM ends the process at once
 * (130); of the others any number may come, as batch systems repeat them. A signal that is ignored when it is first
 * asked for, as SIGHUP under nohup, stays ignored. */
const volatile sig_atomic_t *signals_catch(void);
/* A write beyond the largest size of a file (ulimit -f) fails with EFBIG, as on a full disk, and does not end the
 * process. */
void signals_ignore_file_size(void);

#endif
