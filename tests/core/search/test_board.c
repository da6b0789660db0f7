/* The rules of the board (docs/method.md, section 2, step 6). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>

#include "core/search/board.h"

static cream_board_entry entry(int id, double score, double flops) {
  cream_board_entry e = {.path = {.n_layers = 2, .choice = {(uint8_t)id, (uint8_t)(id / 7)}},
                         .score = score,
                         .loss = 1 - score,
                         .flops = flops,
                         .step = (uint64_t)id};
  return e;
}

static int offer(cream_board *board, int id, double score, double flops, bool *entered) {
  cream_board_entry e = entry(id, score, flops);
  return cream_board_offer(board, &e, entered);
}

static void full_board(cream_board *board) {
  bool entered;
  cream_board_init(board, 3, 0.05);
  offer(board, 1, 0.5, 100, &entered);
  offer(board, 2, 0.7, 100, &entered);
  offer(board, 3, 0.6, 100, &entered);
  assert_true(entered);
}

static void test_fills_and_sorts(void **state) {
  (void)state;
  cream_board board;
  full_board(&board);
  assert_int_equal(board.count, 3);
  assert_int_equal(board.entries[0].step, 2);
  assert_int_equal(board.entries[1].step, 3);
  assert_int_equal(board.entries[2].step, 1);
}

static void test_replacement_rule(void **state) {
  (void)state;
  const struct {
    double score, flops;
    bool enters;
  } cases[] = {
      {0.51, 100, true},                     /* better, no larger */
      {0.51, 99, true},  {0.5, 50, false},   /* equal is not higher */
      {0.49, 1, false},  {0.54, 101, false}, /* larger, within the gap */
      {0.56, 101, true},                     /* larger, beyond the gap */
      {0.56, 1e9, true},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    cream_board board;
    bool entered;
    full_board(&board);
    int slot = board.entries[2].slot;
    int at = offer(&board, 9, cases[i].score, cases[i].flops, &entered);
    assert_int_equal(entered, cases[i].enters);
    assert_int_equal(board.count, 3);
    if (entered) {
      assert_int_equal(at, 2);
      assert_int_equal(board.entries[at].slot, slot);
      assert_int_equal(board.entries[at].step, 9);
    } else {
      assert_int_equal(at, -1);
    }
  }
}

/* A better, no larger path enters under every rule; a larger one, better by more than the gap, under one rule. */
static void test_the_papers_rule_has_no_gap(void **state) {
  (void)state;
  const struct {
    double score, flops;
    bool enters;
  } cases[] = {{0.51, 100, true}, {0.51, 99, true}, {0.5, 50, false}, {0.9, 101, false}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    cream_board board;
    bool entered;
    full_board(&board);
    board.rule = CREAM_BOARD_PAPER;
    offer(&board, 9, cases[i].score, cases[i].flops, &entered);
    assert_int_equal(entered, cases[i].enters);
  }
}

/* 5 places in buckets [0,100), [100,200), [200,300]: 1, 2 and 2. */
static void test_pareto_keeps_every_size(void **state) {
  (void)state;
  cream_board board;
  bool entered;
  cream_board_init(&board, 5, 0.05);
  board.rule = CREAM_BOARD_PARETO;
  board.buckets = 3;
  board.high = 300;
  const struct {
    int id;
    double score, flops;
    int at; /* -1: does not enter */
  } offers[] = {
      {1, 0.50, 10, 0},    {2, 0.40, 20, -1}, /* its bucket is full and has a better one */
      {3, 0.60, 99, 0},                       /* replaces 1: better, larger, no gap needed */
      {4, 0.10, 250, 1},   {5, 0.05, 300, 2}, /* a large path enters whatever the scores of small ones */
      {6, 0.04, 299, -1},  {7, 0.20, 1e9, 1}, /* beyond the end: the last bucket; replaces 5 */
      {8, 0.99, -5, 0},                       /* before the beginning: the first; replaces 3 */
      {9, 0.15, 100, 2},   {10, 0.16, 199, 2}, {11, 0.16, 150, 2}, /* replaces 9 */
      {12, 0.16, 101, -1},                                         /* equal is not better */
  };
  for (size_t i = 0; i < sizeof offers / sizeof *offers; i++) {
    int at = offer(&board, offers[i].id, offers[i].score, offers[i].flops, &entered);
    if (at != offers[i].at) fail_msg("offer %d: at %d, expected %d", offers[i].id, at, offers[i].at);
    assert_int_equal(entered, offers[i].at >= 0);
  }
  assert_int_equal(board.count, 5);
  unsigned used = 0;
  for (int e = 0; e < board.count; e++) used |= 1u << board.entries[e].slot;
  assert_int_equal(used, 31);
  cream_board_flops flops = cream_board_measure(&board);
  assert_true(fabs(flops.mean - (-5 + 1e9 + 250 + 199 + 150) / 5) < 1 && flops.min == -5 && flops.max == 1e9);
}

