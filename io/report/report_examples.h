/* Images of a detector's test part with their boxes, from examples.json. Internal to io/report/report*.c. */
#ifndef CREAM_IO_REPORT_EXAMPLES_H
#define CREAM_IO_REPORT_EXAMPLES_H

#include "report_data.h"

/* Writes a figure for each image of the first runs. False: there are none. */
bool report_examples(FILE *, const report *);

#endif
