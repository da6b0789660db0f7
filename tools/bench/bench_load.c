/* cream bench load: how much longer steps take beside other busy processes. */
#define _GNU_SOURCE /* mmap's MAP_ANONYMOUS */
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"
#include "cpu/cpu.h"
#include "tools/cli/progress.h"

enum { ALONE, BESIDE, SIDES, MOST_NEIGHBOURS = 1024 };

/* Processes that compute while *busy is 1, and sleep while it is 0. */
typedef struct neighbours {
  atomic_int *busy; /* shared with them */
  pid_t *pids;
  int count;
} neighbours;

typedef struct load_result {
  bench_kind kind;
  double seconds[SIDES]; /* of a step: medians of the rounds' means */
  double fair; /* how many times as long steps take where all threads get the same share of the processors */
} load_result;

/* ---- neighbours ---------------------------------------------------------------------------------- */

_Noreturn static void be_busy(const atomic_int *busy) {
  enum { PAUSE = 1000 }; /* microseconds */
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  for (volatile unsigned work = 0;;) {
    if (atomic_load_explicit(busy, memory_order_relaxed))
      for (int i = 0; i < 10000; i++) work = work + 1;
    else
      usleep(PAUSE);
  }
}

static void end_neighbours(neighbours *n) {
  for (int i = 0; i < n->count; i++) {
    kill(n->pids[i], SIGKILL);
    waitpid(n->pids[i], NULL, 0);
  }
  free(n->pids);
  if (n->busy) munmap(n->busy, sizeof *n->busy);
}

