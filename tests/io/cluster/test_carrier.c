/* The carrier on a transport between threads: sums in the tree's order, broadcasts, gathers, messages, failures. */
#include "tests/io/scratch.h"

#include <math.h>
#include <stdatomic.h>

#include "fake.h"
#include "io/cluster/carrier.h"
#include "io/cluster/half.h"

static fake_net net;
static fake_end ends[FAKE_RANKS];
static pthread_mutex_t reports = PTHREAD_MUTEX_INITIALIZER;
static char reported[600];
static int n_reports;

static void on_report(void *self, const char *line) {
  (void)self;
  pthread_mutex_lock(&reports);
  snprintf(reported, sizeof reported, "%s", line);
  n_reports++;
  pthread_mutex_unlock(&reports);
}

typedef cream_status rank_body(cream_carrier *, cream_cluster *, cream_error *);
typedef struct worker {
  int rank;
  double timeout;
  rank_body *body;
  cream_status status; /* of cream_carrier_end */
} worker;

static void *work(void *self) {
  worker *w = self;
  const cream_carrier_options options = {&ends[w->rank].transport, w->timeout, on_report, NULL, 0.5};
  cream_carrier *carrier;
  cream_error err = {CREAM_OK, ""};
  if (cream_carrier_open(&options, &carrier, &err) != CREAM_OK) return NULL;
  cream_status status = w->body(carrier, cream_carrier_cluster(carrier), &err);
  w->status = cream_carrier_end(carrier, status, &err);
  cream_carrier_destroy(carrier);
  return NULL;
}

static worker workers[FAKE_RANKS];

static void run_ranks(int ranks, double timeout, rank_body *body) {
  pthread_t threads[FAKE_RANKS];
  fake_connect(&net, ends, ranks);
  reported[0] = '\0';
  n_reports = 0;
  for (int r = 0; r < ranks; r++) {
    workers[r] = (worker){r, timeout, body, CREAM_BAD_DATA};
    assert_int_equal(pthread_create(&threads[r], NULL, work, &workers[r]), 0);
  }
  for (int r = 0; r < ranks; r++) pthread_join(threads[r], NULL);
  fake_disconnect(&net);
}

static void run_well(int ranks, rank_body *body) {
  run_ranks(ranks, 30, body);
  for (int r = 0; r < ranks; r++) assert_int_equal(workers[r].status, CREAM_OK);
  assert_int_equal(n_reports, 0);
  assert_int_equal(net.aborted, 0);
}

/* ---- sums ---------------------------------------------------------------------------------------------- */

enum { MOST = 5000 };

/* Value i of a rank: signs and sizes that make the order of a sum visible. */
static float value_of(int rank, size_t i) {
  unsigned h = (unsigned)rank * 2654435761u + (unsigned)i * 40503u + 977u;
  h ^= h >> 13, h *= 0x5bd1e995u, h ^= h >> 15;
  return ldexpf((float)(int)(h & 0xffff) - 32768.0f, (int)(h >> 20 & 15) - 20);
}

static float tree(int first, int ranks, size_t i) {
  return ranks == 1 ? value_of(first, i) : tree(first, ranks / 2, i) + tree(first + ranks / 2, ranks / 2, i);
}

static cream_status sum_many(cream_carrier *carrier, cream_cluster *cluster, cream_error *err) {
  static const size_t counts[] = {1, 3, 17, 1024, 1025, 4099, MOST};
  enum { N = sizeof counts / sizeof *counts };
  static float values[FAKE_RANKS][N][MOST];
  (void)carrier;
  cream_status status = CREAM_OK;
  for (int n = 0; n < N && status == CREAM_OK; n++) {
    float *own = values[cluster->rank][n];
    for (size_t i = 0; i < counts[n]; i++) own[i] = value_of(cluster->rank, i);
    status = cluster->sum_begin(cluster, own, counts[n], false, err);
  }
  if (status == CREAM_OK) status = cluster->wait(cluster, err);
  for (int n = 0; n < N && status == CREAM_OK; n++)
    for (size_t i = 0; i < counts[n]; i++)
      if (values[cluster->rank][n][i] != tree(0, cluster->size, i))
        return cream_fail(err, CREAM_FAILED, "sum %d of %zu values: value %zu is wrong", n, counts[n], i);
  return status;
}

