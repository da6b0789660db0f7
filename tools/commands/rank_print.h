/* Prints a ranking on stdout. */
#ifndef CREAM_TOOLS_RANK_PRINT_H
#define CREAM_TOOLS_RANK_PRINT_H

#include "io/run/rank.h"

/* Prints the paths by trained accuracy, the correlations with their intervals, and a scatter plot. On a
 * terminal no line is wider than it: less important columns are left out, and paths are cut. */
void rank_print(const cream_rank_report *);

#endif
