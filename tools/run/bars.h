/* Bars that the result of a command has to reach (--require), and their file for continuous integration (--junit). */
#ifndef CREAM_TOOLS_BARS_H
#define CREAM_TOOLS_BARS_H

#include "tools/cli/command.h"

/* Measures of a command that a bar can be for: X(NAME, word, side, unit, low, high, meaning). A bar lies from `low` to
 * `high`. The words are keys of the command's JSON. A measure is a line here, and a case where the command measures it. */
#define BARS_OF_TEST(X)                                                                                      \
  X(TOP1, "top1", LEAST, PERCENT, 1, 100, "top-1 accuracy")                                                  \
  X(TOP5, "top5", LEAST, PERCENT, 1, 100, "top-5 accuracy")                                                  \
  X(LOSS, "loss", MOST, NUMBER, 0, 1000, "mean cross-entropy")                                               \
  X(WEAKEST, "weakest", LEAST, PERCENT, 1, 100, "accuracy of the least accurate class")                      \
  X(INT8_TOP1, "int8.top1", LEAST, PERCENT, 1, 100, "top-1 accuracy in 8 bits, with --int8")                 \
  X(INT8_TOP5, "int8.top5", LEAST, PERCENT, 1, 100, "top-5 accuracy in 8 bits, with --int8")                 \
  X(INT8_LOSS, "int8.loss", MOST, NUMBER, 0, 1000, "mean cross-entropy in 8 bits, with --int8")              \
  X(INT8_DROP, "int8.drop", MOST, POINTS, 0, 100, "top-1 accuracy that 8 bits cost, with --int8")

#define BARS_OF_RANK(X)                                                                                      \
  X(TAU, "tau", LEAST, NUMBER, -1, 1, "Kendall's tau-b of the accuracies on held-out images")                \
  X(TAU_LOW, "tau.low", LEAST, NUMBER, -1, 1, "lower end of its 95 % interval")                              \
  X(TAU_TEST, "tau.test", LEAST, NUMBER, -1, 1, "tau-b, the trained paths measured on the test images")      \
  X(TAU_LOSS, "tau.loss", LEAST, NUMBER, -1, 1, "tau-b of the losses on held-out images")                    \
  X(RHO, "rho", LEAST, NUMBER, -1, 1, "Spearman's rho of the accuracies on held-out images")                 \
  X(RHO_LOW, "rho.low", LEAST, NUMBER, -1, 1, "lower end of its 95 % interval")                              \
  X(RHO_TEST, "rho.test", LEAST, NUMBER, -1, 1, "rho, the trained paths measured on the test images")        \
  X(RHO_LOSS, "rho.loss", LEAST, NUMBER, -1, 1, "rho of the losses on held-out images")

#define BAR_OF_TEST(name, word, side, unit, low, high, meaning) BAR_TEST_##name,
typedef enum bar_of_test { BARS_OF_TEST(BAR_OF_TEST) BARS_TEST_COUNT } bar_of_test;
#undef BAR_OF_TEST
#define BAR_OF_RANK(name, word, side, unit, low, high, meaning) BAR_RANK_##name,
typedef enum bar_of_rank { BARS_OF_RANK(BAR_OF_RANK) BARS_RANK_COUNT } bar_of_rank;
#undef BAR_OF_RANK

typedef enum bar_side { BAR_LEAST, BAR_MOST } bar_side; /* a bar is the least, the most allowed */
typedef enum bar_unit { BAR_PERCENT, BAR_POINTS, BAR_NUMBER } bar_unit; /* POINTS: of a percentage */

typedef struct bar_measure {
  const char *word;
  bar_side side;
  bar_unit unit;
  double low, high;
  const char *meaning;
} bar_measure;

/* The measures of a command. */
typedef struct bar_list {
  const char *command;
  const bar_measure *measures; /* [n] */
  int n;
} bar_list;
extern const bar_list *const bar_lists[]; /* ends in NULL */
extern const bar_list bars_of_test, bars_of_rank;

enum { BARS_MOST = 16 }; /* measures of a command */

/* Values of the options. */
typedef struct bars_options {
  bool given[BARS_MOST];
  double required[BARS_MOST];
  const char *junit; /* file; NULL: none */
} bars_options;

/* Rows of a table of options: the help ends with the words of the list, BARS_OF_... `require` is the function of --require,
 * which calls bars_add; `words` are those of the completion, "top1=" and so on. */
#define BAR_HELP_WORD(name, word, side, unit, low, high, meaning) " " word
#define BAR_WORD(name, word, side, unit, low, high, meaning)      word "=",
#define BARS_ROWS(owner, member, require, list, words_)                                                      \
  CLI_ACTION(VALUES, require, OUTPUT, "require", "MEASURE=VALUE",                                            \
             "fail with exit code 1 where the result misses this bar; several are separated by commas, or "  \
             "repeated. Measures:" list(BAR_HELP_WORD),                                                      \
             .words = words_),                                                                               \
      CLI_VALUE(owner, member.junit, OUTPUT, "junit", "FILE",                                                \
                "with --require, write a JUnit file with a test case for each bar")

/* Adds the bars of an argument, "top1=97.5,loss=0.3"; a later bar replaces an earlier one for the same measure. */
cream_status bars_add(const bar_list *, bars_options *, const char *argument, cream_error *);
/* For cli_command.check: --junit needs a bar. */
cream_status bars_check(const bars_options *, cream_error *);

/* What bars are held against. */
typedef struct bars_result {
  const char *name; /* of the run or file that was measured: messages begin with it */
  const double *
      measured; /* [n]: shares and per cent alike in per cent; NULL: nothing was measured, `status` says why */
  double seconds; /* of the command */
} bars_result;

/* Ends a command that ended with `status`: writes the JUnit file, and fails with CREAM_FAILED and a line that names the
 * bars that were missed. A failure that the command brings is returned as it is, and each bar is an error in the file. */
cream_status bars_end(const bar_list *, const bars_options *, const bars_result *, cream_status status,
                      cream_error *);

#endif