static void test_sums(void **state) {
  (void)state;
  for (int ranks = 1; ranks <= FAKE_RANKS; ranks *= 2) run_well(ranks, sum_many);
}

/* More sums than the queue holds are begun at once. */
static cream_status sum_often(cream_carrier *carrier, cream_cluster *cluster, cream_error *err) {
  static float values[FAKE_RANKS][200];
  (void)carrier;
  float *own = values[cluster->rank];
  for (int i = 0; i < 200; i++) own[i] = (float)(i + cluster->rank);
  for (int i = 0; i < 200; i++)
    if (cluster->sum_begin(cluster, &own[i], 1, false, err) != CREAM_OK) return err->status;
  cream_status status = cluster->wait(cluster, err);
  for (int i = 0; i < 200 && status == CREAM_OK; i++)
    if (own[i] != (float)(cluster->size * i + cluster->size * (cluster->size - 1) / 2))
      return cream_fail(err, CREAM_FAILED, "sum %d is wrong", i);
  return status;
}

static void test_many_sums(void **state) {
  (void)state;
  run_well(4, sum_often);
}

/* In half precision all ranks have the same bytes, close to those of the sum; small gradients too. */
static float half_sums[FAKE_RANKS][MOST];
static cream_status sum_half(cream_carrier *carrier, cream_cluster *cluster, cream_error *err) {
  (void)carrier;
  float *own = half_sums[cluster->rank];
  for (size_t i = 0; i < MOST; i++) own[i] = 1e-9f * (1 + fabsf(value_of(cluster->rank, i)));
  cream_status status = cluster->sum_begin(cluster, own, MOST, true, err);
  return status == CREAM_OK ? cluster->wait(cluster, err) : status;
}

static void test_half_sums(void **state) {
  (void)state;
  for (int ranks = 2; ranks <= 8; ranks *= 2) {
    run_well(ranks, sum_half);
    float largest = 0;
    for (size_t i = 0; i < MOST; i++) largest = fmaxf(largest, half_sums[0][i]);
    for (size_t i = 0; i < MOST; i++) {
      double exact = 0;
      for (int r = 0; r < ranks; r++) exact += 1e-9 * (1 + fabs((double)value_of(r, i)));
      assert_true(fabs(half_sums[0][i] - exact) <= 0.004 * exact + 1e-6 * (double)largest);
      for (int r = 1; r < ranks; r++) assert_memory_equal(&half_sums[0][i], &half_sums[r][i], 4);
    }
  }
}

/* 11 bits are kept, at any size; what is not finite stays so. */
static void test_half(void **state) {
  (void)state;
  static float values[3000], back[3000];
  static uint16_t packed[3003];
  assert_int_equal(cream_half_size(3000), 3003);
  assert_int_equal(cream_half_size(1024), 1025);
  assert_int_equal(cream_half_size(0), 0);
  for (int exponent = -140; exponent <= 120; exponent += 20) {
    for (int i = 0; i < 3000; i++) values[i] = ldexpf((float)(i % 1000 + 1001), exponent - 10);
    cream_half_pack(values, 3000, packed);
    cream_half_unpack(packed, 3000, back);
    for (int i = 0; i < 3000; i++) assert_true(values[i] == back[i]); /* at most 11 bits */
    cream_half_add(packed, 3000, back);
    for (int i = 0; i < 3000; i++) assert_true(2 * values[i] == back[i]);
  }
  const float special[] = {0, -0.0f, INFINITY, -INFINITY, NAN, 1, -1, 1 + 0x1p-11f, 1 + 0x1.8p-11f, 0x1p-30f};
  const float expected[] = {0, -0.0f, INFINITY, -INFINITY, NAN, 1, -1, 1, 1 + 0x1p-10f, 0x1p-30f};
  cream_half_pack(special, 10, packed);
  cream_half_unpack(packed, 10, back);
  for (int i = 0; i < 10; i++)
    assert_true(isnan(expected[i]) ? isnan(back[i]) : memcmp(&back[i], &expected[i], 4) == 0);
}

/* ---- bytes --------------------------------------------------------------------------------------------- */

