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

/* An exponent of all ones is an infinity or NaN. Blocks of integers, so that the compiler uses vectors. */
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
        return cream_fail(
            err, CREAM_BAD_DATA,
            "step %llu: %s has a value that is not a finite number; no checkpoint of this step is written",
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
