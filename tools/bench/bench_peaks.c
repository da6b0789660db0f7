#include <cblas.h>
#include <math.h>
#include <omp.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "bench.h"
#include "core/base/isa.h"
#include "cpu/cpu.h"
#include "tools/cli/progress.h"

/* ---- fused multiply-adds ------------------------------------------------------------------------- */

enum { FMA_SUMS = 12, FMA_REPEATS = 4096 }; /* independent sums hide the latency of an addition */

/* Runs FMA_REPEATS times FMA_SUMS multiply-adds of a vector; returns their sum, so that the compiler keeps them. */
typedef float fma_loop(float factor, float term);

#define FMA_LOOP(NAME, TARGET, VECTOR, SET, FMA)                                                             \
  TARGET static float NAME(float factor, float term) {                                                       \
    VECTOR f = SET(factor), t = SET(term), sums[FMA_SUMS];                                                   \
    for (int i = 0; i < FMA_SUMS; i++) sums[i] = SET((float)i);                                              \
    for (int r = 0; r < FMA_REPEATS; r++)                                                                    \
      _Pragma("GCC unroll 12") for (int i = 0; i < FMA_SUMS; i++) sums[i] = FMA(sums[i], f, t);              \
    float result = 0, lanes[sizeof(VECTOR) / sizeof(float)];                                                 \
    for (int i = 0; i < FMA_SUMS; i++) {                                                                     \
      memcpy(lanes, &sums[i], sizeof lanes);                                                                 \
      result += lanes[0];                                                                                    \
    }                                                                                                        \
    return result;                                                                                           \
  }

typedef float vector4 __attribute__((vector_size(16)));
static inline vector4 set4(float x) {
  return (vector4){x, x, x, x};
}
static inline vector4 fma4(vector4 a, vector4 b, vector4 c) {
  return a * b + c;
}
FMA_LOOP(fma_generic, , vector4, set4, fma4)
#if defined(__x86_64__)
FMA_LOOP(fma_avx2, __attribute__((target("avx2,fma"))), __m256, _mm256_set1_ps, _mm256_fmadd_ps)
FMA_LOOP(fma_avx512, __attribute__((target("avx512f"))), __m512, _mm512_set1_ps, _mm512_fmadd_ps)
#endif

static fma_loop *choose_fma(int *lanes) {
#if defined(__x86_64__)
  if (cream_isa_present(CREAM_ISA_AVX512)) {
    *lanes = 16;
    return fma_avx512;
  }
  if (cream_isa_present(CREAM_ISA_AVX2)) {
    *lanes = 8;
    return fma_avx2;
  }
#endif
  *lanes = 4;
  return fma_generic;
}

static double measure_fma(int threads, double seconds) {
  int lanes;
  fma_loop *loop = choose_fma(&lanes);
  double rounds = 0, kept = 0, started = progress_now(), elapsed;
#pragma omp parallel num_threads(threads)
  {
    double mine = 0, sums = 0;
    do {
      sums += loop(0.5f, 1);
      mine++;
    } while (progress_now() - started < seconds);
#pragma omp atomic
    rounds += mine;
#pragma omp atomic
    kept += sums;
  }
  elapsed = progress_now() - started;
  CREAM_ASSERT(kept >= 0);
  return 2.0 * lanes * FMA_SUMS * FMA_REPEATS * rounds / elapsed;
}

/* ---- products ------------------------------------------------------------------------------------ */

enum { TILE_ROWS = 256, TILE_DEPTH = 192, TILE_COLUMNS = 192 }; /* half a megabyte in all */

static void product(const float *a, const float *b, float *c) {
  cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, TILE_ROWS, TILE_COLUMNS, TILE_DEPTH, 1, a,
              TILE_DEPTH, b, TILE_COLUMNS, 0, c, TILE_COLUMNS);
}

