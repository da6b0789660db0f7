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

void cream_board_pack(const cream_board *board, cream_board_image *image) {
  memset(image, 0, sizeof *image);
  image->count = (uint64_t)board->count;
  for (int e = 0; e < board->count; e++) {
    const cream_board_entry *entry = &board->entries[e];
    image->score[e] = entry->score;
    image->loss[e] = entry->loss;
    image->flops[e] = entry->flops;
    image->params[e] = entry->params;
    image->step[e] = entry->step;
    image->slot[e] = (uint64_t)entry->slot;
    for (int l = 0; l < entry->path.n_layers; l++) image->path[e][l] = entry->path.choice[l];
    for (int i = 0; i < CREAM_MAX_SLICE; i++) image->slice[e][i] = entry->slice[i];
  }
}

void cream_board_image_parts(cream_board_image *image, cream_state *state) {
  const struct {
    const char *name;
    cream_state_kind kind;
    void *values;
    size_t count;
  } fields[] = {
      {"board.count", CREAM_STATE_U64, &image->count, 1},
      {"board.score", CREAM_STATE_F64, image->score, CREAM_MAX_BOARD},
      {"board.loss", CREAM_STATE_F64, image->loss, CREAM_MAX_BOARD},
      {"board.flops", CREAM_STATE_F64, image->flops, CREAM_MAX_BOARD},
      {"board.params", CREAM_STATE_F64, image->params, CREAM_MAX_BOARD},
      {"board.step", CREAM_STATE_U64, image->step, CREAM_MAX_BOARD},
      {"board.slot", CREAM_STATE_U64, image->slot, CREAM_MAX_BOARD},
      {"board.path", CREAM_STATE_U64, image->path, sizeof image->path / sizeof(uint64_t)},
      {"board.slice", CREAM_STATE_U64, image->slice, sizeof image->slice / sizeof(uint64_t)},
  };
  for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
    cream_state_add_host(state, fields[i].name, fields[i].kind, fields[i].values, fields[i].count);
}

static bool unpack_entry(const cream_board_image *image, int e, const cream_skeleton *skeleton, int slice,
                         size_t heldout, cream_board *board) {
  cream_board_entry *entry = &board->entries[e];
  *entry = (cream_board_entry){.path.n_layers = skeleton->n_layers,
                               .score = image->score[e],
                               .loss = image->loss[e],
                               .flops = image->flops[e],
                               .params = image->params[e],
                               .step = image->step[e],
                               .slot = (int)image->slot[e]};
  if (image->slot[e] >= (uint64_t)board->capacity) return false;
  for (int before = 0; before < e; before++)
    if (image->slot[before] == image->slot[e]) return false;
  for (int l = 0; l < skeleton->n_layers; l++) {
    if (image->path[e][l] >= (uint64_t)skeleton->layers[l].n_options) return false;
    entry->path.choice[l] = (uint8_t)image->path[e][l];
  }
  for (int i = 0; i < slice; i++) {
    if (image->slice[e][i] >= heldout) return false;
    entry->slice[i] = (uint32_t)image->slice[e][i];
  }
  return true;
}

cream_status cream_board_unpack(cream_board *board, const cream_board_image *image,
                                const cream_skeleton *skeleton, int slice, size_t heldout, cream_error *err) {
  cream_board unpacked = {.capacity = board->capacity, .gap = board->gap};
  if (image->count > (uint64_t)board->capacity)
    return cream_fail(err, CREAM_BAD_DATA, "a board of %llu entries, expected at most %d",
                      (unsigned long long)image->count, board->capacity);
  unpacked.count = (int)image->count;
  for (int e = 0; e < unpacked.count; e++)
    if (!unpack_entry(image, e, skeleton, slice, heldout, &unpacked))
      return cream_fail(err, CREAM_BAD_DATA,
                        "entry %d of the board has a slot, choice or image that does not exist", e + 1);
  *board = unpacked;
  return CREAM_OK;
}
