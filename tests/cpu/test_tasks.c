/* Tasks of a parallel region: each is handed out once, to the thread whose part it is if that comes in
 * time.
 */
#include "cpu/tasks.h"

#include <omp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { THREADS = 4, MOST = 1000 };

static cpu_backend open_backend(void) {
  cpu_backend cpu = {.threads = THREADS, .ranges = cpu_tasks_create(THREADS)};
  assert_non_null(cpu.ranges);
  return cpu;
}

/* A thread alone does its own part in order, then the others' from their ends. */
static void test_order(void **state) {
  (void)state;
  cpu_backend cpu = open_backend();
  const size_t expected[] = {5, 6, 9, 8, 7, 1, 0, 4, 3, 2}; /* parts 0-1, 2-4, 5-6, 7-9 */
  cpu_tasks_begin(&cpu, 10);
  size_t task;
  for (int i = 0; i < 10; i++) {
    assert_true(cpu_tasks_next(&cpu, 2, &task));
    assert_int_equal(task, expected[i]);
  }
  for (int thread = 0; thread < THREADS; thread++) assert_false(cpu_tasks_next(&cpu, thread, &task));
  free(cpu.ranges);
}

/* Every thread's first task is the first of its part, for any number of tasks. */
static void test_parts(void **state) {
  (void)state;
  cpu_backend cpu = open_backend();
  for (size_t count = THREADS; count < 50; count++) {
    cpu_tasks_begin(&cpu, count);
    for (size_t thread = 0; thread < THREADS; thread++) {
      size_t task;
      assert_true(cpu_tasks_next(&cpu, (int)thread, &task));
      assert_int_equal(task, count * thread / THREADS);
    }
  }
  free(cpu.ranges);
}

/* With all threads, and with fewer threads than parts: every task comes exactly once. */
static void test_each_once(void **state) {
  (void)state;
  cpu_backend cpu = open_backend();
  for (int threads = 1; threads <= THREADS; threads++)
    for (size_t count = 0; count <= MOST; count = 3 * count + 1) {
      int taken[MOST + 1] = {0};
      cpu_tasks_begin(&cpu, count);
#pragma omp parallel num_threads(threads)
      for (size_t task; cpu_tasks_next(&cpu, omp_get_thread_num(), &task);) {
#pragma omp atomic
        taken[task]++;
      }
      for (size_t i = 0; i <= MOST; i++) assert_int_equal(taken[i], i < count);
    }
  free(cpu.ranges);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_order),
      cmocka_unit_test(test_parts),
      cmocka_unit_test(test_each_once),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
