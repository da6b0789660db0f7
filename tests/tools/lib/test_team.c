/* The library's threads (tools/lib/team.c), which are linked into this program in place of libgomp's. */
#define _GNU_SOURCE /* RUSAGE_THREAD */
#include <omp.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum { MOST = 5, ROUNDS = 300 };

/* Whether all threads 0..threads-1 of a region ran once, and saw after the barrier what the others had written before it. */
static int region_is_right(int threads) {
  int ran[MOST] = {0}, seen[MOST] = {0}, sizes = 0;
#pragma omp parallel num_threads(threads)
  {
    const int me = omp_get_thread_num();
    ran[me]++;
#pragma omp barrier
    for (int i = 0; i < omp_get_num_threads(); i++) seen[me] += ran[i];
    __atomic_fetch_add(&sizes, omp_get_num_threads(), __ATOMIC_RELAXED);
#pragma omp barrier
    ran[me] += seen[me];
  }
  int right = sizes == threads * threads;
  for (int i = 0; i < threads; i++) right = right && ran[i] == 1 + threads;
  return right && omp_get_num_threads() == 1 && omp_get_thread_num() == 0;
}

static void *run_regions(void *unused) {
  (void)unused;
  for (int i = 0; i < ROUNDS; i++)
    if (!region_is_right(1 + (i * 7) % MOST)) return (void *)1;
  return NULL;
}

static void test_regions_of_all_sizes(void **state) {
  (void)state;
  assert_null(run_regions(NULL));
}

static void test_loops_cover_all_items(void **state) {
  (void)state;
  for (int threads = 1; threads <= MOST; threads++) {
    uint8_t items[1000] = {0};
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int i = 0; i < 1000; i++) items[i]++;
    for (int i = 0; i < 1000; i++) assert_int_equal(items[i], 1);
  }
}

static void test_each_thread_has_a_team(void **state) {
  (void)state;
  pthread_t threads[3];
  void *wrong;
  for (int i = 0; i < 3; i++) assert_int_equal(pthread_create(&threads[i], NULL, run_regions, NULL), 0);
  for (int i = 0; i < 3; i++) {
    assert_int_equal(pthread_join(threads[i], &wrong), 0);
    assert_null(wrong);
  }
}

static void test_inner_regions_run_alone(void **state) {
  (void)state;
  int inner = 0;
#pragma omp parallel num_threads(3)
  {
    const int me = omp_get_thread_num();
#pragma omp parallel num_threads(2)
    {
      __atomic_fetch_add(&inner, omp_get_num_threads() + omp_get_thread_num(), __ATOMIC_RELAXED);
#pragma omp barrier
    }
    if (omp_get_thread_num() != me || omp_get_num_threads() != 3) inner += 100;
  }
  assert_int_equal(inner, 3);
}

static void test_child_of_fork(void **state) {
  (void)state;
  assert_true(region_is_right(3));
  const pid_t child = fork();
  if (child == 0) _exit(run_regions(NULL) != NULL);
  int status;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  assert_true(region_is_right(3));
}

/* A thread that has to wait for long sleeps. */
static void test_waiting_threads_sleep(void **state) {
  (void)state;
  long slept = 0;
  for (int i = 0; i < 5; i++) {
#pragma omp parallel num_threads(2)
    {
      struct rusage before, after;
      if (omp_get_thread_num() == 0) nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
      getrusage(RUSAGE_THREAD, &before);
#pragma omp barrier
      getrusage(RUSAGE_THREAD, &after);
      if (omp_get_thread_num() == 1) slept += after.ru_nvcsw - before.ru_nvcsw;
    }
  }
  assert_true(slept > 0);
}

/* The first thread does the parts of those that sleep, and does not wait until they wake. */
static void test_others_may_sleep(void **state) {
  (void)state;
  enum { PARTS = 4, TRIES = 10000 };
  int ran[PARTS] = {0}, by_first = 0, tries = 0;
  const pthread_t first = pthread_self();
  for (; by_first == 0 && tries < TRIES; tries++) {
    assert_true(region_is_right(PARTS)); /* the threads exist */
    usleep(1000);
#pragma omp parallel num_threads(PARTS)
    {
      const int me = omp_get_thread_num();
      ran[me]++;
      if (me && pthread_equal(pthread_self(), first)) by_first++;
    }
  }
  for (int i = 0; i < PARTS; i++) assert_int_equal(ran[i], tries);
  assert_true(by_first > 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_regions_of_all_sizes),   cmocka_unit_test(test_loops_cover_all_items),
      cmocka_unit_test(test_each_thread_has_a_team), cmocka_unit_test(test_inner_regions_run_alone),
      cmocka_unit_test(test_child_of_fork),          cmocka_unit_test(test_waiting_threads_sleep),
      cmocka_unit_test(test_others_may_sleep),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
