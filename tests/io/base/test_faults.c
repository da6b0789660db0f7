/* A thousand faults while checkpoints and the files of a run folder are written and read: system calls that fail or
 * stop halfway, a full disk, no memory, and processes that crash. After each fault, everything saved is still there, and
 * everything loaded is exactly as it was saved.
 *
 * The linker replaces the calls by the __wrap_ functions (tests/CMakeLists.txt). */
#include "tests/io/scratch.h"

#include <errno.h>
#include <math.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <xxhash.h>

#include "core/base/rng.h"
#include "io/base/words.h"
#include "io/config/settings.h"
#include "io/run/checkpoint_rotation.h"
#include "io/run/run.h"

/* ---- the calls --------------------------------------------------------------------------------------- */

typedef enum fault {
  WRITE_FAILS, /* EIO once */
  WRITE_SHORT, /* half of the data, without a failure */
  WRITE_FULL,  /* half of the data, then ENOSPC always */
  WRITE_CRASH, /* half of the data, then the process exits */
  SYNC_FAILS,
  SYNC_CRASH,
  RENAME_FAILS,
  RENAME_CRASH_BEFORE,
  RENAME_CRASH_AFTER,
  UNLINK_FAILS,
  UNLINK_CRASH,
  MEMORY_FAILS,
  FAULTS
} fault;

#define NAMES(X)                                                                                             \
  X(WRITE_FAILS, "failing write")                                                                            \
  X(WRITE_SHORT, "short write")                                                                              \
  X(WRITE_FULL, "full disk")                                                                                 \
  X(WRITE_CRASH, "crash in write")                                                                           \
  X(SYNC_FAILS, "failing sync")                                                                              \
  X(SYNC_CRASH, "crash in sync")                                                                             \
  X(RENAME_FAILS, "failing rename")                                                                          \
  X(RENAME_CRASH_BEFORE, "crash before rename")                                                              \
  X(RENAME_CRASH_AFTER, "crash after rename")                                                                \
  X(UNLINK_FAILS, "failing removal")                                                                         \
  X(UNLINK_CRASH, "crash in removal")                                                                        \
  X(MEMORY_FAILS, "no memory")
static CREAM_WORDS(names, FAULTS, NAMES);

enum { CRASHED = 99, SAVED = 0, REFUSED = 1 };

static atomic_bool armed;
static fault armed_fault;
static atomic_int calls_left;

static void arm(fault kind, int at) {
  armed_fault = kind;
  atomic_store(&calls_left, at);
  atomic_store(&armed, true);
}

/* Whether the armed fault is one of first..last and this is the call that it hits. */
static bool strikes(fault first, fault last) {
  if (!atomic_load(&armed) || armed_fault < first || armed_fault > last) return false;
  int left = atomic_fetch_sub(&calls_left, 1);
  return left == 1 || (left < 1 && armed_fault == WRITE_FULL);
}

ssize_t __real_write(int, const void *, size_t);
int __real_fsync(int);
int __real_rename(const char *, const char *);
int __real_unlink(const char *);
void *__real_malloc(size_t);
void *__real_calloc(size_t, size_t);
void *__real_realloc(void *, size_t);
ssize_t __wrap_write(int, const void *, size_t);
int __wrap_fsync(int);
int __wrap_rename(const char *, const char *);
int __wrap_unlink(const char *);
void *__wrap_malloc(size_t);
void *__wrap_calloc(size_t, size_t);
void *__wrap_realloc(void *, size_t);

ssize_t __wrap_write(int fd, const void *data, size_t size) {
  if (!strikes(WRITE_FAILS, WRITE_CRASH)) return __real_write(fd, data, size);
  if (armed_fault == WRITE_FAILS) {
    errno = EIO;
    return -1;
  }
  if (armed_fault == WRITE_FULL && atomic_load(&calls_left) < 0) {
    errno = ENOSPC;
    return -1;
  }
  ssize_t done = __real_write(fd, data, (size + 1) / 2);
  if (armed_fault == WRITE_CRASH) _exit(CRASHED);
  return done;
}

/* Never syncs: the machine does not crash in this test. */
int __wrap_fsync(int fd) {
  (void)fd;
  if (!strikes(SYNC_FAILS, SYNC_CRASH)) return 0;
  if (armed_fault == SYNC_CRASH) _exit(CRASHED);
  errno = EIO;
  return -1;
}

int __wrap_rename(const char *from, const char *to) {
  if (!strikes(RENAME_FAILS, RENAME_CRASH_AFTER)) return __real_rename(from, to);
  if (armed_fault == RENAME_CRASH_AFTER) __real_rename(from, to);
  if (armed_fault != RENAME_FAILS) _exit(CRASHED);
  errno = EACCES;
  return -1;
}

