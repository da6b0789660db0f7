#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/event.h"
#include "extract.h"
#include "io/run/board_read.h"
#include "io/weights/weights.h"
#include "tools/cli/signals.h"

/* ---- --path and --flops ------------------------------------------------------------------------------ */

static bool separates(char c) {
  return isspace((unsigned char)c) || strchr("[],\"'", c);
}

/* Copies the next word of *text; false: there is none. A dash ends a word, unless the op's own name has it. */
static bool next_word(const char **text, const cream_space *space, char word[64]) {
  while (**text && separates(**text)) (*text)++;
  size_t length = 0;
  while ((*text)[length] && !separates((*text)[length])) length++;
  if (!length) return false;
  snprintf(word, 64, "%.*s", (int)(length < 63 ? length : 63), *text);
  const char *dash = strchr(word, '-');
  bool divided = dash && dash > word && cream_space_find_op(space, word) < 0;
  if (divided) {
    length = (size_t)(dash - word);
    word[length] = '\0';
  }
  *text += length + divided;
  return true;
}

static cream_status read_choice(const char *word, const cream_skeleton *skeleton, int l, uint8_t *choice,
                                cream_error *err) {
  const cream_layer *layer = &skeleton->layers[l];
  char *end, names[200] = "";
  int option = cream_layer_find_option(&skeleton->space, layer, word);
  if (option < 0 && isdigit((unsigned char)*word)) {
    long number = strtol(word, &end, 10);
    if (!*end && number < layer->n_options) option = (int)number;
  }
  if (option < 0) {
    size_t used = 0;
    for (int i = 0; i < layer->n_options && used < sizeof names; i++)
      used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", i ? ", " : "",
                               skeleton->space.ops[layer->options[i]].name);
    return cream_fail(err, CREAM_BAD_CONFIG,
                      "--path: layer %d of stage %d: got %.40s, expected one of %s, or 0 to %d", layer->index,
                      layer->stage, word, names, layer->n_options - 1);
  }
  *choice = (uint8_t)option;
  return CREAM_OK;
}

cream_status extract_read_path(const char *text, const cream_skeleton *skeleton, cream_path *path,
                               cream_error *err) {
  char word[64], depths[96] = "";
  const char *rest = text;
  int count = 0;
  *path = (cream_path){.n_layers = skeleton->n_layers};
  while (next_word(&rest, &skeleton->space, word)) count++;
  if (count != skeleton->n_layers) {
    size_t used = 0;
    for (int s = 0; s < skeleton->space.n_stages && used < sizeof depths; s++)
      used +=
          (size_t)snprintf(depths + used, sizeof depths - used, "%s%d", s ? ", " : "", skeleton->depth[s]);
    return cream_fail(err, CREAM_BAD_CONFIG,
                      "--path: got %d choices, expected %d, one for each layer of the supernet (%s by stage)",
                      count, skeleton->n_layers, depths);
  }
  cream_status status = CREAM_OK;
  rest = text;
  for (int l = 0; l < count && status == CREAM_OK; l++) {
    next_word(&rest, &skeleton->space, word);
    status = read_choice(word, skeleton, l, &path->choice[l], err);
  }
  return status;
}

cream_status extract_read_limit(const char *text, cream_range *limit, cream_error *err) {
  char *end;
  double low = 0, high = strtod(text, &end);
  if (end != text && *end == ':') {
    low = high;
    text = end + 1;
    high = strtod(text, &end);
  }
  if (end == text || *end || !(low >= 0) || !(high > 0) || !(high >= low) || !isfinite(high))
    return cream_fail(
        err, CREAM_BAD_CONFIG,
        "--flops: expected MAX or MIN:MAX in millions, two numbers in order, such as 4.5 or 3:5");
  *limit = (cream_range){low * 1e6, high * 1e6};
  return CREAM_OK;
}

/* ---- paths inside limits ----------------------------------------------------------------------------- */

static bool is_listed(const cream_path *paths, int n, const cream_path *path) {
  for (int i = 0; i < n; i++)
    if (cream_path_equal(&paths[i], path)) return true;
  return false;
}

cream_status extract_list_board(const extract_choice *c, cream_path paths[EXTRACT_MOST_PATHS], int *n,
                                cream_error *err) {
  cream_budget budgets[CREAM_MAX_BUDGETS];
  cream_path board[CREAM_MAX_BOARD];
  cream_costs costs;
  int n_budgets, count = 0;
  cream_costs_init(&costs, c->skeleton, c->skeleton->resolution);
  cream_status status = cream_budgets_parse(c->config->search.budgets, c->config->search.budget_share,
                                            budgets, &n_budgets, err);
  *n = 0;
  for (int b = 0; b < (n_budgets ? n_budgets : 1) && status == CREAM_OK; b++) {
    status = cream_run_read_board(c->folder, n_budgets ? budgets[b].label : NULL, c->skeleton, board,
                                  CREAM_MAX_BOARD, &count, err);
    for (int i = 0; i < count && status == CREAM_OK; i++)
      if (cream_limits_hold(c->limits, &costs, &board[i]) && !is_listed(paths, *n, &board[i]))
        paths[(*n)++] = board[i];
  }
  return status;
}

cream_status extract_evolve(const extract_choice *c, cream_path *best, cream_error *err) {
  static cream_config config;
  config = *c->config;
  config.search.strategy = CREAM_STRATEGY_SPOS;
  config.search.budgets[0] = '\0';
  config.time_budget = 0;
  const cream_search_inputs inputs = {.config = &config,
                                      .skeleton = c->skeleton,
                                      .range = c->limits->flops,
                                      .latencies = c->limits->latencies,
                                      .max_ms = c->limits->ms.max,
                                      .train = c->train,
                                      .heldout = c->heldout,
                                      .listener = {.stop = signals_catch()}};
  cream_search *search = NULL;
  cream_search_result found = {0};
  cream_status status = cream_search_create(c->backend, &inputs, &search, err);
  if (status == CREAM_OK)
    status = cream_weights_load(c->supernet, c->backend, cream_search_net(search), NULL, err);
  if (status == CREAM_OK) status = cream_search_choose(search, &found, err);
  cream_search_destroy(search);
  *best = found.path;
  return status;
}
