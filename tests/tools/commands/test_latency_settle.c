/* Disturbed measurements are recognised by their numbers, and measured again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

#include "core/base/rng.h"
#include "tools/commands/latency_settle.h"

enum { NETWORKS = 20, ROUNDS = 12, ALL = NETWORKS * ROUNDS };

/* Measurements of networks that take 5 to 10 ms on a quiet machine, with a noise of up to 2 %. */
typedef struct machine {
  double ms[NETWORKS][ROUNDS], predicted[NETWORKS];
  int busy;      /* measures of settle that are disturbed */
  int from_last; /* rounds of such a measure, from the last one, that take half as long again */
  int calls, measured[LATENCY_REPEATS + 3];
  cream_status judged; /* what the judgement returns */
} machine;

static double quiet_ms(int network) {
  return 5 + 5.0 * network / NETWORKS;
}

static double noisy_ms(int network, int round) {
  cream_rng rng = cream_rng_at(1, CREAM_RNG_TEST, (uint64_t)(network * ROUNDS + round));
  return quiet_ms(network) * (1 + 0.02 * cream_rng_double(&rng));
}

static void quiet(machine *m) {
  memset(m, 0, sizeof *m);
  for (int p = 0; p < NETWORKS; p++) {
    m->predicted[p] = quiet_ms(p);
    for (int r = 0; r < ROUNDS; r++) m->ms[p][r] = noisy_ms(p, r);
  }
}

static latency_verdict judged(const machine *m, bool *again) {
  const latency_series series = {NETWORKS, ROUNDS, m->ms[0]};
  latency_verdict verdict;
  cream_error err;
  memset(again, false, ALL);
  assert_int_equal(latency_judge(&series, m->predicted, again, &verdict, &err), CREAM_OK);
  return verdict;
}

static int marked(const bool *again) {
  int n = 0;
  for (int i = 0; i < ALL; i++) n += again[i];
  return n;
}

static void a_quiet_machine(void **state) {
  (void)state;
  static machine m;
  bool again[ALL];
  quiet(&m);
  latency_verdict verdict = judged(&m, again);
  assert_false(verdict.disturbed);
  assert_true(verdict.spread > 0 && verdict.spread < 0.02 && verdict.spearman > 0.99);
  assert_int_equal(marked(again), 0);
  /* single disturbances do not move medians */
  m.ms[3][5] *= 10;
  m.ms[8][0] *= 1.2;
  assert_false(judged(&m, again).disturbed);
  assert_int_equal(marked(again), 2);
  assert_true(again[3 * ROUNDS + 5] && again[8 * ROUNDS]);
}

static void slower_for_most_of_the_time(void **state) {
  (void)state;
  static machine m;
  bool again[ALL];
  quiet(&m);
  for (int p = 0; p < NETWORKS; p++)
    for (int r = 4; r < ROUNDS; r++) m.ms[p][r] *= 1.3;
  for (int p = 0; p < NETWORKS; p++) m.predicted[p] *= 1.3; /* the table was made of the same measurements */
  latency_verdict verdict = judged(&m, again);
  assert_true(verdict.disturbed && verdict.spread > 0.25 && verdict.error < 0.05);
  assert_int_equal(marked(again), NETWORKS * (ROUNDS - 4));
}

static void predictions_that_check_would_refuse(void **state) {
  (void)state;
  static machine m;
  bool again[ALL];
  quiet(&m);
  for (int p = 0; p < NETWORKS; p++) m.predicted[p] *= 1.15;
  assert_true(judged(&m, again).disturbed); /* error */
  assert_int_equal(marked(again), 0);
  for (int p = 0; p < NETWORKS; p++) {
    m.predicted[p] = 5 + 0.04 * (p * 7 % NETWORKS);
    for (int r = 0; r < ROUNDS; r++) m.ms[p][r] = 5 + 0.04 * p;
  }
  latency_verdict verdict = judged(&m, again);
  assert_true(verdict.disturbed && verdict.error < 0.1 && verdict.spearman < 0.95); /* ranks */
  /* ranks of networks that take the same time mean nothing */
  quiet(&m);
  for (int p = 0; p < NETWORKS; p++) {
    m.predicted[p] = 5 + 0.001 * p;
    for (int r = 0; r < ROUNDS; r++) m.ms[p][r] = 5 + 0.001 * ((p * 7 + r) % NETWORKS);
  }
  assert_false(judged(&m, again).disturbed);
}

static void few_rounds(void **state) {
  (void)state;
  const double ms[] = {5, 6, 7, 8, 9, 10}, predicted[] = {5.1, 6.1, 7.1, 8.1, 9.1, 10.1};
  bool again[6] = {false};
  latency_verdict verdict;
  cream_error err;
  latency_series once = {6, 1, ms}, twice = {3, 2, ms};
  assert_int_equal(latency_judge(&once, predicted, again, &verdict, &err), CREAM_OK);
  assert_true(!verdict.disturbed && verdict.spread == 0);
  assert_int_equal(latency_judge(&twice, NULL, again, &verdict, &err), CREAM_OK);
  assert_true(again[1] && again[3] && again[5] && !again[0] && !again[2] && !again[4]);
}