int __wrap_unlink(const char *path) {
  if (!strikes(UNLINK_FAILS, UNLINK_CRASH)) return __real_unlink(path);
  if (armed_fault == UNLINK_CRASH) _exit(CRASHED);
  errno = EACCES;
  return -1;
}

void *__wrap_malloc(size_t size) {
  return strikes(MEMORY_FAILS, MEMORY_FAILS) ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size) {
  return strikes(MEMORY_FAILS, MEMORY_FAILS) ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size) {
  return strikes(MEMORY_FAILS, MEMORY_FAILS) ? NULL : __real_realloc(old, size);
}

/* ---- a state ----------------------------------------------------------------------------------------- */

static void upload(cream_backend *backend, cream_buf dst, const void *src, size_t count) {
  (void)backend;
  memcpy((float *)dst.mem + dst.offset, src, count * 4);
}

static cream_status download(cream_backend *backend, void *dst, cream_buf src, size_t count,
                             cream_error *err) {
  (void)backend, (void)err;
  memcpy(dst, (float *)src.mem + src.offset, count * 4);
  return CREAM_OK;
}

static cream_status synchronise(cream_backend *backend, cream_error *err) {
  (void)backend, (void)err;
  return CREAM_OK;
}

enum { WEIGHTS = 9001, SCORES = 13 };

typedef struct values {
  uint64_t step;
  float weights[WEIGHTS];
  double scores[SCORES];
  double seconds;
} values;

static cream_backend backend = {.upload = upload, .download = download, .synchronise = synchronise};

static void fill(values *v, uint64_t step) {
  cream_rng rng = cream_rng_at(1, CREAM_RNG_TEST, step);
  memset(v, 0, sizeof *v);
  v->step = step;
  v->seconds = (double)step + 0.5;
  for (int i = 0; i < WEIGHTS; i++) v->weights[i] = cream_rng_float(&rng);
  for (int i = 0; i < SCORES; i++) v->scores[i] = cream_rng_double(&rng);
}

static cream_state state_of(values *v) {
  cream_state state = {.backend = &backend, .step = v->step, .seconds = &v->seconds};
  cream_state_add_host(&state, "step", CREAM_STATE_U64, &v->step, 1);
  cream_state_add_device(&state, "weights", (cream_buf){v->weights, 0}, WEIGHTS);
  cream_state_add_host(&state, "scores", CREAM_STATE_F64, v->scores, SCORES);
  return state;
}

static cream_checkpoint_info info_of(uint64_t step) {
  cream_checkpoint_info info = {.command = "search", .score = step == 13 ? 1 : NAN};
  cream_config_defaults(&info.config);
  return info;
}

/* The fault hits one of the first calls[fault] calls. */
static const uint32_t calls[FAULTS] = {5, 5, 5, 5, 2, 2, 1, 1, 1, 1, 1, 12};

/* A process costs much more with sanitizers: there every fault strikes fewer times. */
enum { SHARE = CREAM_SLOW_CHECKER ? 5 : 1 };

/* ---- tests ------------------------------------------------------------------------------------------- */

/* Saves one more state, with a fault, as a process that resumes a run does. */
static int save_one(const char *dir, uint64_t step, fault kind, int at) {
  static values v;
  fill(&v, step);
  cream_state state = state_of(&v);
  cream_checkpoint_info info = info_of(step);
  cream_checkpoints *checkpoints;
  cream_error err;
  arm(kind, at);
  if (cream_checkpoints_create(dir, 2, &checkpoints, &err)) return REFUSED;
  cream_status status = cream_checkpoints_save(checkpoints, &state, &info, &err);
  if (!status) status = cream_checkpoints_wait(checkpoints, &err);
  cream_checkpoints_destroy(checkpoints);
  return status ? REFUSED : SAVED;
}

static int reported;
static char reported_line[1200];
static void report(void *self, const char *line) {
  (void)self;
  snprintf(reported_line, sizeof reported_line, "%s", line);
  reported++;
}

/* Loads the newest state and checks every value. Returns its step, or 0 if there is none. */
static uint64_t load_newest(const char *dir) {
  static values got, expected;
  memset(&got, 0, sizeof got);
  cream_state state = state_of(&got);
  cream_checkpoint_info info;
  cream_checkpoints *checkpoints;
  cream_error err;
  bool found;
  const cream_checkpoint_reader reader = {NULL, "search", NULL, report};
  if (cream_checkpoints_create(dir, 2, &checkpoints, &err)) fail_msg("%s", err.text);
  if (cream_checkpoints_load(checkpoints, &state, &reader, &info, &found, &err)) fail_msg("%s", err.text);
  cream_checkpoints_destroy(checkpoints);
  if (!found) return 0;
  fill(&expected, info.step);
  assert_memory_equal(&got, &expected, sizeof got);
  return info.step;
}

