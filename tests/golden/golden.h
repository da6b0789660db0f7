/* Golden data for an `ops` (tools/bench/parity_ops.h): inputs by name, and comparison with expected values. Names are
 * printf formats; in the file they follow `part.`.
 */
#ifndef CREAM_TESTS_GOLDEN_GOLDEN_H
#define CREAM_TESTS_GOLDEN_GOLDEN_H

#include "tools/bench/parity_ops.h"

#include "io/weights/safetensors.h"

/* A backend with what a test has allocated on it, and the part of a file that names are looked up in. */
typedef struct golden_ops {
  ops ops;
  const cream_st_file *file;
  const char *part; /* "": names are whole */
} golden_ops;

#define GOLDEN_FORMAT(at) __attribute__((format(printf, at, at + 1)))

static inline const cream_st_tensor *golden_find(const golden_ops *g, char full[128], const char *format,
                                                 va_list arguments) {
  char name[96];
  vsnprintf(name, sizeof name, format, arguments);
  snprintf(full, 128, "%s%s%s", g->part, g->part[0] ? "." : "", name);
  return cream_st_find(g->file, full);
}

/* The same, which must exist, as floats. */
static inline const float *golden_need(const golden_ops *g, char full[128], size_t *count, const char *format,
                                       va_list arguments) {
  const cream_st_tensor *tensor = golden_find(g, full, format, arguments);
  if (!tensor) fail_msg("%s: not in the golden data", full);
  assert_int_equal(tensor->dtype, CREAM_ST_F32);
  assert_int_equal((uintptr_t)tensor->data % sizeof(float), 0);
  *count = (size_t)cream_st_count(tensor);
  return tensor->data;
}

static inline GOLDEN_FORMAT(2) bool golden_has(const golden_ops *g, const char *format, ...) {
  char full[128];
  va_list arguments;
  va_start(arguments, format);
  const cream_st_tensor *tensor = golden_find(g, full, format, arguments);
  va_end(arguments);
  return tensor != NULL;
}

static inline GOLDEN_FORMAT(2) size_t golden_count(const golden_ops *g, const char *format, ...) {
  char full[128];
  size_t count;
  va_list arguments;
  va_start(arguments, format);
  golden_need(g, full, &count, format, arguments);
  va_end(arguments);
  return count;
}

/* `count` values, in the file's memory. */
static inline GOLDEN_FORMAT(3) const
    float *golden_get(const golden_ops *g, size_t count, const char *format, ...) {
  char full[128];
  size_t stored;
  va_list arguments;
  va_start(arguments, format);
  const float *values = golden_need(g, full, &stored, format, arguments);
  va_end(arguments);
  if (stored != count) fail_msg("%s: %zu values, expected %zu", full, stored, count);
  return values;
}

static inline GOLDEN_FORMAT(2) cream_buf golden_input(golden_ops *g, const char *format, ...) {
  char full[128];
  size_t count;
  va_list arguments;
  va_start(arguments, format);
  const float *values = golden_need(g, full, &count, format, arguments);
  va_end(arguments);
  return ops_block_of(&g->ops, NULL, values, count, 0);
}

static inline cream_buf golden_output(golden_ops *g, size_t count) {
  return ops_output(&g->ops, NULL, count, 0);
}

static inline cream_tensor golden_tensor(golden_ops *g, int n, int h, int w, int c) {
  cream_backend *backend = g->ops.backend;
  return (cream_tensor){
      .n = n, .h = h, .w = w, .c = c, .raw = golden_output(g, backend->tensor_size(backend, n, h, w, c))};
}

/* An activation of n images of h x w. */
static inline cream_tensor golden_tensor_input(golden_ops *g, int n, int h, int w, const char *name) {
  size_t count = golden_count(g, "%s", name), pixels = (size_t)n * (size_t)h * (size_t)w;
  cream_tensor tensor = golden_tensor(g, n, h, w, (int)(count / pixels));
  g->ops.backend->upload_tensor(g->ops.backend, &tensor, golden_get(g, ops_size(&tensor), "%s", name));
  return tensor;
}

/* |got - want| / max(|want|, floor), norms over all elements; NaN where one is not a number. */
static inline double golden_difference(const float *got, const float *want, size_t count, double floor) {
  double difference = 0, norm = 0;
  for (size_t i = 0; i < count; i++) {
    difference += ((double)got[i] - want[i]) * ((double)got[i] - want[i]);
    norm += (double)want[i] * want[i];
  }
  norm = sqrt(norm);
  return sqrt(difference) / (norm > floor ? norm : floor);
}

