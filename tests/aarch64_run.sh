#!/usr/bin/env bash
# A search, a training and every op have the same bytes on a 64-bit ARM processor as on this one: the golden hashes of
# test_elementary, test_fma, test_exact and test_parity, compiled with Debian's gcc-aarch64-linux-gnu and
# libc6-dev-arm64-cross and run by qemu-user. Skipped where these are not installed. An argument selects one of the tests.
set -euo pipefail
cd "$(dirname "$0")/.."
cc=aarch64-linux-gnu-gcc
qemu=$(command -v qemu-aarch64-static || command -v qemu-aarch64) && command -v $cc >/dev/null || {
  echo "skipped: gcc-aarch64-linux-gnu, libc6-dev-arm64-cross and qemu-user are not installed"
  exit 77
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Products of OpenBLAS, which `exact: threads` uses, and what the tests use of cmocka.
cat >"$work/openblas.c" <<'END'
#include <cblas.h>
void openblas_set_num_threads(int threads) {
  (void)threads;
}
void cblas_sgemm(CBLAS_ORDER order, CBLAS_TRANSPOSE ta, CBLAS_TRANSPOSE tb, blasint m, blasint n, blasint k, float alpha,
                 const float *a, blasint lda, const float *b, blasint ldb, float beta, float *c, blasint ldc) {
  (void)order, (void)tb;
  for (int i = 0; i < m; i++)
    for (int j = 0; j < n; j++) {
      float sum = 0;
      for (int p = 0; p < k; p++) sum += (ta == CblasTrans ? a[p * lda + i] : a[i * lda + p]) * b[p * ldb + j];
      c[i * ldc + j] = alpha * sum + (beta ? beta * c[i * ldc + j] : 0);
    }
}
END
cat >"$work/cmocka.h" <<'END'
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#define fail_msg(...) (printf(__VA_ARGS__), puts(""), exit(1))
#define assert_true(x) ((x) ? (void)0 : (void)fail_msg("%s:%d: %s", __FILE__, __LINE__, #x))
#define assert_non_null(x) assert_true((x) != NULL)
#define assert_int_equal(a, b) assert_true((a) == (b))
#define skip() return
struct CMUnitTest {
  const char *name;
  void (*run)(void **);
};
#define cmocka_unit_test(f) {#f, f}
static int run_tests(const struct CMUnitTest *tests, size_t n, int (*open)(void **), int (*close)(void **)) {
  if (open) open(NULL);
  for (size_t i = 0; i < n; i++) printf("%s\n", tests[i].name), fflush(stdout), tests[i].run(NULL);
  return close ? close(NULL) : 0;
}
#define cmocka_run_group_tests(tests, open, close) run_tests(tests, sizeof tests / sizeof *tests, open, close)
#define cmocka_set_test_filter(f) (void)(f)
END

read -ra include <<<"$(pkg-config --cflags openblas)"
flags=(-std=gnu11 -O1 -w -fopenmp -fno-math-errno -fno-trapping-math -ffp-contract=off -DCPU_ISA=generic
  -DCREAM_SLOW_CHECKER=0 -I. -I"$work" "${include[@]}")
for name in MODULES_FROM_PROGRAM BUILD_MODULES INSTALLED_MODULES; do flags+=("-DCREAM_$name=\"\""); done
compile() { $cc "${flags[@]}" -c "$1" -o "$work/$(tr / _ <<<"$1").o"; }
printf '%s\n' core/*/*.c cpu/*.c cpu/kernels/*.c >"$work/sources"
jobs=0
while read -r source; do
  compile "$source" &
  [ $((++jobs % 2)) -eq 0 ] && wait
done <"$work/sources"
wait
for test in ${1:-core/base/test_elementary cpu/test_fma cpu/test_exact cpu/test_parity}; do
  echo "== $test"
  $cc "${flags[@]}" -static "tests/$test.c" "$work/openblas.c" "$work"/*.o -lm -o "$work/test"
  OMP_WAIT_POLICY=passive "$qemu" "$work/test"
done
