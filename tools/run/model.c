#include "model.h"

#include <string.h>

#include "network.h"

cream_status model_open(cream_model *m, const cream_config *config, int batch, cream_error *err) {
  memset(m, 0, sizeof *m);
  cream_status status = run_arch(config, &m->arch, err);
  if (status == CREAM_OK) status = run_check_weights(config, err);
  if (status == CREAM_OK) status = cream_model_read(m, config->weights, &config->augment, err);
  if (status == CREAM_OK) status = run_backend(config, &m->backend, err);
  cream_weights_report loaded = {0};
  if (status == CREAM_OK) status = cream_model_load(m, config->weights, batch, &loaded, err);
  if (loaded.text[0]) fprintf(stderr, "%s: %s\n", config->weights, loaded.text);
  return status;
}