static double measure_gemm(int threads, double seconds, float *memory) {
  const size_t a = (size_t)TILE_ROWS * TILE_DEPTH, b = (size_t)TILE_DEPTH * TILE_COLUMNS;
  const size_t all = a + b + (size_t)TILE_ROWS * TILE_COLUMNS;
  double rounds = 0, started = 0;
#pragma omp parallel num_threads(threads)
  {
    const int thread = omp_get_thread_num();
    float *own = memory + all * (size_t)thread;
    double mine = 0;
    for (size_t i = 0; i < all; i++) own[i] = 1.0f / (float)(1 + i % 7);
    product(own, own + a, own + a + b);
#pragma omp barrier
    if (thread == 0) started = progress_now();
#pragma omp barrier
    do {
      product(own, own + a, own + a + b);
      mine++;
    } while (progress_now() - started < seconds);
#pragma omp atomic
    rounds += mine;
  }
  return 2.0 * TILE_ROWS * TILE_COLUMNS * TILE_DEPTH * rounds / (progress_now() - started);
}

/* ---- memory -------------------------------------------------------------------------------------- */

enum { TRIAD_COUNT = 16 << 20 }; /* floats of an array: 64 MiB */

static void triad(int threads, float *a, const float *b, const float *c, float s) {
#pragma omp parallel for num_threads(threads) schedule(static)
  for (size_t i = 0; i < TRIAD_COUNT; i++) a[i] = b[i] + s * c[i];
}

/* The best sweep, so that a disturbance does not count. */
static double measure_triad(int threads, double seconds, float *memory) {
  float *a = memory, *b = a + TRIAD_COUNT, *c = b + TRIAD_COUNT;
#pragma omp parallel for num_threads(threads) schedule(static)
  for (size_t i = 0; i < TRIAD_COUNT; i++) a[i] = b[i] = c[i] = 1;
  double best = 0, started = progress_now(), before = started;
  do {
    triad(threads, a, b, c, 0.5f);
    double after = progress_now(), rate = 3.0 * sizeof(float) * TRIAD_COUNT / (after - before);
    if (rate > best) best = rate;
    before = after;
  } while (before - started < seconds);
  return best;
}

/* ---- activations --------------------------------------------------------------------------------- */

enum {
  SWISH_IMAGES = 16,
  SWISH_SIDE = 8,
  SWISH_CHANNELS = 64,
  SWISH_CALLS = 16
}; /* a quarter of a megabyte a thread */

/* Global average pools of images that have a batch norm and swish pending: little but the activation. */
static cream_status measure_swish(const bench_options *options, double *peak, cream_error *err) {
  const cream_cpu_options cpu = {.threads = options->threads, .exact = (cream_exact)options->exact};
  const int n = SWISH_IMAGES * options->threads;
  const size_t elements = (size_t)n * SWISH_SIDE * SWISH_SIDE * SWISH_CHANNELS;
  const cream_conv none = {
      .cin = SWISH_CHANNELS, .cout = SWISH_CHANNELS, .kernel = 1, .stride = 1, .dilation = 1};
  cream_backend *backend;
  cream_buf maps = {0}, raw = {0}, pooled = {0};
  cream_status status = cream_cpu_create(&cpu, &backend, err);
  if (status) return status;
  status = backend->reserve(backend, &none, n, SWISH_SIDE, SWISH_SIDE, err);
  if (!status) status = backend->alloc(backend, 2 * (size_t)SWISH_CHANNELS, &maps, err);
  if (!status) status = backend->alloc(backend, elements, &raw, err);
  if (!status) status = backend->alloc(backend, (size_t)n * SWISH_CHANNELS, &pooled, err);
  if (!status) {
    const cream_tensor x = {.n = n,
                            .h = SWISH_SIDE,
                            .w = SWISH_SIDE,
                            .c = SWISH_CHANNELS,
                            .raw = raw,
                            .scale = maps,
                            .shift = cream_buf_at(maps, SWISH_CHANNELS),
                            .act = CREAM_ACT_SWISH};
    backend->fill(backend, maps, 2 * (size_t)SWISH_CHANNELS, 0.5f);
    backend->fill(backend, raw, elements, 1);
    backend->pool_forward(backend, &x, pooled);
    double started = progress_now(), before = started;
    do {
      for (int i = 0; i < SWISH_CALLS; i++) backend->pool_forward(backend, &x, pooled);
      const double after = progress_now();
      *peak = fmax(*peak, SWISH_CALLS * (double)elements / (after - before));
      before = after;
    } while (before - started < options->seconds);
  }
  backend->release(backend, pooled);
  backend->release(backend, raw);
  backend->release(backend, maps);
  backend->destroy(backend);
  return status;
}

