/* Elementary functions that give the same bits with every C library and on every processor. The C standard leaves their
 * last bits open, and a library may choose an algorithm by the processor it runs on. These are made of additions,
 * multiplications and divisions in double, in one order; the build never fuses these (-ffp-contract=off).
 *
 * What trains, measures or draws uses them in place of exp, log, pow, sin, cos, erfc and lgamma of <math.h>. The functions
 * of <math.h> whose results IEEE 754 defines (sqrt, floor, rint, ...) are exact anyway.
 */
#ifndef CREAM_CORE_ELEMENTARY_H
#define CREAM_CORE_ELEMENTARY_H

/* Relative error below 1e-15; 0 below the least double, infinity above the largest; NaN for NaN. */
double cream_exp(double x);

/* The natural logarithm, relative error below 1e-15; -infinity for 0, NaN below. */
double cream_log(double x);

/* x^y for x >= 0: exp(y * log x), so the relative error grows with |y * log x|, 1e-15 for each; 1 for y = 0. */
double cream_pow(double x, double y);

/* For |x| <= 1e5; absolute error below 1e-15. */
double cream_sin(double x);
double cream_cos(double x);

/* The complementary error function, absolute error below 1e-14. */
double cream_erfc(double x);

/* log(gamma(x)) for x > 0, error below 1e-13 of its magnitude, and below 1e-13 near its zeros. */
double cream_lgamma(double x);

#endif
