/* CLBlast's direct kernel, tried with a handful of parameter sets on given products. */
#include <stdlib.h>
#include <string.h>

#include "internal.h"

/* Work-groups of 64 to 256 items; WGD is a multiple of all that divides a tile. */
static const char *const candidates[] = {
    "XgemmDirect KWID=2 MDIMAD=8 MDIMCD=8 NDIMBD=8 NDIMCD=8 PADA=1 PADB=1 VWMD=1 VWND=1 WGD=8",
    "XgemmDirect KWID=2 MDIMAD=8 MDIMCD=8 NDIMBD=8 NDIMCD=8 PADA=1 PADB=1 VWMD=2 VWND=2 WGD=16",
    "XgemmDirect KWID=2 MDIMAD=8 MDIMCD=8 NDIMBD=8 NDIMCD=8 PADA=1 PADB=1 VWMD=4 VWND=4 WGD=32",
    "XgemmDirect KWID=8 MDIMAD=16 MDIMCD=16 NDIMBD=16 NDIMCD=16 PADA=1 PADB=1 VWMD=2 VWND=2 WGD=32",
    "XgemmDirect KWID=2 MDIMAD=16 MDIMCD=16 NDIMBD=16 NDIMCD=16 PADA=1 PADB=1 VWMD=4 VWND=4 WGD=64",
};
enum { N_CANDIDATES = sizeof candidates / sizeof *candidates };

typedef struct operands {
  cream_buf a, b, c;
} operands;

static void run_shape(ocl_runtime *ocl, const cream_opencl_shape *shape, const operands *with) {
  size_t m = (size_t)shape->m, n = (size_t)shape->n, k = (size_t)shape->k;
  ocl_matrix a = {with->a, shape->transposed_a ? shape->k : shape->m, m * k, shape->transposed_a};
  ocl_matrix b = {with->b, shape->transposed_b ? shape->n : shape->k, 0, shape->transposed_b};
  ocl_matrix c = {with->c, shape->m, m * n, false};
  (void)n;
  ocl_gemm_batched(ocl, shape->batch, shape->m, shape->n, shape->k, 1, a, b, 0, c);
}

/* Seconds of all shapes, the second time that they run. */
static cream_status measure(ocl_runtime *ocl, const cream_opencl_shape *shapes, int count,
                            const operands *with, double *seconds, cream_error *err) {
  cream_status status = CREAM_OK;
  for (int round = 0; round < 2 && !status; round++) {
    double started = ocl_now();
    for (int i = 0; i < count; i++) run_shape(ocl, &shapes[i], with);
    status = ocl->base.synchronise(&ocl->base, err);
    *seconds = ocl_now() - started;
  }
  return status;
}

static size_t larger(size_t a, size_t b) {
  return a > b ? a : b;
}

static cream_status allocate(cream_backend *backend, const cream_opencl_shape *shapes, int count,
                             operands *with, cream_error *err) {
  size_t a = 0, b = 0, c = 0;
  for (int i = 0; i < count; i++) {
    size_t batch = (size_t)shapes[i].batch, m = (size_t)shapes[i].m, n = (size_t)shapes[i].n;
    size_t k = (size_t)shapes[i].k;
    a = larger(a, batch * m * k);
    b = larger(b, n * k);
    c = larger(c, batch * m * n);
  }
  *with = (operands){0};
  cream_status status = backend->alloc(backend, a, &with->a, err);
  if (!status) status = backend->alloc(backend, b, &with->b, err);
  if (!status) status = backend->alloc(backend, c, &with->c, err);
  return status;
}

static cream_status try_all(ocl_runtime *ocl, const cream_opencl_shape *shapes, int count,
                            const operands *with, int *best, cream_opencl_tell *tell, void *context,
                            cream_error *err) {
  double least = 0, seconds;
  char line[256];
  cream_status status = measure(ocl, shapes, count, with, &least, err);
  snprintf(line, sizeof line, "%9.3f ms  CLBlast's own", 1e3 * least);
  if (!status) tell(context, line);
  for (int i = 0; i < N_CANDIDATES && !status; i++) {
    const char *problem = ocl_blas_override(ocl, candidates[i]);
    if (problem) return cream_fail(err, CREAM_FAILED, "%s: %s", candidates[i], problem);
    status = measure(ocl, shapes, count, with, &seconds, err);
    if (status) break;
    snprintf(line, sizeof line, "%9.3f ms  %s", 1e3 * seconds, candidates[i]);
    tell(context, line);
    if (seconds >= least) continue;
    least = seconds;
    *best = i;
  }
  return status;
}

cream_status ocl_tune(cream_backend *backend, const cream_opencl_shape *shapes, int count, char **best,
                      cream_opencl_tell *tell, void *context, cream_error *err) {
  ocl_runtime *ocl = ocl_of(backend);
  operands with;
  int chosen = -1;
  cream_status status = allocate(backend, shapes, count, &with, err);
  if (!status) status = try_all(ocl, shapes, count, &with, &chosen, tell, context, err);
  backend->release(backend, with.a);
  backend->release(backend, with.b);
  backend->release(backend, with.c);
  if (status) return status;
  char *text = NULL;
  size_t size = 0;
  FILE *file = open_memstream(&text, &size);
  if (!file) return cream_fail_memory(err, 256, "the parameters");
  fprintf(file, "# CLBlast's parameters for %s, driver %s\n", ocl->about.name, ocl->about.driver);
  fprintf(file, "%s\n", chosen >= 0 ? candidates[chosen] : "# its own are the quickest");
  if (fclose(file)) {
    free(text);
    return cream_fail_memory(err, 256, "the parameters");
  }
  *best = text;
  return CREAM_OK;
}
