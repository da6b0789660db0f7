/* Shared by the subcommands of cream bench: options, works (one kind of step on random data), measurements, and how
 * they are printed. */
#ifndef CREAM_TOOLS_BENCH_H
#define CREAM_TOOLS_BENCH_H

#include "bench_boxes.h"
#include "core/cream.h"
#include "core/search/match.h"
#include "core/train/train.h"
#include "io/base/json.h"
#include "profiled.h"
#include "tools/cli/command.h"

/* Kinds of a step:
 *   plain    a supernet training step: forward, loss, backward, optimiser
 *   distill  the same with a teacher's forward pass and the loss of both
 *   match    matching a path with a full board: 10 entries, slices of 4 images
 *   eval     a forward pass for inference, batch norms folded; of a detector, with its detections
 * A detector has the works plain and eval. */
#define BENCH_KIND_LIST(X)                                                                                   \
  X(PLAIN, "plain")                                                                                          \
  X(DISTILL, "distill")                                                                                      \
  X(MATCH, "match")                                                                                          \
  X(EVAL, "eval")
#define BENCH_KIND(name, word) BENCH_##name,
typedef enum bench_kind { BENCH_KIND_LIST(BENCH_KIND) BENCH_KINDS } bench_kind;
#undef BENCH_KIND
extern const char *const bench_kind_names[]; /* [BENCH_KINDS], then "all" and NULL */

typedef struct bench_options {
  cli_line line;
  const char *space, *arch;    /* arch: one network in place of a space's supernet, or NULL */
  int head;                    /* cream_detect_kind: makes the network a detector */
  int resolution;              /* 0: 64, within the space's bounds; the network's own; 512 of a detector */
  int classes;                 /* 0: the space's own number; 80 of a detector */
  int depth[CREAM_MAX_STAGES]; /* all 0: those in proportion to the resolution */
  int batch, threads, rounds, warmup;
  int kind; /* bench_kind; BENCH_KINDS: all */
  int seed;
  const char *freeze;                     /* as the setting retrain.freeze, or NULL */
  int frozen;                             /* as in cream_net_options, of works that train */
  double seconds;                         /* that a peak is measured for; of bench load, a round's steps */
  int neighbours;                         /* of bench load: busy processes */
  bool plain;                             /* the plain kernels */
  int exact, precision;                   /* cream_exact, cream_precision */
  const char *device, *parameters, *tune; /* as in run/device.h; the file that --tune writes */
  int sets;                               /* of parameters that --tune tries */
  bool keep;                              /* what --tune found, for the device */
  bool half;
  bool serve, json;
  double gigabits; /* of the network between the ranks; 0: unknown */
  bool plan;       /* what follows is of the search that is planned, `latency` of the ranks too */
  int epochs, images, parts, part_images;
  double latency; /* microseconds */
  double price;   /* of an hour of a node; 0: unknown */
} bench_options;

/* ---- peaks (bench_peaks.c) ----------------------------------------------------------------------- */

/* What this machine reaches on the threads of the options. */
typedef struct bench_peaks {
  double gemm;     /* FLOP/s of single-threaded cblas_sgemm, one on each thread, on tiles in its cache */
  double fma;      /* FLOP/s of fused multiply-adds in registers */
  double triad;    /* bytes/s of a = b + s*c on arrays too large for caches: two reads, one write */
  double swish;    /* elements/s of swish after a batch norm, by the program's kernel, on rows in its cache */
  double handover; /* seconds that a cache line takes from one thread to another; 0 with a single thread */
} bench_peaks;

cream_status bench_peaks_measure(const bench_options *, bench_peaks *, cream_error *);
/* FLOP/s: the larger of the two. */
double bench_peaks_product(const bench_peaks *);
/* Least seconds that the op's operations and bytes take at the peaks, over its seconds: 1 is the roofline. */
typedef double bench_share(const bench_peaks *, const profiled_op *);
bench_share bench_roofline;
/* The same where exponentials take their time beside the operations, for which they need the same units. */
bench_share bench_roofline_activated;

/* ---- works (bench_work.c) ------------------------------------------------------------------------ */

/* Random images and labels, the same in every batch. */
typedef struct bench_data {
  cream_source source;
  uint8_t *pixels;
  int32_t *labels;
} bench_data;

/* `images`: of an epoch. */
cream_status bench_data_open(bench_data *, const cream_skeleton *, int batch, size_t images, uint64_t seed,
                             cream_error *);
void bench_data_close(bench_data *);

