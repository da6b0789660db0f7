#include "state.h"

#include <math.h>
#include <string.h>

/* ---- parts ------------------------------------------------------------------------------------------- */

static void add(cream_state *state, cream_state_part part) {
  CREAM_ASSERT(state->n < CREAM_STATE_MAX);
  state->parts[state->n++] = part;
}

void cream_state_add_device(cream_state *state, const char *name, cream_buf buf, size_t count) {
  if (cream_buf_present(buf))
    add(state, (cream_state_part){.name = name, .kind = CREAM_STATE_F32, .count = count, .device = buf});
}

void cream_state_add_host(cream_state *state, const char *name, cream_state_kind kind, void *host,
                          size_t count) {
  CREAM_ASSERT(kind != CREAM_STATE_F32);
  add(state, (cream_state_part){.name = name, .kind = kind, .count = count, .host = host});
}

size_t cream_state_part_bytes(const cream_state_part *part) {
  return part->count * (part->kind == CREAM_STATE_F32 ? 4 : 8);
}

size_t cream_state_bytes(const cream_state *state) {
  size_t bytes = 0;
  for (int i = 0; i < state->n; i++) bytes += cream_state_part_bytes(&state->parts[i]);
  return bytes;
}

/* An exponent of all ones: infinite, or no number. Blocks of integers, so that it goes by vectors. */
static bool all_finite(const void *values, size_t count) {
  enum { BLOCK = 4096 };
  const uint32_t *bits = values;
  for (size_t from = 0; from < count; from += BLOCK) {
    size_t to = from + BLOCK < count ? from + BLOCK : count;
    uint32_t bad = 0;
    for (size_t i = from; i < to; i++) bad |= (bits[i] & 0x7f800000u) == 0x7f800000u;
    if (bad) return false;
  }
  return true;
}

cream_status cream_state_snapshot(const cream_state *state, void *memory, cream_error *err) {
  char *to = memory;
  for (int i = 0; i < state->n; i++) {
    const cream_state_part *part = &state->parts[i];
    if (part->kind != CREAM_STATE_F32) {
      memcpy(to, part->host, cream_state_part_bytes(part));
    } else {
      cream_status status = state->backend->download(state->backend, to, part->device, part->count, err);
      if (status) return status;
      if (!all_finite(to, part->count))
        return cream_fail(err, CREAM_BAD_DATA,
                          "step %llu: %s has a value that is no finite number, so this state is not kept",
                          (unsigned long long)state->step, part->name);
    }
    to += cream_state_part_bytes(part);
  }
  return CREAM_OK;
}

cream_status cream_state_restore(const cream_state *state, const void *memory, cream_error *err) {
  const char *from = memory;
  for (int i = 0; i < state->n; i++) {
    const cream_state_part *part = &state->parts[i];
    if (part->kind == CREAM_STATE_F32)
      state->backend->upload(state->backend, part->device, from, part->count);
    else
      memcpy(part->host, from, cream_state_part_bytes(part));
    from += cream_state_part_bytes(part);
  }
  return state->backend->synchronise(state->backend, err);
}

static uint64_t mix(uint64_t hash, const void *bytes, size_t count) { /* FNV-1a */
  for (size_t i = 0; i < count; i++) hash = (hash ^ ((const unsigned char *)bytes)[i]) * 0x100000001b3u;
  return hash;
}

uint64_t cream_state_fingerprint(const cream_net *net) {
  int count;
  const cream_param *params = cream_net_params(net, &count);
  uint64_t hash = mix(0xcbf29ce484222325u, &cream_net_skeleton(net)->resolution, sizeof(int));
  for (int i = 0; i < count; i++) {
    hash = mix(hash, params[i].name, strlen(params[i].name));
    hash = mix(hash, params[i].dims, (size_t)params[i].n_dims * sizeof(int));
  }
  return hash;
}

/* ---- the board --------------------------------------------------------------------------------------- */

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
