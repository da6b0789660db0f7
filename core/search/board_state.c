#include "board_state.h"

#include <string.h>

void cream_board_pack(const cream_board *board, int b, cream_board_image *image) {
  image->count[b] = (uint64_t)board->count;
  for (int e = 0; e < CREAM_MAX_BOARD; e++) {
    static const cream_board_entry none;
    const cream_board_entry *entry = e < board->count ? &board->entries[e] : &none;
    int at = b * CREAM_MAX_BOARD + e;
    image->score[at] = entry->score;
    image->loss[at] = entry->loss;
    image->flops[at] = entry->flops;
    image->params[at] = entry->params;
    image->step[at] = entry->step;
    image->slot[at] = (uint64_t)entry->slot;
    for (int l = 0; l < CREAM_MAX_LAYERS; l++) image->path[at][l] = entry->path.choice[l];
    for (int i = 0; i < CREAM_MAX_SLICE; i++) image->slice[at][i] = entry->slice[i];
  }
}

void cream_board_image_parts(cream_board_image *image, int n, cream_state *state) {
  const struct {
    const char *name;
    cream_state_kind kind;
    void *values;
    size_t count; /* of one board */
  } fields[] = {
      {"board.count", CREAM_STATE_U64, image->count, 1},
      {"board.score", CREAM_STATE_F64, image->score, CREAM_MAX_BOARD},
      {"board.loss", CREAM_STATE_F64, image->loss, CREAM_MAX_BOARD},
      {"board.flops", CREAM_STATE_F64, image->flops, CREAM_MAX_BOARD},
      {"board.params", CREAM_STATE_F64, image->params, CREAM_MAX_BOARD},
      {"board.step", CREAM_STATE_U64, image->step, CREAM_MAX_BOARD},
      {"board.slot", CREAM_STATE_U64, image->slot, CREAM_MAX_BOARD},
      {"board.path", CREAM_STATE_U64, image->path, CREAM_MAX_BOARD * CREAM_MAX_LAYERS},
      {"board.slice", CREAM_STATE_U64, image->slice, CREAM_MAX_BOARD * CREAM_MAX_SLICE},
  };
  for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
    cream_state_add_host(state, fields[i].name, fields[i].kind, fields[i].values,
                         (size_t)n * fields[i].count);
}

static bool unpack_entry(const cream_board_image *image, int at, const cream_skeleton *skeleton, int slice,
                         size_t heldout, const cream_board *board, cream_board_entry *entry) {
  *entry = (cream_board_entry){.path.n_layers = skeleton->n_layers,
                               .score = image->score[at],
                               .loss = image->loss[at],
                               .flops = image->flops[at],
                               .params = image->params[at],
                               .step = image->step[at],
                               .slot = (int)image->slot[at]};
  uint64_t first = (uint64_t)board->first_slot;
  if (image->slot[at] < first || image->slot[at] - first >= (uint64_t)board->capacity) return false;
  for (int l = 0; l < skeleton->n_layers; l++) {
    if (image->path[at][l] >= (uint64_t)skeleton->layers[l].n_options) return false;
    entry->path.choice[l] = (uint8_t)image->path[at][l];
  }
  for (int i = 0; i < slice; i++) {
    if (image->slice[at][i] >= heldout) return false;
    entry->slice[i] = (uint32_t)image->slice[at][i];
  }
  return true;
}

cream_status cream_board_unpack(cream_board *board, int b, const cream_board_image *image,
                                const cream_skeleton *skeleton, int slice, size_t heldout, cream_error *err) {
  cream_board unpacked = *board;
  if (image->count[b] > (uint64_t)board->capacity)
    return cream_fail(err, CREAM_BAD_DATA, "a board of %llu entries, expected at most %d",
                      (unsigned long long)image->count[b], board->capacity);
  memset(unpacked.entries, 0, sizeof unpacked.entries);
  unpacked.count = (int)image->count[b];
  for (int e = 0; e < unpacked.count; e++) {
    int at = b * CREAM_MAX_BOARD + e;
    bool good = unpack_entry(image, at, skeleton, slice, heldout, board, &unpacked.entries[e]);
    for (int before = 0; before < e; before++)
      good &= unpacked.entries[before].slot != unpacked.entries[e].slot;
    if (!good)
      return cream_fail(err, CREAM_BAD_DATA,
                        "entry %d of the board has a slot, choice or image that does not exist", e + 1);
  }
  *board = unpacked;
  return CREAM_OK;
}