static inline void golden_compare(const float *got, const float *want, size_t count, double floor,
                                  double tolerance, const char *name) {
  double difference = golden_difference(got, want, count, floor);
  if (!(difference <= tolerance)) fail_msg("%s: off by %.2e, allowed %.0e", name, difference, tolerance);
}

/* Fails unless the buffer equals the file's tensor within a norm-relative `tolerance`. */
static inline GOLDEN_FORMAT(4) void golden_expect(golden_ops *g, cream_buf buf, double tolerance,
                                                  const char *format, ...) {
  char full[128];
  size_t count;
  va_list arguments;
  va_start(arguments, format);
  const float *want = golden_need(g, full, &count, format, arguments);
  va_end(arguments);
  float *got = ops_download(&g->ops, buf, count);
  golden_compare(got, want, count, 0, tolerance, full);
  free(got);
}

/* The same for the values of an activation. */
static inline void golden_expect_tensor(golden_ops *g, const cream_tensor *tensor, double tolerance,
                                        const char *name) {
  const float *want = golden_get(g, ops_size(tensor), "%s", name);
  float *got = ops_host(ops_size(tensor));
  cream_error err;
  assert_int_equal(g->ops.backend->download_tensor(g->ops.backend, got, tensor, &err), CREAM_OK);
  golden_compare(got, want, ops_size(tensor), 0, tolerance, name);
  free(got);
}

/* ---- every case by every kernel ------------------------------------------------------------------------ */

typedef struct golden_case {
  const char *name, *part;
  void (*run)(golden_ops *);
} golden_case;

enum { GOLDEN_THREADS = 2, GOLDEN_MAX_TESTS = 256 };

typedef struct golden_test {
  char name[64];
  const golden_case *test;
  const cream_st_file *file;
  bool plain;
  cream_isa isa;
} golden_test;

static inline void golden_run_test(void **state) {
  const golden_test *test = *state;
  cream_backend *backend = ops_backend(test->plain, test->isa, GOLDEN_THREADS);
  if (!backend && test->isa != CREAM_ISA_GENERIC) skip();
  assert_non_null(backend);
  golden_ops g = {.ops = ops_open(backend, 0), .file = test->file, .part = test->test->part};
  test->test->run(&g);
  for (int i = 0; i < g.ops.count; i++) free(ops_values(&g.ops, &g.ops.blocks[i]));
  ops_close(&g.ops);
  backend->destroy(backend);
}

/* Runs the cases with the plain kernels and the tuned ones of every instruction set that this machine has.
 * `filter`: on test names, as in '*dw_k5*', or NULL. Returns how many failed. */
static inline int golden_main(const char *file_name, const golden_case *cases, size_t n_cases,
                              const char *filter) {
  static const struct {
    const char *name;
    bool plain;
    cream_isa isa;
  } kernels[] = {{"plain", true, CREAM_ISA_GENERIC},
                 {"generic", false, CREAM_ISA_GENERIC},
                 {"avx2", false, CREAM_ISA_AVX2},
                 {"avx512", false, CREAM_ISA_AVX512}};
  static struct CMUnitTest tests[GOLDEN_MAX_TESTS];
  static golden_test states[GOLDEN_MAX_TESTS];
  CREAM_ASSERT(n_cases * (sizeof kernels / sizeof *kernels) <= GOLDEN_MAX_TESTS);

  char path[4096];
  cream_st_file *file;
  cream_error err;
  snprintf(path, sizeof path, "%s/tests/golden/%s", CREAM_SOURCE_DIR, file_name);
  if (cream_st_open(path, &file, &err) != CREAM_OK) {
    fprintf(stderr, "%s\n", err.text);
    return 1;
  }
  for (size_t k = 0, i = 0; k < sizeof kernels / sizeof *kernels; k++)
    for (size_t c = 0; c < n_cases; c++, i++) {
      states[i] = (golden_test){"", &cases[c], file, kernels[k].plain, kernels[k].isa};
      snprintf(states[i].name, sizeof states[i].name, "%s_%s", cases[c].name, kernels[k].name);
      tests[i] = (struct CMUnitTest){states[i].name, golden_run_test, NULL, NULL, &states[i]};
    }
  if (filter) cmocka_set_test_filter(filter);
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  cream_st_close(file);
  return failed;
}

#endif
