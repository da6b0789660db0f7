#include "board.h"

#include <math.h>

void cream_board_init(cream_board *board, int capacity, double gap) {
  CREAM_ASSERT(capacity >= 1 && capacity <= CREAM_MAX_BOARD);
  *board = (cream_board){.capacity = capacity, .gap = gap};
}

static int compare(double a, double b) {
  return (a > b) - (a < b);
}

/* Best first; a loss that is no number is worst. */
static int by_rank(const void *a, const void *b) {
  const cream_board_entry *p = a, *q = b;
  int order = compare(q->score, p->score);
  if (!order) order = compare(isfinite(p->loss) ? p->loss : INFINITY, isfinite(q->loss) ? q->loss : INFINITY);
  if (!order) order = compare(p->flops, q->flops);
  if (!order) order = (p->step > q->step) - (p->step < q->step);
  return order ? order : p->slot - q->slot;
}

void cream_board_sort(cream_board *board) {
  qsort(board->entries, (size_t)board->count, sizeof board->entries[0], by_rank);
}

int cream_board_find(const cream_board *board, const cream_path *path) {
  for (int i = 0; i < board->count; i++)
    if (cream_path_equal(&board->entries[i].path, path)) return i;
  return -1;
}

static int free_slot(const cream_board *board) {
  for (int slot = 0;; slot++) {
    bool used = false;
    for (int i = 0; i < board->count; i++) used |= board->entries[i].slot == slot;
    if (!used) return slot;
  }
}

static bool may_replace(const cream_board *board, const cream_board_entry *candidate,
                        const cream_board_entry *worst) {
  double better_by = candidate->score - worst->score;
  return better_by > 0 && (candidate->flops <= worst->flops || better_by > board->gap);
}

int cream_board_offer(cream_board *board, const cream_board_entry *candidate, bool *entered) {
  *entered = false;
  int at = cream_board_find(board, &candidate->path);
  if (at >= 0) {
    board->entries[at].score = candidate->score;
    board->entries[at].loss = candidate->loss;
  } else if (board->count < board->capacity) {
    int slot = free_slot(board);
    at = board->count++;
    board->entries[at] = *candidate;
    board->entries[at].slot = slot;
    *entered = true;
  } else {
    at = board->count - 1;
    if (!may_replace(board, candidate, &board->entries[at])) return -1;
    int slot = board->entries[at].slot;
    board->entries[at] = *candidate;
    board->entries[at].slot = slot;
    *entered = true;
  }
  cream_board_sort(board);
  return cream_board_find(board, &candidate->path);
}

void cream_board_prior(const cream_board *board, const cream_skeleton *skeleton, double smoothing,
                       double (*prior)[CREAM_MAX_OPS]) {
  for (int l = 0; l < skeleton->n_layers; l++) {
    for (int i = 0; i < skeleton->layers[l].n_options; i++) prior[l][i] = smoothing;
    for (int e = 0; e < board->count; e++) prior[l][board->entries[e].path.choice[l]] += 1;
  }
}
