#include "run_logs.h"

#include <errno.h>
#include <string.h>

static cream_status fail(const cream_run *run, cream_run_log log, cream_error *err) {
  return cream_fail(err, CREAM_FAILED, "cannot write %s/%s: %s", run->dir, cream_run_log_names[log],
                    strerror(errno ? errno : EIO));
}

cream_status run_log_open(cream_run *run, cream_run_log log, bool *fresh, cream_error *err) {
  if (!run->logs[log]) {
    char path[CREAM_MAX_FILE_NAME];
    snprintf(path, sizeof path, "%s/%s", run->dir, cream_run_log_names[log]);
    run->logs[log] = fopen(path, run->resumed ? "ab" : "wb");
    if (!run->logs[log]) return fail(run, log, err);
    fseek(run->logs[log], 0, SEEK_END);
  }
  *fresh = ftell(run->logs[log]) == 0;
  return CREAM_OK;
}

cream_status run_log_check(cream_run *run, cream_run_log log, bool flush, cream_error *err) {
  if (flush) fflush(run->logs[log]);
  return ferror(run->logs[log]) ? fail(run, log, err) : CREAM_OK;
}

cream_status run_log_close(cream_run *run, cream_run_log log, cream_error *err) {
  if (!run->logs[log]) return CREAM_OK;
  errno = 0;
  int failed = ferror(run->logs[log]), closed = fclose(run->logs[log]);
  run->logs[log] = NULL;
  return failed || closed ? fail(run, log, err) : CREAM_OK;
}
