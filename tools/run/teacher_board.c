#include "teacher_board.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "class_match.h"
#include "cluster.h"
#include "core/base/hash.h"
#include "files.h"
#include "io/base/file_hash.h"
#include "io/config/settings.h"
#include "io/run/board_read.h"
#include "io/run/run_names.h"
#include "io/weights/weights.h"
#include "supernet.h"

/* Puts the setting in front of an error. */
static cream_status named(cream_status status, cream_error *err) {
  const cream_error reason = *err;
  return status == CREAM_OK ? status : cream_fail(err, status, "search.teacher_run: %s", reason.text);
}

/* The folder that the setting names, with the seed of the search in place of {seed}; a setting is shorter than a name. */
static void name_folder(const cream_config *config, char folder[CREAM_MAX_FILE_NAME]) {
  static const char mark[] = "{seed}";
  const char *name = config->search.teacher_run, *at = strstr(name, mark);
  if (at)
    snprintf(folder, CREAM_MAX_FILE_NAME, "%.*s%" PRIu64 "%s", (int)(at - name), name, config->seed,
             at + strlen(mark));
  else
    snprintf(folder, CREAM_MAX_FILE_NAME, "%s", name);
}

static cream_status find_weights(teacher_board *b, const char *folder, const cream_skeleton *skeleton,
                                 cream_error *err) {
  static cream_config search;
  char file[CREAM_MAX_FILE_NAME];
  cream_config_defaults(&search);
  cream_status status = files_join(file, sizeof file, folder, CREAM_RUN_CONFIG, err);
  if (status == CREAM_OK) status = cream_settings_load(&search, file, err);
  if (status == CREAM_OK) status = supernet_find(folder, &search, b->weights, err);
  if (status == CREAM_OK && search.resolution && search.resolution != skeleton->resolution)
    return cream_fail(err, CREAM_BAD_CONFIG,
                      "%s was searched at a resolution of %d, expected %d, that of this search", folder,
                      search.resolution, skeleton->resolution);
  return status;
}

static cream_status read_paths(teacher_board *b, const char *folder, const cream_skeleton *skeleton,
                               cream_error *err) {
  cream_status status = cream_run_read_board(folder, NULL, skeleton, b->paths, CREAM_MAX_BOARD, &b->n, err);
  if (status != CREAM_OK || b->n > 0) return status;
  return cream_fail(
      err, CREAM_BAD_CONFIG,
      "%s has no %s with a path; expected the folder of a search without budgets that has ended", folder,
      CREAM_RUN_BOARD);
}

/* The outputs of the two supernets are compared class by class. */
static cream_status check_classes(const teacher_board *b, const run_data *data, cream_error *err) {
  int *row_of = NULL;
  cream_status status = class_match_train(b->weights, data, &row_of, err);
  const bool other = row_of != NULL;
  free(row_of);
  if (status != CREAM_OK || !other) return status;
  return cream_fail(err, CREAM_BAD_DATA,
                    "%s has other classes than the data, or in another order; expected a search on the same "
                    "classes",
                    b->weights);
}

static cream_status read_all(teacher_board *b, const char *folder, const run_data *data,
                             const cream_skeleton *skeleton, cream_error *err) {
  cream_status status = find_weights(b, folder, skeleton, err);
  if (status == CREAM_OK) status = read_paths(b, folder, skeleton, err);
  if (status == CREAM_OK) status = check_classes(b, data, err);
  if (status == CREAM_OK) status = cream_file_hash(b->weights, &b->hash, err);
  for (int i = 0; i < b->n && status == CREAM_OK; i++)
    b->hash = cream_fnv1a(b->hash, b->paths[i].choice, (size_t)b->paths[i].n_layers);
  char what[CREAM_MAX_FILE_NAME + 40];
  snprintf(what, sizeof what, "the board and the supernet of %s", folder);
  return status == CREAM_OK ? cluster_agree_on_files(b->hash, what, err) : status;
}

cream_status teacher_board_read(teacher_board *b, const cream_config *config, const run_data *data,
                                const cream_skeleton *skeleton, cream_error *err) {
  char folder[CREAM_MAX_FILE_NAME];
  *b = (teacher_board){.n = 0};
  if (!*config->search.teacher_run) return CREAM_OK;
  name_folder(config, folder);
  return named(read_all(b, folder, data, skeleton, err), err);
}

cream_status teacher_board_load(const teacher_board *b, cream_net *net, cream_error *err) {
  if (!net) return CREAM_OK;
  return named(cream_weights_load(b->weights, cream_net_backend(net), net, NULL, err), err);
}
