/* The parts of a data set. */
#ifndef CREAM_IO_PART_H
#define CREAM_IO_PART_H

typedef enum cream_part { CREAM_PART_TRAIN, CREAM_PART_TEST, CREAM_PARTS } cream_part;

/* "training" or "test". */
const char *cream_part_name(cream_part);

#endif
