/* Whether paired values differ by more than chance, and how far an estimate may be from the truth. What is not defined
 * is NaN. */
#ifndef CREAM_CORE_SIGNIFICANCE_H
#define CREAM_CORE_SIGNIFICANCE_H

#include <stdbool.h>

#include "statistics.h"

/* Two-sided tests of a mean difference of pairs: X(TEST, word, title). */
#define CREAM_TEST_LIST(X)                                                                                   \
  X(T, "t", "paired t test")                                                                                 \
  X(SIGN_FLIP, "sign-flip", "sign-flip test")                                                                \
  X(WILCOXON, "wilcoxon", "Wilcoxon's signed-rank test")

typedef enum cream_test {
#define CREAM_TEST_ENUM(test, word, title) CREAM_TEST_##test,
  CREAM_TEST_LIST(CREAM_TEST_ENUM)
#undef CREAM_TEST_ENUM
      CREAM_TEST_COUNT
} cream_test;

/* Corrections of the p of several comparisons: X(CORRECTION, word). */
#define CREAM_CORRECTION_LIST(X)                                                                             \
  X(HOLM, "holm")                                                                                            \
  X(NONE, "none")

typedef enum cream_correction {
#define CREAM_CORRECTION_ENUM(correction, word) CREAM_CORRECTION_##correction,
  CREAM_CORRECTION_LIST(CREAM_CORRECTION_ENUM)
#undef CREAM_CORRECTION_ENUM
      CREAM_CORRECTION_COUNT
} cream_correction;

/* By value; the words end with NULL. */
extern const char *const cream_test_words[CREAM_TEST_COUNT + 1],
    *const cream_test_titles[CREAM_TEST_COUNT], *const cream_correction_words[CREAM_CORRECTION_COUNT + 1];

enum { CREAM_SIGN_FLIP_EXACT = 16, CREAM_SIGN_FLIP_DRAWS = 100000 };

/* p of the mean of x - y where every difference could as well have the other sign. Up to CREAM_SIGN_FLIP_EXACT pairs, all
 * signs are counted; of more, CREAM_SIGN_FLIP_DRAWS drawn by the seed, and the signs that were seen: sign i of draw d is
 * bit i % 32 of word i / 32 of cream_rng_at(seed, CREAM_RNG_SIGNS, d). Equal differences as in cream_differences. */
double cream_sign_flip(const double *x, const double *y, size_t n, uint64_t seed);

/* p of a test. seed: of the sign-flip test. */
double cream_test_p(cream_test, const double *x, const double *y, size_t n, uint64_t seed);
/* The smallest p that n pairs can have. */
double cream_test_least_p(cream_test, size_t n);

/* Corrects the p of n comparisons for their number; a NaN remains one and does not count. p and corrected may be the
 * same. HOLM: the step-down method of Holm (1979). */
void cream_correct(cream_correction, const double *p, size_t n, double *corrected);

/* Values on two levels: groups (seeds of a study), and in each of them members (paths of a ranking). */
typedef struct cream_levels {
  size_t groups;
  const size_t *members; /* of each group; NULL: groups are values of their own */
  bool crossed;          /* all groups have the same members: one drawing of members serves all groups */
  /* The value of a group from these members (with repetitions); n 0: the groups have none. */
  double (*value)(const void *self, size_t group, const size_t *members, size_t n);
  const void *self;
} cream_levels;

/* The mean of the groups' values and its percentile interval over resamples of the groups and, in each drawn group, of
 * its members. Resample r draws from cream_rng_at(seed, CREAM_RNG_BOOTSTRAP, r): all groups first, then their members in
 * this order (crossed: once). Resamples that are not defined are skipped. Fails when out of memory. */
cream_status cream_levels_interval(const cream_bootstrap *, const cream_levels *, cream_interval *,
                                   cream_error *);

#endif
