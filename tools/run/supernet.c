#include "supernet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/search/search.h"
#include "core/train/evaluate.h"
#include "files.h"
#include "io/config/settings.h"
#include "io/run/checkpoint_rotation.h"
#include "io/run/run_names.h"
#include "io/weights/weights.h"
#include "network.h"

static bool has(const char *folder, const char *name) {
  char file[CREAM_MAX_FILE_NAME];
  cream_error ignored;
  return files_join(file, sizeof file, folder, name, &ignored) == CREAM_OK && !access(file, F_OK);
}

/* What to do where there are no weights. */
static cream_status fail_missing(const char *folder, cream_error *err) {
  cream_checkpoint_info info;
  bool checkpoint = false;
  if (has(folder, CREAM_RUN_WEIGHTS))
    return cream_fail(err, CREAM_BAD_CONFIG,
                      "%s has no %s: expected the folder of a search, not that of a single network, whose "
                      "weights are in %s/%s",
                      folder, CREAM_RUN_SUPERNET, folder, CREAM_RUN_WEIGHTS);
  if (cream_checkpoints_peek(folder, &info, &checkpoint, NULL) == CREAM_OK && checkpoint)
    return cream_fail(
        err, CREAM_BAD_CONFIG,
        "%s has no %s: the search has not ended, or the file was removed; cream search --resume "
        "--out %s writes it from the last checkpoint",
        folder, CREAM_RUN_SUPERNET, folder);
  return cream_fail(
      err, CREAM_BAD_CONFIG,
      "%s has no %s: expected the folder of a search that trained a supernet and has ended; there "
      "is no checkpoint to write it from, so run the search again",
      folder, CREAM_RUN_SUPERNET);
}

cream_status supernet_find(const char *folder, const cream_config *search, char file[CREAM_MAX_FILE_NAME],
                           cream_error *err) {
  cream_status status = files_join(file, CREAM_MAX_FILE_NAME, folder, CREAM_RUN_SUPERNET, err);
  if (status != CREAM_OK) return status;
  cream_strategy strategy = search->search.strategy;
  if (!cream_strategy_has_supernet(strategy))
    return cream_fail(err, CREAM_BAD_CONFIG,
                      "%s: a %s search has no supernet; expected the folder of another search", folder,
                      cream_strategy_name(strategy));
  return access(file, F_OK) ? fail_missing(folder, err) : CREAM_OK;
}

char *supernet_snapshot(const char *name, int epoch, char text[64]) {
  const char *dot = strrchr(name, '.');
  int stem = dot ? (int)(dot - name) : (int)strlen(name);
  if (epoch == 0)
    snprintf(text, 64, "%s", name);
  else
    snprintf(text, 64, "%.*s-%04d%s", stem, name, epoch, dot ? dot : "");
  return text;
}

cream_status supernet_skeleton(const char *folder, const cream_config *search, int classes,
                               cream_skeleton *skeleton, cream_error *err) {
  cream_config config = *search;
  char file[sizeof config.space];
  if (has(folder, CREAM_RUN_SPACE) && files_join(file, sizeof file, folder, CREAM_RUN_SPACE, err) == CREAM_OK)
    strcpy(config.space, file);
  if (config.depth[0]) { /* nothing follows from the limits */
    config.search.budgets[0] = config.search.latency.table[0] = '\0';
    config.search.latency.max = 0;
    config.flops = (cream_range){0};
  }
  return run_supernet(&config, classes, skeleton, err);
}

/* Whether blocks of the two ops compute the same. */
static bool same_op(const cream_op *a, const cream_op *b) {
  return a->kind == b->kind && a->kernel == b->kernel && a->dilation == b->dilation &&
         a->expand == b->expand && a->act == b->act && a->se == b->se && a->se_of_input == b->se_of_input &&
         a->se_act == b->se_act && a->se_gate == b->se_gate;
}

cream_status supernet_path(const cream_skeleton *supernet, const char *name, const cream_skeleton *network,
                           cream_path *path, cream_error *err) {
  const cream_space *space = &supernet->space;
  *path = (cream_path){.n_layers = supernet->n_layers};
  for (int s = 0; s < space->n_stages; s++)
    if (network->space.n_stages != space->n_stages || network->depth[s] != supernet->depth[s])
      return cream_fail(err, CREAM_BAD_CONFIG,
                        "%s is no path of the supernet: its depths differ from those of space `%s` in the "
                        "search (stage %d has %d layers)",
                        name, space->name, s, supernet->depth[s]);
  for (int l = 0; l < supernet->n_layers; l++) {
    const cream_layer *layer = &supernet->layers[l];
    const cream_op *op = &network->space.ops[network->layers[l].options[0]];
    int option = cream_layer_find_option(space, layer, op->name);
    if (option < 0 || !same_op(op, &space->ops[layer->options[option]]))
      return cream_fail(err, CREAM_BAD_CONFIG,
                        "%s is no path of the supernet: layer %d of stage %d is %s, which is none of its "
                        "choices there",
                        name, layer->index, layer->stage, op->name);
    path->choice[l] = (uint8_t)option;
  }
  return CREAM_OK;
}

cream_status supernet_recalibrate(const cream_config *search, cream_net *net, cream_source *train,
                                  uint64_t epoch, cream_error *err) {
  cream_path only = cream_skeleton_first_path(cream_net_skeleton(net));
  return cream_recalibrate(net, &only, train, epoch, search->recalibrate.mode, search->search.recalibrate,
                           err);
}

const char *supernet_folder(const char *folder, char path[PATH_MAX]) {
  return realpath(folder, path) ? path : folder;
}

cream_status supernet_inherit(const cream_config *config, cream_net *net, cream_source *train,
                              cream_error *err) {
  static cream_config search;
  cream_skeleton skeleton;
  cream_path path;
  cream_weights_report loaded = {0};
  char file[CREAM_MAX_FILE_NAME];
  cream_config_defaults(&search);
  cream_status status = files_join(file, sizeof file, config->inherit, CREAM_RUN_CONFIG, err);
  if (status == CREAM_OK) status = cream_settings_load(&search, file, err);
  if (status == CREAM_OK) status = supernet_find(config->inherit, &search, file, err);
  if (status == CREAM_OK) status = supernet_skeleton(config->inherit, &search, 0, &skeleton, err);
  if (status == CREAM_OK)
    status = supernet_path(&skeleton, config->arch, cream_net_skeleton(net), &path, err);
  if (status == CREAM_OK)
    status = cream_weights_load_path(file, &skeleton, &path, cream_net_backend(net), net, &loaded, err);
  if (status == CREAM_OK)
    status = supernet_recalibrate(&search, net, train, (uint64_t)config->retrain.epochs, err);
  if (status != CREAM_OK) return status;
  fprintf(stderr, "inherit: the training starts from the network's weights in the supernet of %s\n",
          config->inherit);
  if (loaded.text[0]) fprintf(stderr, "inherit: %s\n", loaded.text);
  return CREAM_OK;
}
