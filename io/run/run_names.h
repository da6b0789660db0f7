/* Names of the files in a run folder. Formats: docs/formats.md. */
#ifndef CREAM_IO_RUN_NAMES_H
#define CREAM_IO_RUN_NAMES_H

#define CREAM_RUN_CONFIG     "config.yaml"                 /* all settings, as resolved */
#define CREAM_RUN_ORIGIN     "origin.json"                 /* command lines, machine, data */
#define CREAM_RUN_SPACE      "space.yaml"                  /* a copy of the search space */
#define CREAM_RUN_SPLIT      "split.json"                  /* indices of the held-out images */
#define CREAM_RUN_METRICS    "metrics.jsonl"               /* one line per event */
#define CREAM_RUN_SUMMARY    "summary.csv"                 /* one line per epoch */
#define CREAM_RUN_EVENTS     "events.out.tfevents.0.cream" /* for TensorBoard */
#define CREAM_RUN_BOARD      "board.json"                  /* the prioritized paths */
#define CREAM_RUN_ARCH       "arch.json"                   /* the network found */
#define CREAM_RUN_SUPERNET   "supernet.safetensors"
#define CREAM_RUN_WEIGHTS    "weights.safetensors" /* of a single network */
#define CREAM_RUN_TEST       "test.json"           /* accuracy by class, confusions */
#define CREAM_RUN_DETECTIONS "detections.json"     /* of a detector in the test images, as COCO's results */
#define CREAM_RUN_COCO       "coco.json"           /* COCO's numbers for them, and the classes' */
#define CREAM_RUN_EXAMPLES   "examples.json"       /* some test images with these, for the report */
#define CREAM_RUN_RESULT     "result.json"         /* written last: the run is complete */
#define CREAM_RUN_LOCK       "run.lock"            /* locked (flock) while a run uses the folder */

/* Files that a run appends to: X(NAME, file). */
#define CREAM_RUN_LOG_LIST(X)                                                                                \
  X(METRICS, CREAM_RUN_METRICS)                                                                              \
  X(SUMMARY, CREAM_RUN_SUMMARY)                                                                              \
  X(EVENTS, CREAM_RUN_EVENTS)

typedef enum cream_run_log {
#define CREAM_RUN_LOG_ENUM(name, file) CREAM_LOG_##name,
  CREAM_RUN_LOG_LIST(CREAM_RUN_LOG_ENUM)
#undef CREAM_RUN_LOG_ENUM
      CREAM_LOGS
} cream_run_log;

extern const char *const cream_run_log_names[CREAM_LOGS];

/* The name of a file that exists once per budget: "arch.json" and "14" give "arch-14.json". Without a budget
 * (NULL) the name is unchanged. Returns `text`. */
char *cream_run_budget_name(const char *name, const char *budget, char text[64]);

#endif
