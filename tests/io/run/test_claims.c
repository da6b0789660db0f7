#include "tests/io/scratch.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "io/run/claims.h"

enum { JOBS = 40, PROCESSES = 4 };

static cream_claims opened(const char *name) {
  cream_claims claims;
  cream_error error;
  bool gone;
  if (cream_claims_open(&claims, scratch(name), "1/2", CREAM_CLAIM_TIMEOUT, &error))
    fail_msg("%s", error.text);
  assert_int_equal(cream_claims_refresh(&claims, &gone, &error), CREAM_OK);
  assert_false(gone);
  return claims;
}

static bool take(const cream_claims *claims, const char *job, cream_claim *claim) {
  cream_error error;
  bool taken;
  if (cream_claim_take(claims, job, claim, &taken, &error)) fail_msg("%s", error.text);
  return taken;
}

/* The modification time of a file in the scratch folder, in seconds before now. */
static void set_age(const char *name, double seconds) {
  struct timespec times[2];
  clock_gettime(CLOCK_REALTIME, &times[0]);
  times[0].tv_sec -= (time_t)seconds;
  times[1] = times[0];
  assert_int_equal(utimensat(AT_FDCWD, scratch(name), times, 0), 0);
}

static void claim_of_other(const char *name, double age) {
  static const char text[] = "{\"host\": \"elsewhere\", \"pid\": 1, \"boot\": \"another\", \"pids\": \"\"}\n";
  scratch_write(name, text, sizeof text - 1);
  set_age(name, age);
}

static void one_owner(void **state) {
  (void)state;
  const cream_claims claims = opened("one");
  cream_claim claim, again;
  char holder[128] = "";
  assert_false(cream_claims_held(claims.dir, holder, sizeof holder));
  assert_true(take(&claims, "job", &claim));
  assert_false(take(&claims, "job", &again));
  assert_true(cream_claims_held(claims.dir, holder, sizeof holder));
  assert_non_null(strstr(holder, ", process "));
  assert_true(cream_claim_renew(&claims, &claim));
  cream_claim_release(&claims, &claim);
  assert_false(cream_claims_held(claims.dir, holder, sizeof holder));
  assert_true(take(&claims, "job", &again));
  assert_int_equal(again.generation, 2);
  /* The first claim is no longer the last one. */
  assert_false(cream_claim_renew(&claims, &claim));
  cream_claims_remove(claims.dir);
  assert_int_not_equal(access(claims.dir, F_OK), 0);
  cream_claims later = claims;
  cream_error error;
  bool gone;
  assert_int_equal(cream_claims_refresh(&later, &gone, &error), CREAM_OK);
  assert_true(gone);
  assert_false(cream_claims_held(claims.dir, holder, sizeof holder));
}

/* Every job is taken by one of several processes. */
static void many_processes(void **state) {
  (void)state;
  const cream_claims claims = opened("many");
  int taken = 0, ends[2];
  pid_t children[PROCESSES];
  assert_int_equal(pipe(ends), 0);
  for (int p = 0; p < PROCESSES; p++)
    if ((children[p] = fork()) == 0) {
      cream_claim claim;
      char mine = 0;
      for (int j = 0; j < JOBS; j++) {
        char job[32];
        snprintf(job, sizeof job, "job-%d", j);
        mine = (char)(mine + take(&claims, job, &claim));
      }
      if (write(ends[1], &mine, 1) != 1) _exit(1);
      for (;;) pause(); /* while it is alive, its claims hold */
    }
  for (int p = 0; p < PROCESSES; p++) {
    char mine;
    assert_int_equal(read(ends[0], &mine, 1), 1);
    taken += mine;
  }
  for (int p = 0; p < PROCESSES; p++) {
    assert_int_equal(kill(children[p], SIGKILL), 0);
    assert_int_equal(waitpid(children[p], NULL, 0), children[p]);
  }
  close(ends[0]);
  close(ends[1]);
  assert_int_equal(taken, JOBS);
  /* They are gone, which is known at once, on the same machine. */
  cream_claim claim;
  assert_true(take(&claims, "job-7", &claim));
  assert_int_equal(claim.generation, 2);
}

static void other_machines(void **state) {
  (void)state;
  cream_claims claims = opened("others");
  cream_claim claim;
  char holder[128];
  claim_of_other("others/a.claim-1", 0);
  claim_of_other("others/b.claim-1", CREAM_CLAIM_TIMEOUT / 2);
  claim_of_other("others/c.claim-1", CREAM_CLAIM_TIMEOUT + 60);
  assert_true(cream_claims_held(claims.dir, holder, sizeof holder));
  assert_string_equal(holder, "elsewhere, process 1");
  assert_false(take(&claims, "a", &claim));
  assert_false(take(&claims, "b", &claim));
  assert_true(take(&claims, "c", &claim));
  claims.timeout = CREAM_CLAIM_TIMEOUT_SHORT;
  assert_false(take(&claims, "a", &claim));
  assert_true(take(&claims, "b", &claim));
  /* A claim that was created without its content, as happens without links. */
  scratch_write("others/d.claim-1", "", 0);
  assert_false(take(&claims, "d", &claim));
  set_age("others/d.claim-1", CREAM_CLAIM_TIMEOUT + 60);
  assert_true(take(&claims, "d", &claim));
}

static void publishing(void **state) {
  (void)state;
  const cream_claims claims = opened("published");
  cream_error error;
  bool existed;
  assert_int_equal(cream_claims_publish(&claims, "name", "first", &existed, &error), CREAM_OK);
  assert_false(existed);
  assert_int_equal(cream_claims_publish(&claims, "name", "second", &existed, &error), CREAM_OK);
  assert_true(existed);
  char *text;
  size_t size;
  assert_int_equal(cream_file_read(scratch("published/name"), 100, &text, &size, &error), CREAM_OK);
  assert_string_equal(text, "first");
  free(text);
  cream_claims_remove(claims.dir);
  assert_fails(cream_claims_publish(&claims, "name", "third", &existed, &error), CREAM_FAILED, error,
               "cannot write");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(one_owner, scratch_setup, scratch_teardown),
      cmocka_unit_test_setup_teardown(many_processes, scratch_setup, scratch_teardown),
      cmocka_unit_test_setup_teardown(other_machines, scratch_setup, scratch_teardown),
      cmocka_unit_test_setup_teardown(publishing, scratch_setup, scratch_teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
