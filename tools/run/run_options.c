#include "run_options.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/space/budget.h"
#include "device.h"
#include "files.h"
#include "io/config/settings.h"
#include "io/run/run.h"
#include "old_paths.h"
#include "tools/cli/options.h"
#include "tools/cli/signals.h"

const char *const run_options_on_nan[] = {"stop", "rollback", NULL};

void run_options_defaults(void *values) {
  cream_config_defaults(&((run_options *)values)->config);
}

cream_status run_options_check(void *values, cream_error *err) {
  return signals_choose(((const run_options *)values)->config.signals, err);
}

void run_options_restart(const cli_command *command, const void *values) {
  const run_options *options = values;
  if (options->dry_run) return; /* nothing to resume */
  device_resume_on_cpu(command->name, &options->config, options->line.words, options->line.n_words);
}

/* Everything of the folder but its place becomes that of this run. */
cream_status run_options_run_untrained(void *values, const cli_given *given, const char *folder,
                                       cream_error *err) {
  run_options *options = values;
  cream_config *config = &options->config;
  char file[sizeof config->arch];
  (void)given;
  cream_status status = files_join(file, sizeof file, folder, CREAM_RUN_CONFIG, err);
  if (status == CREAM_OK) status = cream_settings_load(config, file, err);
  if (status == CREAM_OK) old_paths_find(config, folder);
  if (status == CREAM_OK) status = files_join(config->arch, sizeof config->arch, folder, CREAM_RUN_ARCH, err);
  config->weights[0] = '\0';
  config->out[0] = '\0';
  options->run_resolution = config->resolution;
  config->resolution = 0; /* the architecture file has it */
  if (status == CREAM_OK) snprintf(options->run, sizeof options->run, "%s", folder);
  return status;
}

cream_status run_options_run(void *values, const cli_given *given, const char *folder, cream_error *err) {
  cream_config *config = &((run_options *)values)->config;
  cream_status status = run_options_run_untrained(values, given, folder, err);
  if (status != CREAM_OK) return status;
  return files_join(config->weights, sizeof config->weights, folder, CREAM_RUN_WEIGHTS, err);
}

/* Such a search's folder has no arch.json. */
cream_status run_options_budget(void *values, const cli_given *given, const char *name, cream_error *err) {
  run_options *options = values;
  cream_config *config = &options->config;
  cream_budget budgets[CREAM_MAX_BUDGETS];
  int n;
  (void)given;
  if (!*options->run)
    return cream_fail(err, CREAM_BAD_CONFIG, "--budget needs --run DIR, the folder of a search with budgets");
  cream_status status = cream_budgets_parse(config->search.budgets, 0, budgets, &n, err);
  if (status != CREAM_OK) return status;
  int at = cream_budgets_find(budgets, n, name);
  if (at < 0)
    return cream_fail(err, CREAM_BAD_CONFIG, "--budget %.40s: the search in %s has %s%s", name, options->run,
                      n ? "networks for " : "no budgets", config->search.budgets);
  char file[64];
  return files_join(config->arch, sizeof config->arch, options->run,
                    cream_run_budget_name(CREAM_RUN_ARCH, budgets[at].label, file), err);
}

/* The architecture that a resumed run trains lies in its folder. */
cream_status run_options_resume(void *values, const cli_given *given, const char *argument,
                                cream_error *err) {
  run_options *options = values;
  cream_config *config = &options->config;
  const char *folder = cli_given_last(given, "out");
  char file[sizeof config->arch];
  (void)argument;
  options->resume = true;
  if (!folder || !*folder) return CREAM_OK;
  cream_status status = files_join(file, sizeof file, folder, CREAM_RUN_CONFIG, err);
  if (status != CREAM_OK || access(file, F_OK)) return status;
  status = cream_settings_load(config, file, err);
  if (status == CREAM_OK) old_paths_find(config, folder);
  if (status == CREAM_OK) status = files_join(file, sizeof file, folder, CREAM_RUN_ARCH, err);
  if (status == CREAM_OK && *config->arch && !access(file, F_OK)) strcpy(config->arch, file);
  return status;
}