typedef struct bench_work {
  bench_kind kind;
  const cream_skeleton *skeleton;
  cream_backend *backend; /* bench_work_open: a profiled one, owned */
  cream_train train;
  cream_match match; /* MATCH only */
  cream_board board;
  cream_buf target; /* DISTILL: the teacher's probabilities */
  bench_data data;
  bench_boxes boxes; /* of a detector */
  int batch;
  double baseline; /* bytes resident before the work was made */
} bench_work;

bool bench_is_detector(const cream_skeleton *);
/* Whether a network has that kind of step. */
bool bench_has_work(const cream_skeleton *, bench_kind);
/* The supernet or network that the options ask for. */
cream_status bench_skeleton(const bench_options *, cream_skeleton *, cream_error *);
/* A CPU backend that is measured. */
cream_status bench_backend(int threads, const bench_options *, cream_backend **, cream_error *);
/* The skeleton is not copied. bench_work_close takes a zeroed one too, and one that failed to open. */
cream_status bench_work_open(bench_work *, bench_kind, const cream_skeleton *, int batch, int threads,
                             const bench_options *, cream_error *);
void bench_work_close(bench_work *);
/* The same on a backend of any kind, which stays the caller's. */
cream_status bench_work_open_on(bench_work *, bench_kind, const cream_skeleton *, int batch, cream_backend *,
                                const bench_options *, cream_error *);
void bench_work_end(bench_work *);
/* One step on the first n <= batch images; wall-clock seconds. The teacher is for DISTILL alone. */
cream_status bench_work_step(bench_work *, const cream_path *, const cream_path *teacher, int n,
                             double *seconds, cream_error *);
/* The index-th path of a seed, its layers drawn uniformly. */
cream_path bench_path(const cream_skeleton *, uint64_t seed, uint64_t index);

/* Rounds of one kind of step. */
typedef struct bench_timing {
  bench_kind kind;
  int images;                    /* of a step */
  double median, fastest, total; /* seconds of a step; of all */
  double macs;                   /* of a forward pass of one image, mean over the paths */
} bench_timing;

/* Runs options->warmup steps, calls begin(self), and times options->rounds more, on the paths of the seed. */
cream_status bench_time_steps(bench_work *, const bench_options *, void (*begin)(void *self), void *self,
                              bench_timing *, cream_error *);

/* Bytes: the process' largest resident size since the last reset, and the present one; NaN where unknown. */
double bench_memory_peak(void);
double bench_memory_now(void);
void bench_memory_reset(void);

/* ---- statistics (bench_work.c) ------------------------------------------------------------------- */

/* Sorts. */
double bench_median(double *values, int count);

/* ---- results (bench_report.c) -------------------------------------------------------------------- */

/* Machine, versions, threads: as lines, or as the object "machine". */
void bench_print_machine(int threads);
void bench_write_machine(cream_json *, int threads);
void bench_print_peaks(const bench_peaks *);
void bench_write_peaks(cream_json *, const bench_peaks *);
/* Milliseconds of one of the `parts` (steps or calls) that the op's sums are over, its rates, and its share
 * of the peaks. */
void bench_print_rates(const bench_peaks *, const profiled_op *, double parts);
void bench_write_rates(cream_json *, const bench_peaks *, const profiled_op *, double parts);
/* "space", "resolution", "batch" ... of what is measured. */
void bench_write_setting(cream_json *, const cream_skeleton *, int batch, int threads, int rounds);

/* ---- subcommands --------------------------------------------------------------------------------- */

/* `values` are a bench_options. */
cream_status bench_step(const void *values, cream_error *);           /* bench_step.c */
cream_status bench_serve(const void *values, cream_error *);          /* bench_serve.c */
cream_status bench_freeze(const bench_options *, cream_error *);      /* bench_freeze.c */
cream_status bench_device_step(const bench_options *, cream_error *); /* bench_device.c */
cream_status bench_tune(const bench_options *, cream_error *);        /* bench_device.c */
cream_status bench_ops(const void *values, cream_error *);            /* bench_ops.c */
cream_status bench_peaks_run(const void *values, cream_error *);      /* bench_peaks.c */
cream_status bench_scaling(const void *values, cream_error *);        /* bench_scaling.c */
cream_status bench_load(const void *values, cream_error *);           /* bench_load.c */
cream_status bench_cluster(const void *values, cream_error *);        /* bench_cluster.c */
cream_status bench_detect(const void *values, cream_error *);         /* bench_detect.c */

#endif
