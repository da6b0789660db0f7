/* Time and memory that the process uses. */
#ifndef CREAM_IO_USAGE_H
#define CREAM_IO_USAGE_H

double cream_usage_monotonic(void); /* seconds of a clock that never goes back */
double cream_usage_wall(void);      /* seconds since 1970 */
/* Largest resident size of the process so far, in bytes; NaN: not known. */
double cream_usage_peak_memory(void);

#endif
