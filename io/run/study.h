/* A study: the same search with different settings (arms), each with several seeds. Format: docs/ranking.md. */
#ifndef CREAM_IO_STUDY_H
#define CREAM_IO_STUDY_H

#include <stdbool.h>

#include "core/base/config.h"
#include "core/base/significance.h"
#include "study_measures.h"

enum { CREAM_STUDY_MAX_ARMS = 64, CREAM_STUDY_MAX_NAME = 48 };

typedef struct cream_study_arm {
  char name[CREAM_STUDY_MAX_NAME]; /* letters, digits, "-", "_", "." */
  cream_config config;             /* the base settings, changed by those of the arm */
} cream_study_arm;

/* A row of the results: an arm, or one of the budgets of an arm with several (search.budgets). */
typedef struct cream_study_row {
  char name[CREAM_STUDY_MAX_NAME + 32]; /* "arm", "arm@14" */
  int arm;
  char budget[32]; /* label of the budget; "": the arm has one network */
} cream_study_row;

/* Units of the budget that every search of a study is given: X(UNIT, key). */
#define CREAM_STUDY_UNIT_LIST(X)                                                                             \
  X(EPOCHS, "epochs")                                                                                        \
  X(STEPS, "steps")                                                                                          \
  X(SECONDS, "seconds")

typedef enum cream_study_unit {
#define CREAM_STUDY_UNIT_ENUM(unit, key) CREAM_STUDY_##unit,
  CREAM_STUDY_UNIT_LIST(CREAM_STUDY_UNIT_ENUM)
#undef CREAM_STUDY_UNIT_ENUM
      CREAM_STUDY_UNITS
} cream_study_unit;

/* What the study was made to find out, fixed before it began: a measure of some rows, compared with another row. */
typedef struct cream_study_endpoint {
  bool given;
  cream_study_measure measure;
  int against;                       /* row */
  int n, rows[CREAM_STUDY_MAX_ARMS]; /* that are compared with it */
  cream_test test;
  cream_correction correction; /* for their number */
  double alpha, power;
  double deviation; /* expected standard deviation of the differences of seeds; 0: not known */
  char before[400]; /* what it was when the study began; "": the same */
} cream_study_endpoint;

typedef struct cream_study {
  char name[CREAM_STUDY_MAX_NAME];
  cream_config base;
  struct {
    cream_study_unit kind;
    double amount; /* 0: the settings decide */
  } budget;
  int rank;     /* number of paths to rank for each supernet; 0: no ranking */
  bool retrain; /* train the networks found */
  int n_seeds;
  uint64_t seeds[CREAM_MAX_PAIRS];
  int n_arms;
  cream_study_arm *arms;
  int n_rows;
  cream_study_row *rows;
  cream_study_endpoint endpoint;
} cream_study;

extern const char *const cream_study_unit_names[CREAM_STUDY_UNITS]; /* "epochs", ... */

/* Reads a study and the settings file that it names. CREAM_BAD_CONFIG: the error names file, line and key.
 * After success the caller ends the study with cream_study_free. */
cream_status cream_study_load(const char *path, cream_study *, cream_error *);
cream_status cream_study_parse(const char *name, const char *text, size_t size, cream_study *, cream_error *);
void cream_study_free(cream_study *);

#endif
