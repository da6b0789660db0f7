/* Axes with readable numbers: ticks are multiples of 1, 2 or 5 times a power of ten. */
#ifndef CREAM_IO_TERM_AXIS_H
#define CREAM_IO_TERM_AXIS_H

enum { CREAM_TICK_LABEL = 7 }; /* longest label */

/* The smallest distance of ticks with at most `most` intervals in a range (both more than 0). */
double cream_tick_step(double range, int most);

/* Widens [*low, *high] to multiples of a distance of ticks, with at most `most` intervals (at least 2). Returns the
 * distance. low < high. */
double cream_tick_widen(double *low, double *high, int most);

/* Writes a multiple of `step` with as many digits as its neighbours need; largest: the largest absolute value on the axis.
 * From 10,000 on in k, M or G, below 0.001 with an exponent. Returns `text`. */
char *cream_tick_label(double value, double step, double largest, char text[24]);

#endif