/* Called before this process has threads. */
static cream_status start_neighbours(neighbours *n, int count, cream_error *err) {
  void *shared = mmap(NULL, sizeof *n->busy, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  *n = (neighbours){.pids = malloc((size_t)count * sizeof *n->pids)};
  if (shared == MAP_FAILED || !n->pids) return cream_fail_memory(err, sizeof *n->busy, "busy processes");
  n->busy = shared;
  atomic_init(n->busy, 0);
  while (n->count < count) {
    const pid_t pid = fork();
    if (pid == 0) be_busy(n->busy);
    if (pid < 0)
      return cream_fail(err, CREAM_FAILED, "a busy process could not be started: %s", strerror(errno));
    n->pids[n->count++] = pid;
  }
  return CREAM_OK;
}

/* ---- rounds -------------------------------------------------------------------------------------- */

/* The mean of steps on one path, for long enough that the scheduler has turned to all processes. */
static cream_status mean_step(bench_work *work, uint64_t seed, uint64_t index, double least, double *mean,
                              cream_error *err) {
  const cream_path path = bench_path(work->skeleton, seed, index),
                   teacher = bench_path(work->skeleton, seed, index + 1);
  const double started = progress_now();
  double elapsed = 0, ignored;
  int steps = 0;
  for (; steps == 0 || elapsed < least; steps++) {
    cream_status status = bench_work_step(work, &path, &teacher, work->batch, &ignored, err);
    if (status != CREAM_OK) return status;
    elapsed = progress_now() - started;
  }
  *mean = elapsed / steps;
  return CREAM_OK;
}

static cream_status run_rounds(bench_work *work, const bench_options *options, const neighbours *n,
                               double *seconds[SIDES], cream_error *err) {
  for (int i = -options->warmup; i < options->rounds; i++)
    for (int side = ALONE; side < SIDES; side++) {
      const uint64_t index = 2 * (uint64_t)(i + options->warmup);
      double mean;
      atomic_store(n->busy, side == BESIDE);
      cream_status status =
          mean_step(work, (uint64_t)options->seed, index, i < 0 ? 0 : options->seconds, &mean, err);
      atomic_store(n->busy, 0);
      if (status != CREAM_OK) return status;
      if (i >= 0) seconds[side][i] = mean;
    }
  return CREAM_OK;
}

static cream_status measure(bench_kind kind, const cream_skeleton *skeleton, const bench_options *options,
                            const neighbours *n, load_result *result, cream_error *err) {
  static bench_work work;
  const size_t bytes = SIDES * (size_t)options->rounds * sizeof(double);
  double *seconds = malloc(bytes);
  if (!seconds) return cream_fail_memory(err, bytes, "timings");
  double *sides[SIDES] = {seconds, seconds + options->rounds};
  const double processors = cream_cpu_threads(), threads = options->threads;
  *result = (load_result){.kind = kind};
  result->fair = fmax(1, (threads + n->count) / fmax(processors, threads));
  cream_status status =
      bench_work_open(&work, kind, skeleton, options->batch, options->threads, options, err);
  if (status == CREAM_OK) status = run_rounds(&work, options, n, sides, err);
  for (int side = 0; side < SIDES && status == CREAM_OK; side++)
    result->seconds[side] = bench_median(sides[side], options->rounds);
  bench_work_close(&work);
  free(seconds);
  return status;
}

/* ---- results ------------------------------------------------------------------------------------- */

static void print(const load_result *results, int count, const cream_skeleton *skeleton,
                  const bench_options *options) {
  bench_print_machine(options->threads);
  printf("%s, %d pixels, %d classes, batch %d; beside %d busy %s; medians of %d rounds\n\n",
         skeleton->space.name, skeleton->resolution, skeleton->classes, options->batch, options->neighbours,
         options->neighbours == 1 ? "process" : "processes", options->rounds);
  printf("%-10s %12s %12s %10s %12s\n", "work", "alone, ms", "beside, ms", "ratio", "fair share");
  for (int i = 0; i < count; i++) {
    const load_result *r = &results[i];
    printf("%-10s %12.2f %12.2f %10.2f %12.2f\n", bench_kind_names[r->kind], 1e3 * r->seconds[ALONE],
           1e3 * r->seconds[BESIDE], r->seconds[BESIDE] / r->seconds[ALONE], r->fair);
  }
}

static void write_json(const load_result *results, int count, const cream_skeleton *skeleton,
                       const bench_options *options) {
  cream_json json = cream_json_to(stdout);
  cream_json_object(&json, NULL, true);
  cream_json_string(&json, "bench", "load");
  bench_write_machine(&json, options->threads);
  bench_write_setting(&json, skeleton, options->batch, options->threads, options->rounds);
  cream_json_integer(&json, "neighbours", (uint64_t)options->neighbours);
  cream_json_array(&json, "works", true);
  for (int i = 0; i < count; i++) {
    const load_result *r = &results[i];
    cream_json_object(&json, NULL, false);
    cream_json_string(&json, "work", bench_kind_names[r->kind]);
    cream_json_number(&json, "alone_ms", 1e3 * r->seconds[ALONE]);
    cream_json_number(&json, "beside_ms", 1e3 * r->seconds[BESIDE]);
    cream_json_number(&json, "ratio", r->seconds[BESIDE] / r->seconds[ALONE]);
    cream_json_number(&json, "fair_share", r->fair);
    cream_json_end(&json);
  }
  cream_json_end(&json);
  cream_json_end(&json);
  putchar('\n');
}

cream_status bench_load(const void *values, cream_error *err) {
  const bench_options *options = values;
  static cream_skeleton skeleton;
  load_result results[BENCH_KINDS];
  neighbours n = {0};
  int count = 0;
  if (options->neighbours > MOST_NEIGHBOURS)
    return cream_fail(err, CREAM_BAD_CONFIG, "--neighbours: got %d, expected at most %d", options->neighbours,
                      MOST_NEIGHBOURS);
  cream_status status = bench_skeleton(options, &skeleton, err);
  if (status == CREAM_OK) status = start_neighbours(&n, options->neighbours, err);
  for (int k = 0; k < BENCH_KINDS && status == CREAM_OK; k++) {
    if (options->kind != BENCH_KINDS && options->kind != k) continue;
    if (!bench_has_work(&skeleton, (bench_kind)k)) continue;
    status = measure((bench_kind)k, &skeleton, options, &n, &results[count++], err);
  }
  end_neighbours(&n);
  if (status != CREAM_OK) return status;
  if (options->json)
    write_json(results, count, &skeleton, options);
  else
    print(results, count, &skeleton, options);
  return CREAM_OK;
}