/* ---- hand-over ----------------------------------------------------------------------------------- */

enum { HANDOVERS = 1000, PATIENCE = 100000 };

/* Seconds in which a cache line moves from one of two threads to the other. */
static double measure_handover(void) {
  _Alignas(128) static atomic_int turn;
  double elapsed = 0;
  atomic_store(&turn, 0);
#pragma omp parallel num_threads(2)
  if (omp_get_num_threads() == 2) {
    const int thread = omp_get_thread_num();
#pragma omp barrier
    const double started = progress_now();
    for (int i = thread; i < HANDOVERS; i += 2) {
      for (int spins = 0; atomic_load_explicit(&turn, memory_order_acquire) != i; spins++)
        if (spins >= PATIENCE) sched_yield(); /* both on one processor */
      atomic_store_explicit(&turn, i + 1, memory_order_release);
    }
    if (thread == 1) elapsed = progress_now() - started; /* it is the last one to get the line */
  }
  return elapsed / HANDOVERS;
}

enum { WINDOWS = 5 }; /* the best of them counts, so that a disturbance does not */

cream_status bench_peaks_measure(const bench_options *options, bench_peaks *peaks, cream_error *err) {
  const int threads = options->threads;
  const double seconds = options->seconds;
  size_t tiles =
      (size_t)threads * (TILE_ROWS * TILE_DEPTH + TILE_DEPTH * TILE_COLUMNS + TILE_ROWS * TILE_COLUMNS);
  size_t count = 3 * (size_t)TRIAD_COUNT > tiles ? 3 * (size_t)TRIAD_COUNT : tiles;
  float *memory = aligned_alloc(64, count * sizeof *memory);
  if (!memory) return cream_fail_memory(err, count * sizeof *memory, "measuring the peaks");
  openblas_set_num_threads(1);
  *peaks = (bench_peaks){0};
  for (int i = 0; i < WINDOWS; i++) {
    peaks->fma = fmax(peaks->fma, measure_fma(threads, seconds / WINDOWS));
    peaks->gemm = fmax(peaks->gemm, measure_gemm(threads, seconds / WINDOWS, memory));
    const double handover = threads > 1 ? measure_handover() : 0;
    if (i == 0 || handover < peaks->handover) peaks->handover = handover;
  }
  peaks->triad = measure_triad(threads, seconds, memory);
  free(memory);
  return measure_swish(options, &peaks->swish, err);
}

double bench_peaks_product(const bench_peaks *peaks) {
  return peaks->gemm > peaks->fma ? peaks->gemm : peaks->fma;
}

double bench_roofline(const bench_peaks *peaks, const profiled_op *op) {
  return fmax(op->flops / bench_peaks_product(peaks), op->bytes / peaks->triad) / op->seconds;
}

double bench_roofline_activated(const bench_peaks *peaks, const profiled_op *op) {
  const double operations = op->flops / bench_peaks_product(peaks) + op->exponentials / peaks->swish;
  return fmax(operations, op->bytes / peaks->triad) / op->seconds;
}

cream_status bench_peaks_run(const void *values, cream_error *err) {
  const bench_options *options = values;
  bench_peaks peaks;
  cream_status status = bench_peaks_measure(options, &peaks, err);
  if (status != CREAM_OK) return status;
  if (options->json) {
    cream_json json = cream_json_to(stdout);
    cream_json_object(&json, NULL, true);
    cream_json_string(&json, "bench", "peaks");
    bench_write_machine(&json, options->threads);
    bench_write_peaks(&json, &peaks);
    cream_json_end(&json);
    putchar('\n');
  } else {
    bench_print_machine(options->threads);
    bench_print_peaks(&peaks);
  }
  return CREAM_OK;
}
