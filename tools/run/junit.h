/* JUnit XML, which systems of continuous integration read. */
#ifndef CREAM_TOOLS_JUNIT_H
#define CREAM_TOOLS_JUNIT_H

#include "core/base/status.h"

typedef enum junit_outcome { JUNIT_PASSED, JUNIT_FAILED, JUNIT_ERROR } junit_outcome;

typedef struct junit_case {
  const char *name;
  junit_outcome outcome;
  char text[512]; /* what was measured; a failure's message */
} junit_case;

typedef struct junit_property {
  const char *name, *value;
} junit_property;

typedef struct junit_suite {
  const char *name; /* of the suite, and of the class of its cases: "cream.test" */
  const junit_property *properties;
  int n_properties;
  const junit_case *cases;
  int n_cases;
  double seconds;
} junit_suite;

/* Writes the file atomically, with the time of now. Text of any bytes is allowed. */
cream_status junit_write(const char *file, const junit_suite *, cream_error *);

#endif
