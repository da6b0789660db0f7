/* An error is one line, whatever it quotes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

#include "core/base/status.h"

static void test_one_line(void **state) {
  (void)state;
  cream_error err;
  assert_int_equal(cream_fail(&err, CREAM_BAD_DATA, "%s: got `%s`", "file", "a\nb\x1b[31m\x7f\xc3\xa9"),
                   CREAM_BAD_DATA);
  assert_int_equal(err.status, CREAM_BAD_DATA);
  assert_string_equal(err.text, "file: got `a b [31m \xc3\xa9`");
}

static void test_long(void **state) {
  (void)state;
  char text[2000];
  cream_error err;
  memset(text, 'x', sizeof text - 1);
  text[sizeof text - 1] = '\0';
  cream_fail(&err, CREAM_FAILED, "%s", text);
  assert_int_equal(strlen(err.text), sizeof err.text - 1);
  assert_int_equal(cream_fail(NULL, CREAM_FAILED, "nobody reads this"), CREAM_FAILED);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_one_line), cmocka_unit_test(test_long)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
