/* The linker replaces flock and rename by the __wrap_ functions (tests/CMakeLists.txt). */
#include "tests/io/scratch.h"

#include <fcntl.h>

#include <math.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/base/file.h"
#include "io/base/json.h"

static void reads_whole(void **state) {
  (void)state;
  scratch_write("a", "one\0two", 7);
  char *data;
  size_t size;
  assert_int_equal(cream_file_read(scratch("a"), 7, &data, &size, NULL), CREAM_OK);
  assert_int_equal(size, 7);
  assert_memory_equal(data, "one\0two", 8);
  free(data);
  scratch_write("empty", "", 0);
  assert_int_equal(cream_file_read(scratch("empty"), 7, &data, &size, NULL), CREAM_OK);
  assert_int_equal(size, 0);
  free(data);
}

static void refuses_to_read(void **state) {
  (void)state;
  cream_error error;
  char *data = NULL;
  size_t size;
  scratch_write("a", "12345678", 8);
  assert_fails(cream_file_read(scratch("a"), 7, &data, &size, &error), CREAM_BAD_DATA, error, "8 bytes");
  assert_fails(cream_file_read(scratch("none"), 7, &data, &size, &error), CREAM_FAILED, error,
               "No such file");
  assert_text_contains(error.text, scratch("none"));
  assert_fails(cream_file_read(scratch_dir, 7, &data, &size, &error), CREAM_FAILED, error, "folder");
  assert_null(data);
}

static void writes_whole_or_nothing(void **state) {
  (void)state;
  cream_error error;
  assert_int_equal(cream_file_write(scratch("a"), "first", 5, &error), CREAM_OK);
  cream_file file;
  assert_int_equal(cream_file_create(&file, scratch("a"), &error), CREAM_OK);
  fputs("second", file.stream);
  fflush(file.stream);
  char *text = scratch_read("a", NULL);
  assert_string_equal(text, "first");
  free(text);
  cream_file_abandon(&file);
  text = scratch_read("a", NULL);
  assert_string_equal(text, "first");
  free(text);
  assert_int_equal(scratch_count(), 1);

  assert_int_equal(cream_file_create(&file, scratch("a"), &error), CREAM_OK);
  fputs("second", file.stream);
  assert_int_equal(cream_file_commit(&file, &error), CREAM_OK);
  text = scratch_read("a", NULL);
  assert_string_equal(text, "second");
  free(text);
  assert_int_equal(scratch_count(), 1);
}

static void two_writers_of_a_file(void **state) {
  (void)state;
  cream_file one, two;
  assert_int_equal(cream_file_create(&one, scratch("a"), NULL), CREAM_OK);
  assert_int_equal(cream_file_create(&two, scratch("a"), NULL), CREAM_OK);
  fputs("one", one.stream);
  fputs("two", two.stream);
  assert_int_equal(cream_file_commit(&two, NULL), CREAM_OK);
  assert_int_equal(cream_file_commit(&one, NULL), CREAM_OK);
  char *text = scratch_read("a", NULL);
  assert_string_equal(text, "one");
  free(text);
}

/* What another process would do at two moments: it removes a temporary file that it can lock. */
int __real_flock(int, int);
int __real_rename(const char *, const char *);
int __wrap_flock(int, int);
int __wrap_rename(const char *, const char *);
static char rival_of[4096]; /* the temporary file that is about to be locked, "" without a rival */
static int rival_removed;

static void rival_removes(const char *temporary) {
  int fd = open(temporary, O_RDWR);
  if (fd >= 0 && __real_flock(fd, LOCK_EX | LOCK_NB) == 0 && unlink(temporary) == 0) rival_removed++;
  if (fd >= 0) close(fd);
}

int __wrap_flock(int fd, int operation) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t n = *rival_of ? readlink(link, rival_of, sizeof rival_of - 1) : 0;
  if (n > 0) {
    rival_of[n] = '\0';
    rival_removes(rival_of);
    *rival_of = '\0'; /* once */
  }
  return __real_flock(fd, operation);
}

int __wrap_rename(const char *from, const char *to) {
  rival_removes(from);
  return __real_rename(from, to);
}

/* A writer is between making its temporary file and locking it, and between writing it and renaming it, while another
 * process removes abandoned files. */
static void a_rival_removes_abandoned_files(void **state) {
  (void)state;
  cream_error error;
  rival_removed = 0;
  strcpy(rival_of, "next");
  assert_int_equal(cream_file_write(scratch("a"), "text", 4, &error), CREAM_OK);
  assert_int_equal(rival_removed, 1);
  char *text = scratch_read("a", NULL);
  assert_string_equal(text, "text");
  free(text);
  assert_int_equal(scratch_count(), 1);
}

