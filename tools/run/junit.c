#include "junit.h"

#include <time.h>
#include <unistd.h>

#include "io/base/file.h"
#include "io/report/html.h"

static int count(const junit_suite *suite, junit_outcome outcome) {
  int n = 0;
  for (int i = 0; i < suite->n_cases; i++) n += suite->cases[i].outcome == outcome;
  return n;
}

/* The attributes, which the schema requires, in its order. */
static void put_suite(FILE *out, const junit_suite *suite) {
  char host[256] = "", moment[32] = "";
  const time_t now = time(NULL);
  struct tm utc;
  if (gethostname(host, sizeof host - 1) || !*host) snprintf(host, sizeof host, "localhost");
  if (gmtime_r(&now, &utc)) strftime(moment, sizeof moment, "%Y-%m-%dT%H:%M:%S", &utc);
  cream_html(out, "  <testsuite id=\"0\" package=\"cream\" name=\"%s\" timestamp=\"%s\" hostname=\"%s\"",
             suite->name, moment, host);
  cream_html(out, " tests=\"%d\" failures=\"%d\" errors=\"%d\" time=\"%.3f\">\n", suite->n_cases,
             count(suite, JUNIT_FAILED), count(suite, JUNIT_ERROR), suite->seconds);
}

/* The time of the command is divided among its cases, so that they add up. */
static void put_case(FILE *out, const junit_suite *suite, const junit_case *one) {
  cream_html(out, "    <testcase name=\"%s\" classname=\"%s\" time=\"%.3f\"", one->name, suite->name,
             suite->seconds / suite->n_cases);
  switch (one->outcome) {
  case JUNIT_PASSED:
    fputs("/>\n", out);
    return;
  case JUNIT_FAILED:
    cream_html(out, ">\n      <failure type=\"bar\" message=\"%s\">%s</failure>\n    </testcase>\n",
               one->text, one->text);
    return;
  case JUNIT_ERROR:
    cream_html(out, ">\n      <error type=\"failed\" message=\"%s\">%s</error>\n    </testcase>\n", one->text,
               one->text);
    return;
  }
}

cream_status junit_write(const char *name, const junit_suite *suite, cream_error *err) {
  cream_file file;
  cream_status status = cream_file_create(&file, name, err);
  if (status != CREAM_OK) return status;
  FILE *out = file.stream;
  fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n", out);
  put_suite(out, suite);
  fputs("    <properties>\n", out);
  for (int i = 0; i < suite->n_properties; i++)
    cream_html(out, "      <property name=\"%s\" value=\"%s\"/>\n", suite->properties[i].name,
               suite->properties[i].value);
  fputs("    </properties>\n", out);
  for (int i = 0; i < suite->n_cases; i++) put_case(out, suite, &suite->cases[i]);
  fputs("    <system-out>", out);
  for (int i = 0; i < suite->n_cases; i++) cream_html(out, "%s\n", suite->cases[i].text);
  fputs("</system-out>\n    <system-err></system-err>\n  </testsuite>\n</testsuites>\n", out);
  return cream_file_commit(&file, err);
}
