/* Studies: the same search with different settings, over seeds. Format: docs/ranking.md. */
#ifndef CREAM_IO_STUDY_H
#define CREAM_IO_STUDY_H

#include <stdbool.h>

#include "core/base/config.h"
#include "core/base/statistics.h"

enum { CREAM_STUDY_MAX_ARMS = 64, CREAM_STUDY_MAX_NAME = 48 };

typedef struct cream_study_arm {
  char name[CREAM_STUDY_MAX_NAME]; /* letters, digits, "-", "_", "." */
  cream_config config;             /* the base with the arm's own settings */
} cream_study_arm;

/* A line of the table: an arm, or one of the budgets of an arm that has several (search.budgets). */
typedef struct cream_study_row {
  char name[CREAM_STUDY_MAX_NAME + 32]; /* "arm", "arm@14" */
  int arm;
  char budget[32]; /* its label; "": the arm has one network */
} cream_study_row;

/* What every search of a study gets. */
typedef enum cream_study_unit { CREAM_STUDY_EPOCHS, CREAM_STUDY_STEPS, CREAM_STUDY_SECONDS } cream_study_unit;

typedef struct cream_study {
  char name[CREAM_STUDY_MAX_NAME];
  cream_config base;
  struct {
    cream_study_unit kind;
    double amount; /* 0: what the settings say */
  } budget;
  int rank; /* paths of a ranking of each supernet; 0: none */
  bool retrain;
  int n_seeds;
  uint64_t seeds[CREAM_MAX_PAIRS];
  int n_arms;
  cream_study_arm *arms;
  int n_rows;
  cream_study_row *rows;
} cream_study;

extern const char *const cream_study_unit_names[]; /* by cream_study_unit: "epochs", ... */

/* Reads a study and the settings file that it names. CREAM_BAD_CONFIG with file, line and key. The caller
 * ends it with cream_study_free. */
cream_status cream_study_load(const char *path, cream_study *, cream_error *);
cream_status cream_study_parse(const char *name, const char *text, size_t size, cream_study *, cream_error *);
void cream_study_free(cream_study *);

#endif