static void failed_writes_leave_nothing(void **state) {
  (void)state;
  cream_error error;
  assert_fails(cream_file_write(scratch("none/a"), "x", 1, &error), CREAM_FAILED, error, "No such file");
  assert_text_contains(error.text, "none/a");
  /* A folder is not replaced by a file. */
  mkdir(scratch("folder"), 0777);
  assert_fails(cream_file_write(scratch("folder"), "x", 1, &error), CREAM_FAILED, error, "cannot write");
  assert_int_equal(scratch_count(), 1);
  /* Nor is anything else that is not a regular file. */
  assert_int_equal(mkfifo(scratch("pipe"), 0666), 0);
  assert_fails(cream_file_write(scratch("pipe"), "x", 1, &error), CREAM_FAILED, error, "not a regular file");
  struct stat kept;
  assert_int_equal(stat(scratch("pipe"), &kept), 0);
  assert_true(S_ISFIFO(kept.st_mode));
  assert_int_equal(unlink(scratch("pipe")), 0);
  /* A stream whose writes fail. */
  cream_file file;
  assert_int_equal(cream_file_create(&file, scratch("b"), &error), CREAM_OK);
  int full = open("/dev/full", O_WRONLY), *fd = (int *)file.sink; /* its first member */
  assert_true(full >= 0 && dup2(full, *fd) == *fd);
  close(full);
  fputs("x", file.stream);
  assert_fails(cream_file_commit(&file, &error), CREAM_FAILED, error, "No space left");
  assert_int_equal(scratch_count(), 1);
  char name[5000];
  memset(name, 'a', sizeof name - 1);
  name[sizeof name - 1] = 0;
  assert_fails(cream_file_write(name, "x", 1, &error), CREAM_FAILED, error, "too long");
}

static void makes_folders(void **state) {
  (void)state;
  cream_error error;
  assert_int_equal(cream_make_directories(scratch("a/b/c"), &error), CREAM_OK);
  assert_int_equal(cream_make_directories(scratch("a/b/c/"), &error), CREAM_OK);
  struct stat info;
  assert_int_equal(stat(scratch("a/b/c"), &info), 0);
  assert_true(S_ISDIR(info.st_mode));
  scratch_write("file", "x", 1);
  assert_fails(cream_make_directories(scratch("file"), &error), CREAM_FAILED, error, "a file of that name");
  assert_fails(cream_make_directories(scratch("file/b"), &error), CREAM_FAILED, error, "Not a directory");
  assert_fails(cream_make_directories("", &error), CREAM_FAILED, error, "without a name");
}

static void json_is_stable(void **state) {
  (void)state;
  char text[1000];
  FILE *stream = fmemopen(text, sizeof text, "w");
  cream_json json = cream_json_to(stream);
  cream_json_object(&json, NULL, true);
  cream_json_string(&json, "text", "a \"b\" \\ \n \xc3\xa9");
  cream_json_array(&json, "numbers", false);
  const double numbers[] = {0,   -0.0,    3, -17, 0.1, 1.0 / 3, 1e300, 6.02e-23, 4503599627370497.0,
                            NAN, INFINITY};
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) cream_json_number(&json, NULL, numbers[i]);
  cream_json_end(&json);
  cream_json_integer(&json, "large", UINT64_MAX);
  cream_json_bool(&json, "yes", true);
  cream_json_array(&json, "empty", true);
  cream_json_end(&json);
  cream_json_array(&json, "rows", true);
  cream_json_object(&json, NULL, false);
  cream_json_number(&json, "a", 1);
  cream_json_number(&json, "b", 2.5);
  cream_json_end(&json);
  cream_json_object(&json, NULL, false);
  cream_json_end(&json);
  cream_json_end(&json);
  cream_json_end(&json);
  fclose(stream);
  assert_string_equal(text, "{\n"
                            "  \"text\": \"a \\\"b\\\" \\\\ \\u000a \xc3\xa9\",\n"
                            "  \"numbers\": [0, 0, 3, -17, 0.1, 0.3333333333333333, 1e+300, 6.02e-23, "
                            "4503599627370497, null, null],\n"
                            "  \"large\": 18446744073709551615,\n"
                            "  \"yes\": true,\n"
                            "  \"empty\": [],\n"
                            "  \"rows\": [\n"
                            "    {\"a\": 1, \"b\": 2.5},\n"
                            "    {}\n"
                            "  ]\n"
                            "}");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(reads_whole, scratch_setup, scratch_teardown),
      cmocka_unit_test_setup_teardown(refuses_to_read, scratch_setup, scratch_teardown),
      cmocka_unit_test_setup_teardown(writes_whole_or_nothing, scratch_setup, scratch_teardown),
      cmocka_unit_test_setup_teardown(two_writers_of_a_file, scratch_setup, scratch_teardown),
      cmocka_unit_test_setup_teardown(a_rival_removes_abandoned_files, scratch_setup, scratch_teardown),
      cmocka_unit_test_setup_teardown(failed_writes_leave_nothing, scratch_setup, scratch_teardown),
      cmocka_unit_test_setup_teardown(makes_folders, scratch_setup, scratch_teardown),
      cmocka_unit_test(json_is_stable),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