/* Loads with a fault: either it fails and the values are unchanged, or it loads the newest state. */
static int load_one(const char *dir, uint64_t newest, fault kind, int at) {
  static values got, before, expected;
  fill(&got, 77777);
  before = got;
  cream_state state = state_of(&got);
  cream_checkpoint_info info;
  cream_checkpoints *checkpoints;
  cream_error err;
  bool found = false;
  const cream_checkpoint_reader reader = {NULL, "search", NULL, report};
  arm(kind, at);
  cream_status status = cream_checkpoints_create(dir, 2, &checkpoints, &err);
  if (!status) {
    status = cream_checkpoints_load(checkpoints, &state, &reader, &info, &found, &err);
    cream_checkpoints_destroy(checkpoints);
  }
  atomic_store(&armed, false);
  fill(&expected, newest);
  bool right = status ? !memcmp(&got, &before, sizeof got) && status == CREAM_FAILED
                      : found && info.step == newest && !memcmp(&got, &expected, sizeof got);
  if (!right || reported) fprintf(stderr, "loading with %s at %d: not right\n", names[kind], at);
  return right && !reported ? status ? REFUSED : SAVED : 2;
}

/* Replaces a file of the run folder, with a fault. */
static int write_config(const char *dir, uint64_t seed, fault kind, int at) {
  cream_run run = {.lock = -1};
  cream_config config;
  cream_error err;
  snprintf(run.dir, sizeof run.dir, "%s", dir);
  cream_config_defaults(&config);
  config.seed = seed;
  arm(kind, at);
  return cream_run_write_config(&run, &config, &err) ? REFUSED : SAVED;
}

static int in_child(int (*what)(const char *, uint64_t, fault, int), const char *dir, uint64_t value,
                    fault kind, int at) {
  fflush(NULL);
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) _exit(what(dir, value, kind, at));
  int status;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFEXITED(status));
  return WEXITSTATUS(status);
}

static void test_saving(void **unused) {
  (void)unused;
  enum { TRIES = 700 / SHARE };
  int counts[FAULTS][2] = {{0}}, crashes = 0;
  uint64_t last = 0;
  const char *dir = scratch_dir;
  cream_rng rng = cream_rng_at(5, CREAM_RNG_TEST, 0);
  reported = 0;
  for (uint64_t step = 1; step <= TRIES; step++) {
    fault kind = (fault)(step % FAULTS);
    int outcome = in_child(save_one, dir, step, kind, 1 + (int)cream_rng_below(&rng, calls[kind]));
    uint64_t newest = load_newest(dir);
    if (reported) fail_msg("%s at step %d: %s", names[kind], (int)step, reported_line);
    /* a crash after the rename has saved it, although that was not reported */
    if (newest != step && newest != last) fail_msg("step %d is newest, expected %d", (int)newest, (int)last);
    if (outcome == SAVED && newest != step)
      fail_msg("%s: step %d was saved and is missing", names[kind], (int)step);
    assert_true(outcome == SAVED || outcome == REFUSED || outcome == CRASHED);
    counts[kind][outcome == SAVED]++;
    crashes += outcome == CRASHED;
    last = newest;
    if (step % 50 == 0) {
      cream_error err;
      assert_int_equal(cream_checkpoints_clear(dir, true, &err),
                       CREAM_OK); /* as a new run in the folder does */
    }
  }
  cream_error err;
  assert_int_equal(cream_checkpoints_clear(dir, true, &err), CREAM_OK);
  /* the best checkpoint is still there besides the last two */
  cream_checkpoint_info info;
  assert_int_equal(
      cream_checkpoint_read(scratch("checkpoint-000000013.safetensors"), NULL, NULL, NULL, &info, &err),
      CREAM_OK);
  assert_true(info.step == 13 && info.score == 1);
  assert_in_range(scratch_count(), 3, 6);
  for (int k = 0; k < FAULTS; k++)
    print_message("%-20s %3d times: %3d failed, %3d saved all the same\n", names[k],
                  counts[k][0] + counts[k][1], counts[k][0], counts[k][1]);
  print_message("%d faults while saving, %d of them crashes: nothing lost, nothing wrong loaded\n", TRIES,
                crashes);
}

static void test_loading(void **unused) {
  (void)unused;
  enum { TRIES = 150 / SHARE };
  uint64_t newest = load_newest(scratch_dir);
  int refused = 0;
  assert_true(newest > 0);
  for (int i = 0; i < TRIES; i++) {
    const fault kinds[] = {MEMORY_FAILS, MEMORY_FAILS, RENAME_FAILS};
    int outcome = in_child(load_one, scratch_dir, newest, kinds[i % 3], 1 + i / 3 % 12);
    assert_true(outcome == SAVED || outcome == REFUSED);
    refused += outcome == REFUSED;
  }
  assert_int_equal(load_newest(scratch_dir), newest);
  assert_true(refused > 10 / SHARE);
  print_message("%d faults while loading, %d of them refused: nothing wrong loaded\n", TRIES, refused);
}

