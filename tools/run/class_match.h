/* The classes of a weights file and those of a data set, compared by their names. */
#ifndef CREAM_TOOLS_CLASS_MATCH_H
#define CREAM_TOOLS_CLASS_MATCH_H

#include "run_data.h"

/* For a test. Gives the images of the data the labels of the network with the weights config->weights, by the names of the
 * classes: the data may have them in another order, only some of them, or others beside them, whose images are not tested
 * then. Prints on stderr what was changed. Nothing is changed where names are not known: the weights file has none, or
 * those of the data or of the weights are numbers or WordNet codes and the others are not. CREAM_BAD_DATA: the names
 * contradict each other. */
cream_status class_match_test(const cream_config *, run_data *, cream_error *);

/* For a training with the weights in a file; "": there is none. *row_of: for each class of the data the class of the weights with the
 * same name, or -1; the caller frees it. NULL: the names are not known, or are the same in the same order. */
cream_status class_match_train(const char *weights, const run_data *, int **row_of, cream_error *);

#endif
