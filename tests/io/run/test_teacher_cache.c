/* The cache of a teacher's outputs: what it gives back, after interruptions too, and what it refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/run/teacher_cache.h"

enum { BATCH = 3, TOP = 2, OUTPUTS = BATCH * TOP, HEAD = 4096, RECORD = 8 + OUTPUTS * 8 };

static char path[] = "/tmp/cream-teacher-XXXXXX";
static const char key[] = "seed 1\ndata abc\n";
static const cream_teacher_cache_shape shape = {BATCH, TOP, 5, 4};

static cream_teacher_cache *open_cache(void) {
  cream_teacher_cache *cache;
  cream_error err;
  if (cream_teacher_cache_open(path, &shape, key, &cache, &err)) fail_msg("%s", err.text);
  return cache;
}

static void outputs_of(uint64_t number, uint32_t classes[OUTPUTS], float probabilities[OUTPUTS]) {
  for (unsigned i = 0; i < OUTPUTS; i++) {
    classes[i] = (unsigned)(number + i) % 5;
    probabilities[i] = 1 / (float)(number + i + 2);
  }
}

static void put(cream_teacher_cache *cache, uint64_t number) {
  const cream_external_store store = cream_teacher_cache_store(cache);
  uint32_t classes[OUTPUTS];
  float probabilities[OUTPUTS];
  cream_error err;
  outputs_of(number, classes, probabilities);
  if (store.put(store.self, number, classes, probabilities, &err)) fail_msg("%s", err.text);
}

/* Whether the batch is there, with its own values. */
static bool has(cream_teacher_cache *cache, uint64_t number) {
  const cream_external_store store = cream_teacher_cache_store(cache);
  uint32_t classes[OUTPUTS], expected[OUTPUTS];
  float probabilities[OUTPUTS], expected_probabilities[OUTPUTS];
  bool found;
  cream_error err;
  if (store.get(store.self, number, classes, probabilities, &found, &err)) fail_msg("%s", err.text);
  if (!found) return false;
  outputs_of(number, expected, expected_probabilities);
  assert_memory_equal(classes, expected, sizeof classes);
  assert_memory_equal(probabilities, expected_probabilities, sizeof probabilities);
  return true;
}

static off_t size_of_file(void) {
  struct stat about;
  assert_int_equal(stat(path, &about), 0);
  return about.st_size;
}

static void fill(int batches) {
  unlink(path);
  cream_teacher_cache *cache = open_cache();
  for (int i = 0; i < batches; i++) put(cache, (uint64_t)i);
  cream_teacher_cache_close(cache);
}

static void test_grows(void **state) {
  (void)state;
  fill(2);
  assert_int_equal(size_of_file(), HEAD + 2 * RECORD);
  cream_teacher_cache *cache = open_cache();
  assert_true(has(cache, 0) && has(cache, 1) && !has(cache, 2));
  put(cache, 3); /* not the next one */
  put(cache, 0);
  assert_int_equal(size_of_file(), HEAD + 2 * RECORD);
  put(cache, 2);
  put(cache, 3);
  cream_teacher_cache_close(cache);
  chmod(path, 0400); /* a whole one is only read */
  cream_teacher_cache *one = open_cache(), *other = open_cache();
  assert_true(has(one, 3) && has(other, 2));
  cream_teacher_cache_close(one);
  cream_teacher_cache_close(other);
}

/* A process that is killed leaves any number of bytes. */
static void test_interrupted(void **state) {
  (void)state;
  const off_t sizes[] = {0, 1, 100, HEAD - 1, HEAD, HEAD + 5, HEAD + RECORD, HEAD + 2 * RECORD - 1};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    fill(2);
    assert_int_equal(truncate(path, sizes[i]), 0);
    cream_teacher_cache *cache = open_cache();
    uint64_t whole = sizes[i] >= HEAD ? (uint64_t)(sizes[i] - HEAD) / RECORD : 0;
    assert_int_equal(cream_teacher_cache_count(cache), whole);
    while (cream_teacher_cache_count(cache) < 4) put(cache, cream_teacher_cache_count(cache));
    for (uint64_t n = 0; n < 4; n++) assert_true(has(cache, n));
    cream_teacher_cache_close(cache);
  }
}