static cream_status share(cream_carrier *carrier, cream_cluster *cluster, cream_error *err) {
  char word[40] = "", all[FAKE_RANKS][3];
  const char own[3] = {(char)('a' + cluster->rank), 'x', 'y'};
  if (cluster->rank == 0) strcpy(word, "the path that rank 0 has chosen");
  cream_status status = cluster->broadcast(cluster, word, sizeof word, err);
  if (status == CREAM_OK && strcmp(word, "the path that rank 0 has chosen") != 0)
    return cream_fail(err, CREAM_FAILED, "broadcast: got \"%s\"", word);
  if (status == CREAM_OK) status = cream_cluster_gather(cluster, own, sizeof own, all, err);
  for (int r = 0; r < cluster->size && status == CREAM_OK; r++)
    if (all[r][0] != 'a' + r || all[r][2] != 'y')
      return cream_fail(err, CREAM_FAILED, "gather: rank %d has %c", r, all[r][0]);
  if (cluster->size > 1 && !*cream_carrier_host(carrier, cluster->size - 1))
    return cream_fail(err, CREAM_FAILED, "no name of a host");
  return status;
}

static void test_bytes(void **state) {
  (void)state;
  for (int ranks = 1; ranks <= 6; ranks++) run_well(ranks, share);
  run_well(16, share);
}

enum { JOBS = 40 };
static int taken_by[FAKE_RANKS][JOBS], slow_rank;

/* A rank whose first job ends only after all others have been taken, and ranks that take as many as they can. */
static cream_status jobs(cream_carrier *carrier, cream_cluster *cluster, cream_error *err) {
  static atomic_int left;
  uint64_t job = 0;
  char all[FAKE_RANKS];
  const char own = 0;
  (void)carrier;
  if (cluster->rank == 0) atomic_store(&left, JOBS);
  memset(taken_by[cluster->rank], 0, sizeof *taken_by);
  cream_status status = cream_cluster_gather(cluster, &own, 1, all, err);
  while (status == CREAM_OK) {
    status = cluster->take(cluster, &job, err);
    if (status != CREAM_OK || job >= JOBS) break;
    taken_by[cluster->rank][job]++;
    atomic_fetch_sub(&left, 1);
    while (cluster->rank == slow_rank && atomic_load(&left) > 0) usleep(100);
  }
  return status == CREAM_OK ? cream_cluster_gather(cluster, &own, 1, all, err) : status;
}

static void test_jobs(void **state) {
  (void)state;
  for (slow_rank = 0; slow_rank < 4; slow_rank += 3) {
    run_well(4, jobs);
    for (int job = 0; job < JOBS; job++) {
      int times = 0;
      for (int r = 0; r < 4; r++) times += taken_by[r][job];
      assert_int_equal(times, 1);
    }
    int slow = 0;
    for (int job = 0; job < JOBS; job++) slow += taken_by[slow_rank][job];
    assert_true(slow <= 1);
  }
}

/* ---- failures ------------------------------------------------------------------------------------------ */

/* Waits until the processes would have been ended. */
static void wait_for_abort(void) {
  for (bool over = false; !over; usleep(10000)) {
    pthread_mutex_lock(&net.lock);
    over = net.aborted != 0;
    pthread_mutex_unlock(&net.lock);
  }
}

static cream_status endless(cream_cluster *cluster, cream_error *err) {
  static float values[FAKE_RANKS][2000];
  for (;;) {
    cream_status status = cluster->sum_begin(cluster, values[cluster->rank], 2000, false, err);
    if (status == CREAM_OK) status = cluster->wait(cluster, err);
    if (status != CREAM_OK) return status;
  }
}

static cream_status one_fails(cream_carrier *carrier, cream_cluster *cluster, cream_error *err) {
  (void)carrier;
  if (cluster->rank == 2) return cream_fail(err, CREAM_BAD_DATA, "train/7.jpg: cannot be read");
  return endless(cluster, err);
}

static void test_failure(void **state) {
  (void)state;
  run_ranks(4, 30, one_fails);
  for (int r = 0; r < 4; r++) assert_int_equal(workers[r].status, CREAM_BAD_DATA);
  assert_int_equal(net.aborted, CREAM_BAD_DATA);
  assert_int_equal(net.aborted_by, 0);
  assert_text_contains(reported, "rank 2 (");
  assert_text_contains(reported, "): train/7.jpg: cannot be read");
}

