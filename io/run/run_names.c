#include "run_names.h"

#include <stdio.h>
#include <string.h>

const char *const cream_run_log_names[CREAM_LOGS] = {
#define LOG_NAME(name, file) [CREAM_LOG_##name] = file,
    CREAM_RUN_LOG_LIST(LOG_NAME)
#undef LOG_NAME
};

char *cream_run_budget_name(const char *name, const char *budget, char text[64]) {
  const char *dot = strchr(name, '.');
  if (budget)
    snprintf(text, 64, "%.*s-%s%s", (int)(dot - name), name, budget, dot);
  else
    snprintf(text, 64, "%s", name);
  return text;
}
