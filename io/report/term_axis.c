#include "term_axis.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Rounding errors of a division are no reason for a further interval. */
static const double slack = 1e-9;

/* The first of 1, 2, 5, 10, 20 ... x 10^k that is not less than `value`. */
static double round_up(double value) {
  double power = pow(10, floor(log10(value) + slack)), share = value / power;
  return power * (share <= 1 + slack ? 1 : share <= 2 + slack ? 2 : share <= 5 + slack ? 5 : 10);
}

double cream_tick_step(double range, int most) {
  return round_up(range / most);
}

double cream_tick_widen(double *low, double *high, int most) {
  double step = cream_tick_step(*high - *low, most < 2 ? 2 : most);
  for (;;) {
    double first = floor(*low / step + slack), last = ceil(*high / step - slack);
    if (last - first <= (most < 2 ? 2 : most)) {
      *low = first * step, *high = last * step;
      return step;
    }
    step = round_up(step * 1.5);
  }
}

/* "1.20e-04" as "1.2e-4" is written by C; the exponent's plus sign and leading zeros go. */
static void shorten_exponent(char *text) {
  char *e = strchr(text, 'e'), *from = e ? e + 1 : NULL, *to = from;
  if (!e) return;
  if (*from == '-') to++;
  from++;
  while (*from == '0' && from[1]) from++;
  memmove(to, from, strlen(from) + 1);
}

char *cream_tick_label(double value, double step, double largest, char text[24]) {
  static const struct {
    double from, scale;
    const char *unit;
  } units[] = {{1e9, 1e9, "G"}, {1e6, 1e6, "M"}, {1e4, 1e3, "k"}, {0, 1, ""}};
  if (fabs(value) < step / 2) return strcpy(text, "0");
  if (largest < 1e-3 || largest >= 1e12) {
    int digits = (int)(floor(log10(fabs(value)) + slack) - floor(log10(step) + slack));
    snprintf(text, 24, "%.*e", digits < 0 ? 0 : digits > 3 ? 3 : digits, value);
    shorten_exponent(text);
    return text;
  }
  int u = 0;
  while (largest < units[u].from) u++;
  int digits = (int)-floor(log10(step / units[u].scale) + slack);
  snprintf(text, 24, "%.*f%s",
           digits < 0   ? 0
           : digits > 6 ? 6
                        : digits,
           value / units[u].scale, units[u].unit);
  return text;
}
