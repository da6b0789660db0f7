/* Relative paths in the settings of runs: older versions wrote them as they were given, relative to a working folder
 * that they did not record. */
#ifndef CREAM_TOOLS_OLD_PATHS_H
#define CREAM_TOOLS_OLD_PATHS_H

#include "core/base/config.h"
#include "core/base/status.h"

/* Settings that were read from the run in `folder`: a relative path of data, a space or a table that is not in the current
 * folder, but is in the one where the run was started, becomes absolute. That folder is `folder` without the run's
 * config->out, where that is relative. */
void old_paths_find(cream_config *, const char *folder);
/* CREAM_BAD_CONFIG where config->data is still a path that old_paths_find found nowhere: the line names the folders. */
cream_status old_paths_check(const cream_config *, cream_error *);

#endif