/* Accuracy and loss disagree: the order says which decides; the gap is of accuracy in both. */
static void test_orders(void **state) {
  (void)state;
  const struct {
    double score, loss, flops;
    bool enters[CREAM_ORDER_COUNT];
  } cases[] = {
      {0.40, 0.45, 100, {false, true}}, /* only the loss is better */
      {0.60, 0.55, 100, {true, false}}, /* only the accuracy */
      {0.51, 0.45, 101, {false, false}}, {0.60, 0.45, 101, {true, true}},
      {0.60, NAN, 100, {true, false}},   {0.40, 0.45, 101, {false, false}},
  };
  for (int order = 0; order < CREAM_ORDER_COUNT; order++)
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
      cream_board board;
      bool entered;
      full_board(&board);
      board.order = (cream_order)order;
      cream_board_entry candidate = entry(9, cases[i].score, cases[i].flops);
      candidate.loss = cases[i].loss;
      cream_board_offer(&board, &candidate, &entered);
      if (entered != cases[i].enters[order]) fail_msg("order %d, case %zu: %d", order, i, entered);
    }
}

static void test_order_by_loss_sorts(void **state) {
  (void)state;
  cream_board board;
  bool entered;
  const double losses[] = {NAN, 0.3, 0.1, 0.2}; /* scores rise */
  const int expected[] = {2, 3, 1, 0};
  cream_board_init(&board, 4, 0.05);
  board.order = CREAM_ORDER_LOSS;
  for (int i = 0; i < 4; i++) {
    cream_board_entry candidate = entry(i, 0.1 * i, 100);
    candidate.loss = losses[i];
    cream_board_offer(&board, &candidate, &entered);
  }
  for (int i = 0; i < 4; i++) assert_int_equal(board.entries[i].step, expected[i]);
  /* Any loss is better than one that is not finite. */
  cream_board_entry candidate = entry(5, 0, 100);
  candidate.loss = 7;
  assert_int_equal(cream_board_offer(&board, &candidate, &entered), 3);
  /* A bucket is ordered in the same way. */
  board.rule = CREAM_BOARD_PARETO;
  board.buckets = 1;
  board.high = 300;
  candidate = entry(6, 1, 200);
  candidate.loss = 8;
  assert_int_equal(cream_board_offer(&board, &candidate, &entered), -1);
  candidate.loss = 0.15;
  assert_int_equal(cream_board_offer(&board, &candidate, &entered), 1);
}

static void test_duplicates_are_merged(void **state) {
  (void)state;
  cream_board board;
  bool entered;
  full_board(&board);
  int at = offer(&board, 1, 0.9, 100, &entered);
  assert_false(entered);
  assert_int_equal(at, 0);
  assert_int_equal(board.count, 3);
  assert_true(board.entries[0].score == 0.9);
  /* the new score of an entry may be lower */
  at = offer(&board, 1, 0.1, 100, &entered);
  assert_int_equal(at, 2);
}

static void test_equal_scores_are_ordered(void **state) {
  (void)state;
  cream_board board;
  bool entered;
  cream_board_init(&board, 4, 0.05);
  offer(&board, 4, 0.5, 300, &entered);
  offer(&board, 3, 0.5, 200, &entered);
  offer(&board, 2, 0.5, 200, &entered);
  cream_board_entry no_loss = entry(1, 0.5, 1);
  no_loss.loss = NAN;
  cream_board_offer(&board, &no_loss, &entered);
  assert_int_equal(board.entries[0].step, 2);
  assert_int_equal(board.entries[1].step, 3);
  assert_int_equal(board.entries[2].step, 4);
  assert_int_equal(board.entries[3].step, 1);
}

static void test_slots_are_dense(void **state) {
  (void)state;
  cream_board board;
  bool entered;
  cream_board_init(&board, 5, 0.05);
  for (int i = 0; i < 60; i++) {
    offer(&board, i, (i * 37 % 60) / 60.0, 100 - i, &entered);
    unsigned used = 0;
    for (int e = 0; e < board.count; e++) used |= 1u << board.entries[e].slot;
    assert_int_equal(used, (1u << board.count) - 1);
  }
}

static void test_prior_counts_choices(void **state) {
  (void)state;
  cream_skeleton skeleton = {.n_layers = 2};
  skeleton.layers[0].n_options = 7;
  skeleton.layers[1].n_options = 2;
  cream_board board;
  bool entered;
  double prior[CREAM_MAX_LAYERS][CREAM_MAX_OPS];
  cream_board_init(&board, 3, 0.05);
  offer(&board, 5, 0.5, 1, &entered);
  offer(&board, 6, 0.5, 1, &entered);
  cream_board_prior(&board, &skeleton, 0.5, prior);
  assert_true(prior[0][4] == 0.5 && prior[0][5] == 1.5 && prior[0][6] == 1.5);
  assert_true(prior[1][0] == 2.5 && prior[1][1] == 0.5);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_fills_and_sorts),
      cmocka_unit_test(test_replacement_rule),
      cmocka_unit_test(test_the_papers_rule_has_no_gap),
      cmocka_unit_test(test_pareto_keeps_every_size),
      cmocka_unit_test(test_orders),
      cmocka_unit_test(test_order_by_loss_sorts),
      cmocka_unit_test(test_duplicates_are_merged),
      cmocka_unit_test(test_equal_scores_are_ordered),
      cmocka_unit_test(test_slots_are_dense),
      cmocka_unit_test(test_prior_counts_choices),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
