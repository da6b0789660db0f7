/* Failed checks of parity_cases.h in the program, in place of cmocka's: the text is recorded and the case is left. */
#ifndef CREAM_TOOLS_PARITY_FAIL_H
#define CREAM_TOOLS_PARITY_FAIL_H

#include <setjmp.h>
#include <stdio.h>

static jmp_buf parity_leave;
static char parity_failure[512];

#define fail_msg(...)                                                                                        \
  do {                                                                                                       \
    snprintf(parity_failure, sizeof parity_failure, __VA_ARGS__);                                            \
    longjmp(parity_leave, 1);                                                                                \
  } while (0)
#define assert_true(condition)                                                                               \
  do {                                                                                                       \
    if (!(condition)) fail_msg("%s does not hold", #condition);                                              \
  } while (0)
#define assert_non_null(pointer) assert_true((pointer) != NULL)
#define assert_int_equal(a, b)   assert_true((a) == (b))

#endif
