/* What is done with a trained network: its test, its weights file, and what is printed of it. */
#ifndef CREAM_TOOLS_TRAINED_H
#define CREAM_TOOLS_TRAINED_H

#include "core/train/evaluate.h"
#include "io/weights/weights.h"
#include "run_data.h"

typedef struct run_test {
  cream_score score;
  double images_per_second;
} run_test;

/* Evaluates the network on the test part, which all ranks share; NULL: alone. confusion: as in cream_evaluate_shared. */
cream_status run_test_net(cream_cluster *, cream_net *, const run_data *, int batch, uint32_t *confusion,
                          run_test *, cream_error *);
/* Writes a network's weights, with the names of the data's classes and how its images were prepared. kind: "trained" or
 * "averaged", or NULL; `extra` tensors as in cream_weights_save. */
cream_status run_save_weights(const char *path, const cream_net *, const run_data *, const char *kind,
                              const cream_st_tensor *extra, int n_extra, cream_error *);
/* Prints a line on stderr where a run ends no better than guessing: with an accuracy within two standard deviations of
 * 1/classes, of at least five images a class. section: "search" or "retrain", whose settings the line names. */
void run_hint_at_chance(const char *section, const cream_score *, int classes);
/* Print on stdout: a network and its costs; the result of a test. */
void run_print_network(const cream_skeleton *, const cream_path *);
void run_print_test(const char *title, const run_test *);

#endif
