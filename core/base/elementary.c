#include "elementary.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "status.h"

/* A constant in two parts: `high` has few enough bits that small multiples of it are exact. */
static const double ln2_high = 0x1.62e42fee00000p-1, ln2_low = 0x1.a39ef35793c76p-33;
static const double half_pi_high = 0x1.921fb54400000p+0, half_pi_middle = 0x1.0b4611a600000p-34,
                    half_pi_low = 0x1.3198a2e037073p-69;

/* coefficient[0] + x * (coefficient[1] + ...) */
static double polynomial(const double *coefficient, int count, double x) {
  double sum = coefficient[count - 1];
  for (int i = count - 2; i >= 0; i--) sum = sum * x + coefficient[i];
  return sum;
}

/* x * 2^n in two exact steps, but for what rounds to a subnormal number. */
static double scale(double x, int n) {
  const int half = n / 2;
  const uint64_t first = (uint64_t)(half + 1023) << 52, second = (uint64_t)(n - half + 1023) << 52;
  double a, b;
  memcpy(&a, &first, sizeof a);
  memcpy(&b, &second, sizeof b);
  return x * a * b;
}

/* frexp of x > 0, which for normal numbers is the exponent's bits. */
static double mantissa(double x, int *exponent) {
  uint64_t bits;
  memcpy(&bits, &x, sizeof bits);
  *exponent = (int)(bits >> 52) - 1022;
  if (bits >> 52 == 0) return frexp(x, exponent);
  bits = (bits & 0xfffffffffffff) | (uint64_t)1022 << 52;
  memcpy(&x, &bits, sizeof x);
  return x;
}

double cream_exp(double x) {
  static const double inverse_factorials[] = {1.0 / 2,
                                              1.0 / 6,
                                              1.0 / 24,
                                              1.0 / 120,
                                              1.0 / 720,
                                              1.0 / 5040,
                                              1.0 / 40320,
                                              1.0 / 362880,
                                              1.0 / 3628800,
                                              1.0 / 39916800,
                                              1.0 / 479001600,
                                              1.0 / 6227020800.0,
                                              1.0 / 87178291200.0};
  if (isnan(x)) return x;
  if (x > 709.8) return INFINITY;
  if (x < -745.2) return 0;
  const double n = rint(x * 1.4426950408889634);
  const double high = x - n * ln2_high, low = n * ln2_low, f = high - low, lost = high - f - low;
  const double tail = polynomial(inverse_factorials, 13, f) * f * f;
  return scale(1 + (f + (tail + lost)), (int)n);
}

double cream_log(double x) {
  static const double odd[] = {2.0 / 3,  2.0 / 5,  2.0 / 7,  2.0 / 9,  2.0 / 11,
                               2.0 / 13, 2.0 / 15, 2.0 / 17, 2.0 / 19, 2.0 / 21};
  if (isnan(x) || x < 0) return NAN;
  if (x == 0) return -INFINITY;
  if (isinf(x)) return x;
  int exponent;
  double m = mantissa(x, &exponent);
  const int low = m < 0.70710678118654752; /* no branch: nobody could predict it */
  m *= 1 + low;
  exponent -= low;
  /* log(1 + f) = f - f^2/2 + s * (f^2/2 + r(s)), s = f / (2 + f) */
  const double f = m - 1, s = f / (2 + f), square = s * s, half = 0.5 * f * f, n = exponent;
  const double r = polynomial(odd, 10, square) * square;
  return n * ln2_high - ((half - (s * (half + r) + n * ln2_low)) - f);
}

double cream_pow(double x, double y) {
  CREAM_ASSERT(!(x < 0));
  return y == 0 ? 1 : cream_exp(y * cream_log(x));
}

/* sin(x + quarters * pi / 2) */
static double sine(double x, int quarters) {
  static const double odd[] = {-1.0 / 6,
                               1.0 / 120,
                               -1.0 / 5040,
                               1.0 / 362880,
                               -1.0 / 39916800,
                               1.0 / 6227020800.0,
                               -1.0 / 1307674368000.0,
                               1.0 / 355687428096000.0};
  static const double even[] = {1.0 / 24,
                                -1.0 / 720,
                                1.0 / 40320,
                                -1.0 / 3628800,
                                1.0 / 479001600,
                                -1.0 / 87178291200.0,
                                1.0 / 20922789888000.0,
                                -1.0 / 6402373705728000.0};
  CREAM_ASSERT(!(fabs(x) > 1e5));
  if (isnan(x)) return x;
  const double n = rint(x * 0.63661977236758134);
  const double r = ((x - n * half_pi_high) - n * half_pi_middle) - n * half_pi_low, square = r * r;
  const int turn = ((int)n + quarters) & 3;
  const double values[] = {r + r * square * polynomial(odd, 8, square),
                           1 - (0.5 * square - square * square * polynomial(even, 8, square))};
  return values[turn & 1] * (1 - (turn & 2)); /* no branches: nobody could predict them */
}

double cream_sin(double x) {
  return sine(x, 0);
}

double cream_cos(double x) {
  return sine(x, 1);
}

double cream_erfc(double x) {
  const double two_over_root_pi = 1.1283791670955126, square = x * x;
  if (isnan(x)) return x;
  if (fabs(x) < 2.5) { /* erf(x) = 2/sqrt(pi) * exp(-x^2) * sum of 2^n x^(2n+1) / (1*3*...*(2n+1)) */
    double term = x, sum = x;
    for (int n = 1; n < 60; n++) {
      term *= 2 * square / (2 * n + 1);
      sum += term;
    }
    return 1 - two_over_root_pi * cream_exp(-square) * sum;
  }
  double fraction = fabs(x); /* a continued fraction, from its end */
  for (int n = 60; n > 0; n--) fraction = fabs(x) + 0.5 * n / fraction;
  const double tail = 0.5 * two_over_root_pi * cream_exp(-square) / fraction;
  return x > 0 ? tail : 2 - tail;
}

double cream_lgamma(double x) {
  static const double stirling[] = {1.0 / 12,   -1.0 / 360,      1.0 / 1260, -1.0 / 1680,
                                    1.0 / 1188, -691.0 / 360360, 1.0 / 156};
  CREAM_ASSERT(x > 0);
  double product = 1;
  for (; x < 12; x++) product *= x;
  const double inverse = 1 / x;
  return (x - 0.5) * cream_log(x) - x + 0.91893853320467274 +
         polynomial(stirling, 7, inverse * inverse) * inverse - cream_log(product);
}
