/* Tries a handful of parameter sets of CLBlast's direct kernel on given products. */
#include <stdlib.h>
#include <string.h>

#include "blas.h"
#include "error.h"
#include "tune.h"

/* Work-groups of 64 to 256 items; WGD is a multiple of every other tile size. */
static const char *const candidates[] = {
    "XgemmDirect KWID=2 MDIMAD=8 MDIMCD=8 NDIMBD=8 NDIMCD=8 PADA=1 PADB=1 VWMD=1 VWND=1 WGD=8",
    "XgemmDirect KWID=2 MDIMAD=8 MDIMCD=8 NDIMBD=8 NDIMCD=8 PADA=1 PADB=1 VWMD=2 VWND=2 WGD=16",
    "XgemmDirect KWID=2 MDIMAD=8 MDIMCD=8 NDIMBD=8 NDIMCD=8 PADA=1 PADB=1 VWMD=4 VWND=4 WGD=32",
    "XgemmDirect KWID=8 MDIMAD=16 MDIMCD=16 NDIMBD=16 NDIMCD=16 PADA=1 PADB=1 VWMD=2 VWND=2 WGD=32",
    "XgemmDirect KWID=2 MDIMAD=16 MDIMCD=16 NDIMBD=16 NDIMCD=16 PADA=1 PADB=1 VWMD=4 VWND=4 WGD=64",
};
enum { N_CANDIDATES = sizeof candidates / sizeof *candidates, ROUNDS = 4 };

/* The buffers of the products, of the largest size. */
typedef struct operands {
  cream_buf x, y, dx, weight, dweight;
} operands;

/* The products of a training step. */
static void run_shape(ocl_runtime *ocl, const cream_device_product *shape, const operands *with) {
  cream_backend *backend = &ocl->base;
  const cream_conv conv = {.cin = shape->cin,
                           .cout = shape->cout,
                           .kernel = 1,
                           .stride = 1,
                           .dilation = 1,
                           .weight = with->weight,
                           .dweight = with->dweight};
  const cream_tensor x = {.n = shape->rows, .h = 1, .w = 1, .c = shape->cin, .raw = with->x};
  const cream_tensor y = {.n = shape->rows, .h = 1, .w = 1, .c = shape->cout, .raw = with->y};
  const cream_grad dy = {.kind = CREAM_GRAD_Z, .g = with->y};
  const cream_sink sink = {.node = &x, .g = with->dx};
  backend->conv_forward(backend, &conv, &x, NULL, CREAM_BN_RUNNING, 0, &y);
  backend->conv_backward(backend, &conv, &x, &y, &dy, &sink);
}

/* Seconds of all shapes, the fastest of some rounds; the first one, which compiles, does not count. */
static cream_status measure(ocl_runtime *ocl, const cream_device_product *shapes, int count,
                            const operands *with, double *fastest, cream_error *err) {
  cream_status status = CREAM_OK;
  for (int round = 0; round <= ROUNDS && !status; round++) {
    double started = ocl_now();
    for (int i = 0; i < count; i++) run_shape(ocl, &shapes[i], with);
    status = ocl->base.synchronise(&ocl->base, err);
    double seconds = ocl_now() - started;
    if (round == 1 || (round > 1 && seconds < *fastest)) *fastest = seconds;
  }
  return status;
}

static size_t larger(size_t a, size_t b) {
  return a > b ? a : b;
}

static cream_status allocate(cream_backend *backend, const cream_device_product *shapes, int count,
                             operands *with, cream_error *err) {
  size_t x = 0, y = 0, weight = 0;
  for (int i = 0; i < count; i++) {
    size_t rows = (size_t)shapes[i].rows, cin = (size_t)shapes[i].cin, cout = (size_t)shapes[i].cout;
    x = larger(x, rows * cin);
    y = larger(y, rows * cout);
    weight = larger(weight, cin * cout);
  }
  *with = (operands){0};
  cream_status status = backend->alloc(backend, x, &with->x, err);
  if (!status) status = backend->alloc(backend, y, &with->y, err);
  if (!status) status = backend->alloc(backend, x, &with->dx, err);
  if (!status) status = backend->alloc(backend, weight, &with->weight, err);
  if (!status) status = backend->alloc(backend, weight, &with->dweight, err);
  return status;
}

static void release(cream_backend *backend, const operands *with) {
  backend->release(backend, with->x);
  backend->release(backend, with->y);
  backend->release(backend, with->dx);
  backend->release(backend, with->weight);
  backend->release(backend, with->dweight);
}

static cream_status try_all(ocl_runtime *ocl, const cream_device_product *shapes, int count, int sets,
                            const operands *with, int *best, cream_device_log *log, void *context,
                            cream_error *err) {
  double least = 0, seconds;
  char line[256];
  cream_status status = measure(ocl, shapes, count, with, &least, err);
  snprintf(line, sizeof line, "%9.3f ms  CLBlast's own", 1e3 * least);
  if (!status) log(context, line);
  for (int i = 0; i < N_CANDIDATES && i < sets && !status; i++) {
    const char *problem = ocl_blas_override(ocl, candidates[i]);
    if (problem) return cream_fail(err, CREAM_FAILED, "%s: %s", candidates[i], problem);
    status = measure(ocl, shapes, count, with, &seconds, err);
    if (status) break;
    snprintf(line, sizeof line, "%9.3f ms  %s", 1e3 * seconds, candidates[i]);
    log(context, line);
    if (seconds >= least) continue;
    least = seconds;
    *best = i;
  }
  return status;
}

cream_status ocl_tune(cream_backend *backend, const cream_device_product *shapes, int count, int sets,
                      char **best, cream_device_log *log, void *context, cream_error *err) {
  ocl_runtime *ocl = ocl_of(backend);
  operands with;
  int chosen = -1;
  bool blas = ocl->info.blas;
  ocl->info.blas = true;
  cream_status status = allocate(backend, shapes, count, &with, err);
  if (!status) status = try_all(ocl, shapes, count, sets, &with, &chosen, log, context, err);
  release(backend, &with);
  ocl->info.blas = blas;
  if (status) return status;
  char *text = NULL;
  size_t size = 0;
  FILE *file = open_memstream(&text, &size);
  if (!file) return cream_fail_memory(err, 256, "the parameters");
  fprintf(file, "# CLBlast's parameters for %s, driver %s\n", ocl->about.name, ocl->about.driver);
  fprintf(file, "%s\n", chosen >= 0 ? candidates[chosen] : "# its own are the fastest");
  if (fclose(file)) {
    free(text);
    return cream_fail_memory(err, 256, "the parameters");
  }
  *best = text;
  return CREAM_OK;
}
