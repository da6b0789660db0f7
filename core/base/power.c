#include "power.h"

#include <math.h>

#include "elementary.h"
#include "rng.h"

enum { MOST_EXACT = 12, MOST_PATHS = 200 };

static cream_test simulated_test(const cream_power_design *design) {
  return design->test == CREAM_TEST_SIGN_FLIP && design->pairs > MOST_EXACT ? CREAM_TEST_T : design->test;
}

double cream_power(const cream_power_design *design, double difference) {
  const double none[CREAM_MAX_PAIRS] = {0};
  double values[CREAM_MAX_PAIRS], found = 0;
  cream_test test = simulated_test(design);
  CREAM_ASSERT(design->pairs <= CREAM_MAX_PAIRS && design->deviation > 0);
  for (int d = 0; d < design->draws; d++) {
    cream_rng rng = cream_rng_at(design->seed, CREAM_RNG_POWER, (uint64_t)d);
    for (size_t i = 0; i < design->pairs; i++)
      values[i] = difference / design->deviation + cream_rng_normal(&rng);
    found += cream_test_p(test, values, none, design->pairs, design->seed) < design->alpha;
  }
  return found / design->draws;
}

double cream_detectable(const cream_power_design *design, double power) {
  double low = 0, high = design->deviation / 8;
  if (cream_test_least_p(design->test, design->pairs) >= design->alpha) return INFINITY;
  while (cream_power(design, high) < power) {
    low = high;
    high *= 2;
    if (high > 1e6 * design->deviation) return INFINITY;
  }
  while (high - low > 0.01 * high) {
    double middle = (low + high) / 2;
    *(cream_power(design, middle) < power ? &low : &high) = middle;
  }
  return (low + high) / 2;
}

double cream_tau_deviation(size_t paths, double tau, int draws, uint64_t seed) {
  double truth[MOST_PATHS], scores[2][MOST_PATHS], sum = 0, squares = 0;
  size_t n = paths < MOST_PATHS ? paths : MOST_PATHS;
  const double share = cream_sin(acos(-1.0) / 2 * tau),
               rest = sqrt(1 - share * share); /* Greiner's relation */
  for (int d = 0; d < draws; d++) {
    cream_rng rng = cream_rng_at(seed, CREAM_RNG_POWER, (uint64_t)d);
    for (size_t i = 0; i < n; i++) {
      truth[i] = cream_rng_normal(&rng);
      for (int k = 0; k < 2; k++) scores[k][i] = share * truth[i] + rest * cream_rng_normal(&rng);
    }
    double value = cream_kendall(scores[0], truth, n) - cream_kendall(scores[1], truth, n);
    sum += value;
    squares += value * value;
  }
  double mean = sum / draws;
  return sqrt((squares / draws - mean * mean) * (double)n / (double)paths);
}