static cream_status all_fail(cream_carrier *carrier, cream_cluster *cluster, cream_error *err) {
  (void)carrier, (void)cluster;
  return cream_fail(err, CREAM_BAD_CONFIG, "--epochs: got -1");
}

static void test_common_failure(void **state) {
  (void)state;
  run_ranks(4, 30, all_fail);
  assert_int_equal(net.aborted, CREAM_BAD_CONFIG);
  assert_int_equal(net.aborted_by, 0);
}

/* Rank 0 computes for too long to notice that another rank has failed. */
static cream_status busy_rank_0(cream_carrier *carrier, cream_cluster *cluster, cream_error *err) {
  (void)carrier;
  if (cluster->rank == 1) return cream_fail(err, CREAM_FAILED, "the disk is full");
  if (cluster->rank == 0) {
    wait_for_abort();
    return CREAM_OK;
  }
  return endless(cluster, err);
}

static void test_busy(void **state) {
  (void)state;
  run_ranks(4, 30, busy_rank_0);
  assert_int_equal(net.aborted, CREAM_FAILED);
  assert_text_contains(reported, "rank 1 (");
  assert_text_contains(reported, "the disk is full");
}

static pthread_barrier_t meeting;

static cream_status one_hangs(cream_carrier *carrier, cream_cluster *cluster, cream_error *err) {
  static float values[FAKE_RANKS][2000];
  cream_status status = CREAM_OK;
  if (cluster->rank != 3) status = cluster->sum_begin(cluster, values[cluster->rank], 2000, false, err);
  pthread_barrier_wait(&meeting);
  if (cluster->rank == 0) cream_carrier_set_timeout(carrier, 0.1);
  if (cluster->rank == 3) wait_for_abort();
  return status == CREAM_OK && cluster->rank != 3 ? cluster->wait(cluster, err) : status;
}

/* The line names the rank that computes, and only that one. */
static void test_timeout(void **state) {
  (void)state;
  pthread_barrier_init(&meeting, NULL, 8);
  run_ranks(8, 300, one_hangs);
  assert_int_equal(net.aborted, CREAM_FAILED);
  assert_text_contains(reported, "rank 0 (");
  assert_text_contains(reported, "cluster.timeout: 0.1 s without a message; did not arrive: rank 3 (");
  assert_null(strstr(reported, "does not answer"));
  char *list = strstr(reported, "did not arrive");
  *strchr(list, ';') = '\0';
  assert_null(strchr(list, ','));
  pthread_barrier_destroy(&meeting);
}

/* A rank whose messages are lost is named too. */
static cream_status one_is_cut_off(cream_carrier *carrier, cream_cluster *cluster, cream_error *err) {
  pthread_barrier_wait(&meeting);
  if (cluster->rank == 1) {
    pthread_mutex_lock(&net.lock);
    net.mute = 1;
    pthread_mutex_unlock(&net.lock);
  }
  pthread_barrier_wait(&meeting);
  cream_carrier_set_timeout(carrier, 0.1);
  return endless(cluster, err);
}

static void test_cut_off(void **state) {
  (void)state;
  pthread_barrier_init(&meeting, NULL, 2);
  run_ranks(2, 300, one_is_cut_off);
  assert_int_equal(net.aborted, CREAM_FAILED);
  assert_text_contains(reported, "which does not answer");
  pthread_barrier_destroy(&meeting);
}

static cream_status interrupted(cream_carrier *carrier, cream_cluster *cluster, cream_error *err) {
  (void)carrier, (void)cluster;
  return cream_fail(err, CREAM_INTERRUPTED, "interrupted");
}

static void test_interruption(void **state) {
  (void)state;
  run_ranks(4, 30, interrupted);
  for (int r = 0; r < 4; r++) assert_int_equal(workers[r].status, CREAM_INTERRUPTED);
  assert_int_equal(net.aborted, 0);
  assert_int_equal(n_reports, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_half),      cmocka_unit_test(test_sums),
      cmocka_unit_test(test_many_sums), cmocka_unit_test(test_half_sums),
      cmocka_unit_test(test_bytes),     cmocka_unit_test(test_jobs),
      cmocka_unit_test(test_failure),   cmocka_unit_test(test_common_failure),
      cmocka_unit_test(test_busy),      cmocka_unit_test(test_timeout),
      cmocka_unit_test(test_cut_off),   cmocka_unit_test(test_interruption),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
