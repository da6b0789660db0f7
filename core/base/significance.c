#include "significance.h"

#include <math.h>
#include <stdlib.h>

#include "rng.h"

const char *const cream_test_words[CREAM_TEST_COUNT + 1] = {
#define WORD(test, word, title) [CREAM_TEST_##test] = word,
    CREAM_TEST_LIST(WORD)
#undef WORD
};

const char *const cream_test_titles[CREAM_TEST_COUNT] = {
#define TITLE(test, word, title) [CREAM_TEST_##test] = title,
    CREAM_TEST_LIST(TITLE)
#undef TITLE
};

const char *const cream_correction_words[CREAM_CORRECTION_COUNT + 1] = {
#define WORD(correction, word) [CREAM_CORRECTION_##correction] = word,
    CREAM_CORRECTION_LIST(WORD)
#undef WORD
};

/* ---- sign flips -------------------------------------------------------------------------------------- */

/* Of all signs of difference[i..n-1], how many give a sum of at least `reach` in size, with `sum` of those before. */
static double count_extreme(const double *difference, size_t i, size_t n, double sum, double reach) {
  if (i == n) return fabs(sum) >= reach;
  return count_extreme(difference, i + 1, n, sum + difference[i], reach) +
         count_extreme(difference, i + 1, n, sum - difference[i], reach);
}

static double drawn_sum(const double *difference, size_t n, uint64_t seed, uint64_t draw) {
  cream_rng rng = cream_rng_at(seed, CREAM_RNG_SIGNS, draw);
  uint32_t word = 0;
  double sum = 0;
  for (size_t i = 0; i < n; i++) {
    if (i % 32 == 0) word = cream_rng_u32(&rng);
    sum += word >> i % 32 & 1 ? -difference[i] : difference[i];
  }
  return sum;
}

double cream_sign_flip(const double *x, const double *y, size_t n, uint64_t seed) {
  double difference[CREAM_MAX_PAIRS], seen = 0, extreme = 1;
  double noise = cream_differences(x, y, n, difference);
  bool differs = false;
  for (size_t i = 0; i < n; i++) {
    seen += difference[i];
    differs |= difference[i] != 0;
  }
  if (!differs) return NAN;
  double reach = fabs(seen) - noise * (double)n;
  if (n <= CREAM_SIGN_FLIP_EXACT) /* a half is the mirror of the other */
    return count_extreme(difference, 1, n, difference[0], reach) / (double)(1u << (n - 1));
  for (int draw = 0; draw < CREAM_SIGN_FLIP_DRAWS; draw++)
    extreme += fabs(drawn_sum(difference, n, seed, (uint64_t)draw)) >= reach;
  return extreme / (CREAM_SIGN_FLIP_DRAWS + 1);
}

double cream_test_p(cream_test test, const double *x, const double *y, size_t n, uint64_t seed) {
  switch (test) {
  case CREAM_TEST_T:
    return cream_paired_test(x, y, n).p;
  case CREAM_TEST_SIGN_FLIP:
    return cream_sign_flip(x, y, n, seed);
  case CREAM_TEST_WILCOXON:
    return cream_paired_test(x, y, n).wilcoxon;
  case CREAM_TEST_COUNT:
    break;
  }
  CREAM_ASSERT(!"a test");
  return NAN;
}

double cream_test_least_p(cream_test test, size_t n) {
  switch (test) {
  case CREAM_TEST_T:
    return n > 1 ? 0 : 1;
  case CREAM_TEST_SIGN_FLIP:
    if (n > CREAM_SIGN_FLIP_EXACT) return 1.0 / (CREAM_SIGN_FLIP_DRAWS + 1);
    return ldexp(2, -(int)n);
  case CREAM_TEST_WILCOXON:
    return ldexp(2, -(int)n);
  case CREAM_TEST_COUNT:
    break;
  }
  CREAM_ASSERT(!"a test");
  return NAN;
}

/* ---- several comparisons ----------------------------------------------------------------------------- */

static void holm(double *p, size_t n) {
  size_t left = 0;
  double reached = 0;
  for (size_t i = 0; i < n; i++) left += !isnan(p[i]);
  bool *done = calloc(n + 1, sizeof *done);
  CREAM_ASSERT(done);
  for (; left > 0; left--) {
    size_t next = n;
    for (size_t i = 0; i < n; i++)
      if (!done[i] && !isnan(p[i]) && (next == n || p[i] < p[next])) next = i;
    reached = fmax(reached, fmin(1, p[next] * (double)left));
    p[next] = reached;
    done[next] = true;
  }
  free(done);
}

void cream_correct(cream_correction correction, const double *p, size_t n, double *corrected) {
  for (size_t i = 0; i < n; i++) corrected[i] = p[i];
  switch (correction) {
  case CREAM_CORRECTION_HOLM:
    holm(corrected, n);
    return;
  case CREAM_CORRECTION_NONE:
    return;
  case CREAM_CORRECTION_COUNT:
    break;
  }
  CREAM_ASSERT(!"a correction");
}

/* ---- two levels -------------------------------------------------------------------------------------- */

static void draw(cream_rng *rng, size_t *drawn, size_t n) {
  for (size_t i = 0; i < n; i++) drawn[i] = cream_rng_below(rng, (uint32_t)n);
}

/* group, member: scratch. NULL: no resample, all groups with all members. */
static double levels_value(const cream_levels *levels, cream_rng *rng, size_t *group, size_t *member) {
  double sum = 0;
  if (rng) draw(rng, group, levels->groups);
  for (size_t g = 0; g < levels->groups; g++) {
    size_t own = rng ? group[g] : g, n = levels->members ? levels->members[own] : 0;
    if (rng && (g == 0 || !levels->crossed)) draw(rng, member, n);
    for (size_t i = 0; i < n && !rng; i++) member[i] = i;
    sum += levels->value(levels->self, own, member, n);
  }
  return levels->groups ? sum / (double)levels->groups : NAN;
}

static int ascending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

cream_status cream_levels_interval(const cream_bootstrap *bootstrap, const cream_levels *levels,
                                   cream_interval *interval, cream_error *err) {
  size_t most = 1, defined = 0, count = (size_t)bootstrap->resamples;
  for (size_t g = 0; g < levels->groups && levels->members; g++) {
    CREAM_ASSERT(!levels->crossed || levels->members[g] == levels->members[0]);
    if (levels->members[g] > most) most = levels->members[g];
  }
  size_t bytes = count * sizeof(double), indices = (levels->groups + most) * sizeof(size_t);
  double *values = malloc(bytes);
  size_t *group = malloc(indices), *member = group ? group + levels->groups : NULL;
  cream_status status = values && group ? CREAM_OK : cream_fail_memory(err, bytes + indices, "a bootstrap");
  if (!status) *interval = (cream_interval){levels_value(levels, NULL, group, member), NAN, NAN};
  for (size_t r = 0; r < count && !status && !isnan(interval->value); r++) {
    cream_rng rng = cream_rng_at(bootstrap->seed, CREAM_RNG_BOOTSTRAP, r);
    double value = levels_value(levels, &rng, group, member);
    if (!isnan(value)) values[defined++] = value;
  }
  if (!status && defined) {
    qsort(values, defined, sizeof *values, ascending);
    interval->low = cream_quantile(values, defined, (1 - bootstrap->level) / 2);
    interval->high = cream_quantile(values, defined, (1 + bootstrap->level) / 2);
  }
  free(values);
  free(group);
  return status;
}