static void test_run_folder(void **unused) {
  (void)unused;
  enum { TRIES = 150 / SHARE };
  uint64_t last = 0;
  int failed = 0;
  cream_run run = {.lock = -1};
  snprintf(run.dir, sizeof run.dir, "%s", scratch_dir);
  for (uint64_t seed = 1; seed <= TRIES; seed++) {
    fault kind = (fault)(seed % (RENAME_CRASH_AFTER + 1));
    int outcome = seed == 1 ? write_config(scratch_dir, 1, MEMORY_FAILS, 1000)
                            : in_child(write_config, scratch_dir, seed, kind, 1);
    atomic_store(&armed, false);
    cream_config config;
    cream_error err;
    cream_config_defaults(&config);
    if (cream_settings_load(&config, scratch("config.yaml"), &err)) fail_msg("%s", err.text);
    assert_true(config.seed == seed || config.seed == last);
    if (outcome == SAVED) assert_int_equal(config.seed, seed);
    failed += outcome != SAVED;
    last = config.seed;
  }
  print_message(
      "%d faults in files of the run folder, %d of them reported: always the whole old or new file\n", TRIES,
      failed);
}

/* Changed bytes and truncated files. */
static void test_damage(void **unused) {
  (void)unused;
  enum { TRIES = 200 / SHARE };
  cream_rng rng = cream_rng_at(6, CREAM_RNG_TEST, 0);
  cream_error err;
  assert_int_equal(cream_checkpoints_clear(scratch_dir, false, &err), CREAM_OK);
  assert_int_equal(save_one(scratch_dir, 1, MEMORY_FAILS, 1000000), SAVED);
  assert_int_equal(save_one(scratch_dir, 2, MEMORY_FAILS, 1000000), SAVED);
  atomic_store(&armed, false);
  assert_int_equal(load_newest(scratch_dir), 2);
  size_t size;
  char *good = scratch_read("checkpoint-000000002.safetensors", &size);
  for (int i = 0; i < TRIES; i++) {
    size_t at = cream_rng_below(&rng, (uint32_t)(i % 2 ? size : 1200)), length = size;
    char *bad = malloc(size);
    assert_non_null(bad);
    memcpy(bad, good, size);
    if (i % 4 == 3)
      length = at;
    else
      bad[at] ^= (char)(1 << cream_rng_below(&rng, 8));
    scratch_write("checkpoint-000000002.safetensors", bad, length);
    free(bad);
    reported = 0;
    assert_int_equal(load_newest(scratch_dir), 1);
    assert_int_equal(reported, 1);
    assert_int_equal(access(scratch("checkpoint-000000002.safetensors.broken"), F_OK), 0);
  }
  free(good);
  print_message("%d damaged files: each was skipped\n", TRIES);
}

/* A checkpoint of a later version of the program. */
static void test_newer_version(void **unused) {
  (void)unused;
  cream_error err;
  cream_checkpoints *checkpoints;
  assert_int_equal(cream_checkpoints_clear(scratch_dir, false, &err), CREAM_OK);
  assert_int_equal(save_one(scratch_dir, 1, MEMORY_FAILS, 1000000), SAVED);
  atomic_store(&armed, false);
  size_t size;
  char *text = scratch_read("checkpoint-000000001.safetensors", &size);
  char *version = memmem(text, size, "\"version\": \"1\"", 14);
  assert_non_null(version);
  version[12] = '2';
  uint64_t checksum = XXH3_64bits(text, size - 8);
  memcpy(text + size - 8, &checksum, 8);
  scratch_write("checkpoint-000000001.safetensors", text, size);
  free(text);
  static values v;
  cream_state state = state_of(&v);
  cream_checkpoint_info info;
  const cream_checkpoint_reader reader = {NULL, "search", NULL, report};
  bool found;
  assert_int_equal(cream_checkpoints_create(scratch_dir, 2, &checkpoints, &err), CREAM_OK);
  assert_fails(cream_checkpoints_load(checkpoints, &state, &reader, &info, &found, &err), CREAM_BAD_CONFIG,
               err, "version 2 of the format; expected at most 1");
  assert_false(found);
  cream_checkpoints_destroy(checkpoints);
  assert_int_equal(access(scratch("checkpoint-000000001.safetensors"), F_OK), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_saving), cmocka_unit_test(test_loading),
                                     cmocka_unit_test(test_run_folder), cmocka_unit_test(test_damage),
                                     cmocka_unit_test(test_newer_version)};
  return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