static double clock_s; /* of the tests; each reading takes half a second */
static double now(void) {
  return clock_s += 0.5;
}

/* ---- measuring again --------------------------------------------------------------------------------- */

static cream_status measure(void *self, const bool *again, cream_error *err) {
  machine *m = self;
  (void)err;
  assert_true(m->calls <= LATENCY_REPEATS);
  m->measured[m->calls] = marked(again);
  for (int p = 0; p < NETWORKS; p++)
    for (int r = 0; r < ROUNDS; r++)
      if (again[p * ROUNDS + r])
        m->ms[p][r] = noisy_ms(p, r) * (m->calls < m->busy && r >= ROUNDS - m->from_last ? 1.5 : 1);
  m->calls++;
  return CREAM_OK;
}

static cream_status judge(void *self, bool *again, latency_verdict *verdict, cream_error *err) {
  machine *m = self;
  const latency_series series = {NETWORKS, ROUNDS, m->ms[0]};
  if (m->judged != CREAM_OK) return cream_fail(err, m->judged, "judge");
  return latency_judge(&series, m->predicted, again, verdict, err);
}

static cream_status settle(machine *m, int busy, bool accept, cream_error *err) {
  quiet(m);
  m->busy = busy;
  m->from_last = 8;
  const latency_task task = {m, NETWORKS, ROUNDS, "t.json", "disturbed", accept, 0, now, measure, judge};
  return latency_settle(&task, err);
}

static void what_was_disturbed_is_measured_again(void **state) {
  (void)state;
  static machine m;
  cream_error err;
  assert_int_equal(settle(&m, 0, false, &err), CREAM_OK);
  assert_int_equal(m.calls, 1);
  assert_int_equal(m.measured[0], ALL);
  assert_int_equal(settle(&m, 2, false, &err), CREAM_OK);
  assert_int_equal(m.calls, 3);
  assert_int_equal(m.measured[1], NETWORKS * 8);
  assert_int_equal(m.measured[2], NETWORKS * 8);
}

static void it_ends_where_it_stays_disturbed(void **state) {
  (void)state;
  static machine m;
  cream_error err;
  assert_int_equal(settle(&m, 100, false, &err), CREAM_FAILED);
  assert_int_equal(m.calls, LATENCY_REPEATS + 1);
  assert_non_null(strstr(err.text, "t.json: not written"));
  assert_non_null(strstr(err.text, "--accept-disturbed"));
  assert_int_equal(settle(&m, 100, true, &err), CREAM_OK);
  assert_int_equal(m.calls, LATENCY_REPEATS + 1);
}

static void nothing_marked_means_everything(void **state) {
  (void)state;
  static machine m;
  cream_error err;
  quiet(&m);
  for (int p = 0; p < NETWORKS; p++) m.predicted[p] *= 2;
  const latency_task task = {&m, NETWORKS, ROUNDS, "t.json", "disturbed", true, 0, now, measure, judge};
  assert_int_equal(latency_settle(&task, &err), CREAM_OK);
  for (int i = 0; i <= LATENCY_REPEATS; i++) assert_int_equal(m.measured[i], ALL);
}

static void everything_is_measured_for_the_least_time(void **state) {
  (void)state;
  static machine m;
  cream_error err;
  quiet(&m);
  const latency_task task = {&m, NETWORKS, ROUNDS, "t.json", "disturbed", false, 1.2, now, measure, judge};
  assert_int_equal(latency_settle(&task, &err), CREAM_OK);
  assert_int_equal(m.calls, 3); /* which end after 0.5, 1 and 1.5 s */
  for (int i = 0; i < 3; i++) assert_int_equal(m.measured[i], ALL);
}

static void failures_end_it(void **state) {
  (void)state;
  static machine m;
  cream_error err;
  quiet(&m);
  m.judged = CREAM_BAD_DATA;
  const latency_task task = {&m, NETWORKS, ROUNDS, "t.json", "disturbed", true, 0, now, measure, judge};
  assert_int_equal(latency_settle(&task, &err), CREAM_BAD_DATA);
  assert_int_equal(m.calls, 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_quiet_machine),
      cmocka_unit_test(slower_for_most_of_the_time),
      cmocka_unit_test(predictions_that_check_would_refuse),
      cmocka_unit_test(few_rounds),
      cmocka_unit_test(what_was_disturbed_is_measured_again),
      cmocka_unit_test(it_ends_where_it_stays_disturbed),
      cmocka_unit_test(nothing_marked_means_everything),
      cmocka_unit_test(everything_is_measured_for_the_least_time),
      cmocka_unit_test(failures_end_it),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
