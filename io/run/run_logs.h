/* The files that a run appends to. Internal to io/run/run_*.c. */
#ifndef CREAM_IO_RUN_LOGS_H
#define CREAM_IO_RUN_LOGS_H

#include "run.h"

/* Opens the log unless it is open; *fresh: nothing has been written to it yet. */
cream_status run_log_open(cream_run *, cream_run_log, bool *fresh, cream_error *);
/* Fails if a write to the open log failed; `flush` writes what is buffered first. */
cream_status run_log_check(cream_run *, cream_run_log, bool flush, cream_error *);
/* Closes the log, if it is open. Fails if a write to it failed. */
cream_status run_log_close(cream_run *, cream_run_log, cream_error *);

#endif
