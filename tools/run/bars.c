#include "bars.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/cream.h"
#include "io/config/yaml.h"
#include "junit.h"

#define MEASURE(name, word_, side_, unit_, low_, high_, meaning_)                                            \
  {.word = word_, .side = BAR_##side_, .unit = BAR_##unit_, .low = low_, .high = high_, .meaning = meaning_},
static const bar_measure test_measures[] = {BARS_OF_TEST(MEASURE)};
static const bar_measure rank_measures[] = {BARS_OF_RANK(MEASURE)};
#undef MEASURE
_Static_assert((int)BARS_TEST_COUNT <= BARS_MOST && (int)BARS_RANK_COUNT <= BARS_MOST,
               "room for the measures");

const bar_list bars_of_test = {"test", test_measures, BARS_TEST_COUNT};
const bar_list bars_of_rank = {"rank", rank_measures, BARS_RANK_COUNT};
const bar_list *const bar_lists[] = {&bars_of_test, &bars_of_rank, NULL};

/* ---- options ----------------------------------------------------------------------------------------- */

static cream_status fail_measure(const bar_list *list, const char *word, cream_error *err) {
  char known[200] = "", hint[60] = "";
  cream_nearest nearest = cream_nearest_to(word);
  for (int i = 0; i < list->n; i++) {
    size_t used = strlen(known);
    cream_nearest_offer(&nearest, list->measures[i].word);
    snprintf(known + used, sizeof known - used, "%s%s", i ? ", " : "", list->measures[i].word);
  }
  if (nearest.best) snprintf(hint, sizeof hint, " (did you mean `%s`?)", nearest.best);
  return cream_fail(err, CREAM_BAD_CONFIG, "--require: got \"%.40s\", expected one of %s%s", word, known,
                    hint);
}

static cream_status add(const bar_list *list, bars_options *bars, char *text, cream_error *err) {
  char *equal = strchr(text, '='), *end = NULL;
  if (!equal || equal == text)
    return cream_fail(err, CREAM_BAD_CONFIG, "--require: got \"%.60s\", expected MEASURE=VALUE as %s=%g",
                      text, list->measures->word, list->measures->high / 2);
  *equal = '\0';
  int i = 0;
  while (i < list->n && strcmp(text, list->measures[i].word) != 0) i++;
  if (i == list->n) return fail_measure(list, text, err);
  const bar_measure *measure = &list->measures[i];
  double value = strtod(equal + 1, &end);
  if (end == equal + 1 || *end || !(value >= measure->low && value <= measure->high))
    return cream_fail(err, CREAM_BAD_CONFIG,
                      "--require: %s: got \"%.40s\", expected a number from %g to %g%s", text, equal + 1,
                      measure->low, measure->high, measure->unit == BAR_PERCENT ? ", in per cent" : "");
  bars->given[i] = true;
  bars->required[i] = value;
  return CREAM_OK;
}

cream_status bars_add(const bar_list *list, bars_options *bars, const char *argument, cream_error *err) {
  char *copy = strdup(argument), *rest = copy, *text;
  if (!copy) return cream_fail_memory(err, strlen(argument) + 1, "--require");
  cream_status status = CREAM_OK;
  while (status == CREAM_OK && (text = strsep(&rest, ","))) status = add(list, bars, text, err);
  free(copy);
  return status;
}

static int count(const bars_options *bars) {
  int n = 0;
  for (int i = 0; i < BARS_MOST; i++) n += bars->given[i];
  return n;
}

cream_status bars_check(const bars_options *bars, cream_error *err) {
  if (!bars->junit || count(bars) > 0) return CREAM_OK;
  return cream_fail(err, CREAM_BAD_CONFIG,
                    "--junit needs --require MEASURE=VALUE, as each bar is a test case of the file");
}

/* ---- results ----------------------------------------------------------------------------------------- */

/* Rounding in the last digits, as of 100 * (39 / 40), does not make a bar missed. */
static bool is_missed(const bar_measure *measure, double bar, double value) {
  const double least = 1e-9;
  return !(measure->side == BAR_LEAST ? value >= bar - least : value <= bar + least);
}

static void describe(const bar_measure *measure, double bar, double value, char *text, size_t size) {
  static const char *const units[] = {[BAR_PERCENT] = " %", [BAR_POINTS] = " points", [BAR_NUMBER] = ""};
  const char *unit = units[measure->unit], *of = measure->unit == BAR_NUMBER ? "" : " points";
  bool least = measure->side == BAR_LEAST;
  if (!isfinite(value))
    snprintf(text, size, "%s is not a number, and the bar is %s %g%s", measure->word,
             least ? "at least" : "at most", bar, unit);
  else if (is_missed(measure, bar, value))
    snprintf(text, size, "%s is %.6g%s, %.3g%s %s the bar of %g%s", measure->word, value, unit,
             fabs(value - bar), of, least ? "below" : "above", bar, unit);
  else
    snprintf(text, size, "%s is %.6g%s, and the bar is %s %g%s", measure->word, value, unit,
             least ? "at least" : "at most", bar, unit);
}

/* The cases of the bars in the order of the list; returns how many were missed. */
static int make_cases(const bar_list *list, const bars_options *bars, const bars_result *result,
                      const char *reason, junit_case *cases, int *n) {
  int missed = 0;
  *n = 0;
  for (int i = 0; i < list->n; i++) {
    if (!bars->given[i]) continue;
    const bar_measure *measure = &list->measures[i];
    junit_case *one = &cases[(*n)++];
    *one = (junit_case){measure->word, JUNIT_ERROR, ""};
    if (!result->measured) {
      snprintf(one->text, sizeof one->text, "%s", reason);
      continue;
    }
    bool miss = is_missed(measure, bars->required[i], result->measured[i]);
    describe(measure, bars->required[i], result->measured[i], one->text, sizeof one->text);
    one->outcome = miss ? JUNIT_FAILED : JUNIT_PASSED;
    missed += miss;
  }
  return missed;
}

static cream_status write_junit(const bar_list *list, const bars_options *bars, const bars_result *result,
                                const junit_case *cases, int n, cream_error *err) {
  char name[32], seconds[32];
  snprintf(name, sizeof name, "cream.%s", list->command);
  snprintf(seconds, sizeof seconds, "%.3f", result->seconds);
  const junit_property properties[] = {{"version", CREAM_VERSION},
                                       {"command", list->command},
                                       {"measured", result->name},
                                       {"seconds", seconds}};
  const junit_suite suite = {.name = name,
                             .properties = properties,
                             .n_properties = sizeof properties / sizeof *properties,
                             .cases = cases,
                             .n_cases = n,
                             .seconds = result->seconds};
  return junit_write(bars->junit, &suite, err);
}

/* One line that names all bars that were missed. */
static cream_status fail_missed(const junit_case *cases, int n, const char *name, cream_error *err) {
  char text[BARS_MOST * (sizeof cases->text + 2) + 1] = "";
  for (int i = 0; i < n; i++) {
    size_t used = strlen(text);
    if (cases[i].outcome == JUNIT_FAILED)
      snprintf(text + used, sizeof text - used, "%s%s", used ? "; " : "", cases[i].text);
  }
  return cream_fail(err, CREAM_FAILED, "%.200s: %s", name, text);
}

cream_status bars_end(const bar_list *list, const bars_options *bars, const bars_result *result,
                      cream_status status, cream_error *err) {
  junit_case cases[BARS_MOST];
  cream_error late;
  int n;
  if (count(bars) == 0) return status;
  const int missed = make_cases(list, bars, result, status == CREAM_OK ? "" : err->text, cases, &n);
  if (bars->junit) {
    cream_status written = write_junit(list, bars, result, cases, n, &late);
    if (written != CREAM_OK && status == CREAM_OK && !missed) {
      *err = late;
      return written;
    }
    if (written != CREAM_OK) fprintf(stderr, "cream %s: %s\n", list->command, late.text);
  }
  return status == CREAM_OK && missed ? fail_missed(cases, n, result->name, err) : status;
}
