/* Failed checks of parity_cases.h in the program, in place of cmocka's: the text is recorded and the case is left. */
#ifndef CREAM_TOOLS_PARITY_FAIL_H
#define CREAM_TOOLS_PARITY_FAIL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

static jmp_buf parity_leave;
static char parity_failure[1024];

__attribute__((format(printf, 1, 2), noreturn)) static void fail_msg(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(parity_failure, sizeof parity_failure, format, arguments);
  va_end(arguments);
  longjmp(parity_leave, 1);
}

#define assert_true(condition)                                                                               \
  do {                                                                                                       \
    if (!(condition)) fail_msg("%s does not hold", #condition);                                              \
  } while (0)
#define assert_non_null(pointer) assert_true((pointer) != NULL)
#define assert_int_equal(a, b)   assert_true((a) == (b))

#endif
