#include "board.h"

#include "core/train/evaluate.h"

#include <math.h>

void cream_board_init(cream_board *board, int capacity, double gap) {
  CREAM_ASSERT(capacity >= 1 && capacity <= CREAM_MAX_BOARD);
  *board = (cream_board){.capacity = capacity, .rule = CREAM_BOARD_GAP, .gap = gap};
}

static cream_score score_of(const cream_board_entry *entry) {
  return (cream_score){.top1 = entry->score, .loss = entry->loss};
}

/* Whether p is placed before q. */
static bool precedes(const cream_board *board, const cream_board_entry *p, const cream_board_entry *q) {
  const cream_score p_score = score_of(p), q_score = score_of(q);
  int order = cream_score_order(board->order, &p_score, p->flops, &q_score, q->flops);
  if (!order) order = (p->step > q->step) - (p->step < q->step);
  return order ? order < 0 : p->slot < q->slot;
}

void cream_board_sort(cream_board *board) {
  for (int i = 1; i < board->count; i++) {
    const cream_board_entry entry = board->entries[i];
    int at = i;
    for (; at > 0 && precedes(board, &entry, &board->entries[at - 1]); at--)
      board->entries[at] = board->entries[at - 1];
    board->entries[at] = entry;
  }
}

/* Whether p does better than q in what the board is ordered by. */
static bool is_better(const cream_board *board, const cream_board_entry *p, const cream_board_entry *q) {
  const cream_score p_score = score_of(p), q_score = score_of(q);
  return cream_score_demerit(board->order, &p_score) < cream_score_demerit(board->order, &q_score);
}

int cream_board_find(const cream_board *board, const cream_path *path) {
  for (int i = 0; i < board->count; i++)
    if (cream_path_equal(&board->entries[i].path, path)) return i;
  return -1;
}

static int free_slot(const cream_board *board) {
  for (int slot = board->first_slot;; slot++) {
    bool used = false;
    for (int i = 0; i < board->count; i++) used |= board->entries[i].slot == slot;
    if (!used) return slot;
  }
}

static int bucket_of(const cream_board *board, double flops) {
  double place = (flops - board->low) / (board->high - board->low) * board->buckets;
  if (!(place > 0)) return 0;
  return place < board->buckets ? (int)place : board->buckets - 1;
}

/* Places of the board before those of a bucket. */
static int share_begin(const cream_board *board, int bucket) {
  return bucket * board->capacity / board->buckets;
}

static int place_in_bucket(const cream_board *board, const cream_board_entry *candidate) {
  int bucket = bucket_of(board, candidate->flops), entries = 0, worst = -1;
  for (int i = 0; i < board->count; i++) {
    if (bucket_of(board, board->entries[i].flops) != bucket) continue;
    worst = i;
    entries++;
  }
  int share = share_begin(board, bucket + 1) - share_begin(board, bucket);
  if (entries < share) return board->count;
  return entries > 0 && is_better(board, candidate, &board->entries[worst]) ? worst : -1;
}

/* gap: score difference by which a candidate with more FLOPs must be better. */
static int place_on_board(const cream_board *board, const cream_board_entry *candidate, double gap) {
  if (board->count < board->capacity) return board->count;
  const cream_board_entry *worst = &board->entries[board->count - 1];
  if (!is_better(board, candidate, worst)) return -1;
  return candidate->flops <= worst->flops || candidate->score - worst->score > gap ? board->count - 1 : -1;
}

/* Index of the entry that a new candidate replaces; `count` if it is added; -1 if it does not enter. */
static int place_for(const cream_board *board, const cream_board_entry *candidate) {
  switch (board->rule) {
  case CREAM_BOARD_PAPER:
    return place_on_board(board, candidate, INFINITY);
  case CREAM_BOARD_GAP:
    return place_on_board(board, candidate, board->gap);
  case CREAM_BOARD_PARETO:
    return place_in_bucket(board, candidate);
  case CREAM_BOARD_COUNT:
    break;
  }
  CREAM_ASSERT(!"unknown board rule");
  return -1;
}

int cream_board_offer(cream_board *board, const cream_board_entry *candidate, bool *entered) {
  *entered = false;
  int at = cream_board_find(board, &candidate->path);
  if (at >= 0) {
    board->entries[at].score = candidate->score;
    board->entries[at].loss = candidate->loss;
  } else {
    at = place_for(board, candidate);
    if (at < 0) return -1;
    int slot = at == board->count ? free_slot(board) : board->entries[at].slot;
    if (at == board->count) board->count++;
    board->entries[at] = *candidate;
    board->entries[at].slot = slot;
    *entered = true;
  }
  cream_board_sort(board);
  return cream_board_find(board, &candidate->path);
}

cream_board_flops cream_board_measure(const cream_board *board) {
  cream_board_flops flops = {0, 0, 0};
  for (int i = 0; i < board->count; i++) {
    double own = board->entries[i].flops;
    flops.mean += own / board->count;
    flops.min = i ? fmin(flops.min, own) : own;
    flops.max = fmax(flops.max, own);
  }
  return flops;
}

void cream_board_count(const cream_board *board, double (*prior)[CREAM_MAX_OPS]) {
  for (int e = 0; e < board->count; e++)
    for (int l = 0; l < board->entries[e].path.n_layers; l++) prior[l][board->entries[e].path.choice[l]] += 1;
}

void cream_board_prior(const cream_board *board, const cream_skeleton *skeleton, double smoothing,
                       double (*prior)[CREAM_MAX_OPS]) {
  for (int l = 0; l < skeleton->n_layers; l++)
    for (int i = 0; i < skeleton->layers[l].n_options; i++) prior[l][i] = smoothing;
  cream_board_count(board, prior);
}
