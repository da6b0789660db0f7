/* The parts of a data set. */
#ifndef CREAM_IO_PART_H
#define CREAM_IO_PART_H

#include <stdbool.h>

typedef enum cream_part { CREAM_PART_TRAIN, CREAM_PART_TEST, CREAM_PARTS } cream_part;

/* "training" or "test". */
const char *cream_part_name(cream_part);

/* Whether a word, in upper or lower case, names a part: train, training; val, validation, valid, test, testing, eval, dev.
 * *rank: its place among the words of that part; where several are present, the lowest is used. */
bool cream_part_of_word(const char *word, cream_part *, int *rank);

#endif