static void refuse(const cream_teacher_cache_shape *other, const char *lines, cream_status status,
                   const char *expected) {
  cream_teacher_cache *cache;
  cream_error err;
  assert_int_equal(cream_teacher_cache_open(path, other, lines, &cache, &err), status);
  assert_null(cache);
  if (!strstr(err.text, expected) || strchr(err.text, '\n')) fail_msg("%s", err.text);
}

static void write_at(off_t at, const void *bytes, size_t size) {
  int fd = open(path, O_WRONLY);
  assert_true(fd >= 0 && pwrite(fd, bytes, size, at) == (ssize_t)size);
  close(fd);
}

static void remark(const char *lines, const char *expected) {
  cream_teacher_cache *cache;
  cream_error err;
  if (cream_teacher_cache_open(path, &shape, lines, &cache, &err)) fail_msg("%s", err.text);
  assert_string_equal(cream_teacher_cache_remark(cache), expected);
  cream_teacher_cache_close(cache);
}

/* A line with '#' may differ where nothing will be added to the file. */
static void test_remark(void **state) {
  (void)state;
  static const char remarked[] = "seed 1\n#of 8 pixels\ndata abc\n",
                    other[] = "seed 1\n#of 9 pixels\ndata abc\n";
  unlink(path);
  remark(remarked, "");
  refuse(&shape, other, CREAM_BAD_DATA, "are those for '#of 8 pixels', expected '#of 9 pixels'");
  cream_teacher_cache *cache;
  cream_error err;
  if (cream_teacher_cache_open(path, &shape, remarked, &cache, &err)) fail_msg("%s", err.text);
  for (uint64_t i = 0; i < 4; i++) put(cache, i);
  cream_teacher_cache_close(cache);
  remark(other, "of 8 pixels");
  remark(remarked, "");
  refuse(&shape, "seed 1\ndata abc\n", CREAM_BAD_DATA, "'#of 8 pixels', expected 'data abc'");
}

static void test_refused(void **state) {
  (void)state;
  for (int whole = 0; whole < 2; whole++) {
    fill(whole ? 4 : 1);
    off_t size = size_of_file();
    refuse(&shape, "seed 2\ndata abc\n", CREAM_BAD_DATA, "are those for 'seed 1', expected 'seed 2'");
    refuse(&shape, "seed 1\n", CREAM_BAD_DATA, "'data abc', expected ''");
    cream_teacher_cache_shape other = shape;
    other.top = 1;
    refuse(&other, key, CREAM_BAD_DATA, "are those for 'top 2', expected 'top 1'");
    other = shape;
    other.batch = 4;
    refuse(&other, key, CREAM_BAD_DATA, "'batch 3', expected 'batch 4'");
    assert_int_equal(size_of_file(), size);
  }
  fill(1);
  cream_teacher_cache *writes = open_cache();
  refuse(&shape, key, CREAM_FAILED, "another training writes it");
  cream_teacher_cache_close(writes);
  write_at(0, "dream", 5);
  refuse(&shape, key, CREAM_BAD_DATA, "not a cache of a teacher's outputs");
  assert_int_equal(truncate(path, 5), 0);
  refuse(&shape, key, CREAM_BAD_DATA, "not a cache of a teacher's outputs");
  assert_int_equal(size_of_file(), 5);
}

static void test_damaged(void **state) {
  (void)state;
  for (int at = 0; at < RECORD; at += 5) {
    fill(4);
    write_at(HEAD + RECORD + at, "\xa5", 1);
    cream_teacher_cache *cache = open_cache();
    const cream_external_store store = cream_teacher_cache_store(cache);
    uint32_t classes[OUTPUTS];
    float probabilities[OUTPUTS];
    bool found;
    cream_error err;
    assert_true(has(cache, 0) && has(cache, 2));
    assert_int_equal(store.get(store.self, 1, classes, probabilities, &found, &err), CREAM_BAD_DATA);
    assert_non_null(strstr(err.text, "the outputs for batch 1 are damaged; delete the file"));
    cream_teacher_cache_close(cache);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_grows),   cmocka_unit_test(test_interrupted), cmocka_unit_test(test_remark),
      cmocka_unit_test(test_refused), cmocka_unit_test(test_damaged),
  };
  int fd = mkstemp(path);
  if (fd >= 0) close(fd);
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  unlink(path);
  return failed;
}
