#include "session_training.h"

#include "cluster.h"

static void state(void *retrain, cream_state *out) {
  cream_retrain_state(retrain, out);
}
static cream_status restored(void *retrain, cream_error *err) {
  return cream_retrain_restored(retrain, err);
}

cream_status session_open_training(session *run, const run_options *options, const run_data *data,
                                   const session_training *training, cream_error *err) {
  const cream_config *config = &options->config;
  const cream_arch *arch = training->arch;
  const checkpoint_target target = {training->command, training->retrain, state, restored};
  const int images = config->retrain.batch * config->retrain.accumulate;
  cream_status status = session_open(run, options, data, &arch->net, images, &target, err);
  if (status == CREAM_OK && options->resume && !run->folder.resumed)
    status = training->load_weights(training->self, config, err);
  if (status == CREAM_OK) status = checkpoint_share(&target, run->folder.resumed, err);
  if (status != CREAM_OK || !cluster_leads()) return status;
  session_warn_of_average(&config->retrain, cream_retrain_steps(training->retrain));
  char file[CREAM_MAX_FILE_NAME];
  return cream_arch_save(cream_run_file(&run->folder, CREAM_RUN_ARCH, file), &arch->net, arch->space_hash,
                         err);
}
