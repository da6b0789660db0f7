/* Tries a handful of sizes of our kernels' tiles, and of CLBlast's parameters, on given convolutions. */
#include "tune.h"

#include <stdlib.h>
#include <string.h>

#include "blas.h"
#include "cache.h"
#include "chunks.h"
#include "error.h"
#include "program.h"
#include "tiling.h"

/* What a set of parameters is measured on. */
typedef enum subject { PRODUCTS, DEPTHWISE, BLAS, SUBJECTS } subject;

enum { MAX_CANDIDATES = 8, ROUNDS = 4 };

/* Sets that a device cannot run are left out. Those of CLBlast have work-groups of 64 to 256 items; WGD is a multiple
 * of every other tile size. */
static const char *const candidates[SUBJECTS][MAX_CANDIDATES] = {
    [PRODUCTS] = {"own TILE=32 ROWS=4 DEPTH=16", "own TILE=64 ROWS=4 DEPTH=16", "own TILE=64 ROWS=8 DEPTH=8",
                  "own TILE=64 ROWS=8 DEPTH=32", "own TILE=32 ROWS=8 DEPTH=32",
                  "own TILE=128 ROWS=16 DEPTH=16"},
    [DEPTHWISE] = {"own ACROSS=8 ALONG=8", "own ACROSS=16 ALONG=4", "own STRIP=2", "own STRIP=8",
                   "own ACROSS=8 ALONG=16", "own ACROSS=4 ALONG=8"},
    [BLAS] =
        {"XgemmDirect KWID=2 MDIMAD=8 MDIMCD=8 NDIMBD=8 NDIMCD=8 PADA=1 PADB=1 VWMD=1 VWND=1 WGD=8",
         "XgemmDirect KWID=2 MDIMAD=8 MDIMCD=8 NDIMBD=8 NDIMCD=8 PADA=1 PADB=1 VWMD=2 VWND=2 WGD=16",
         "XgemmDirect KWID=2 MDIMAD=8 MDIMCD=8 NDIMBD=8 NDIMCD=8 PADA=1 PADB=1 VWMD=4 VWND=4 WGD=32",
         "XgemmDirect KWID=8 MDIMAD=16 MDIMCD=16 NDIMBD=16 NDIMCD=16 PADA=1 PADB=1 VWMD=2 VWND=2 WGD=32",
         "XgemmDirect KWID=2 MDIMAD=16 MDIMCD=16 NDIMBD=16 NDIMCD=16 PADA=1 PADB=1 VWMD=4 VWND=4 WGD=64"},
};
static const char *const titles[SUBJECTS] = {"products by our kernels", "depthwise convolutions",
                                             "products by CLBlast"};

/* The buffers of the convolutions, of the largest size. */
typedef struct operands {
  cream_buf x, y, dx, weight, dweight;
} operands;

typedef struct tuning {
  ocl_runtime *ocl;
  const cream_device_conv *convs;
  int count, sets;
  operands with;
  cream_device_log *log;
  void *context;
} tuning;

static bool is_depthwise(const cream_device_conv *conv) {
  return conv->cout == 0;
}

static cream_conv conv_of(const cream_device_conv *given, const operands *with) {
  return (cream_conv){.cin = given->cin,
                      .cout = is_depthwise(given) ? given->cin : given->cout,
                      .kernel = given->kernel,
                      .stride = given->stride,
                      .dilation = 1,
                      .pad = given->kernel / 2,
                      .depthwise = is_depthwise(given),
                      .weight = with->weight,
                      .dweight = with->dweight};
}

static void tensors_of(const cream_device_conv *given, const cream_conv *conv, const operands *with,
                       cream_tensor *x, cream_tensor *y) {
  int out = cream_conv_out(conv, given->side);
  *x = (cream_tensor){.n = given->n, .h = given->side, .w = given->side, .c = conv->cin, .raw = with->x};
  *y = (cream_tensor){.n = given->n, .h = out, .w = out, .c = conv->cout, .raw = with->y};
}

/* A convolution of a training step. */
static void run_conv(const tuning *t, const cream_device_conv *given) {
  cream_backend *backend = &t->ocl->base;
  const cream_conv conv = conv_of(given, &t->with);
  cream_tensor x, y;
  tensors_of(given, &conv, &t->with, &x, &y);
  const cream_grad dy = {.kind = CREAM_GRAD_Z, .g = t->with.y};
  const cream_sink sink = {.node = &x, .g = t->with.dx};
  backend->conv_forward(backend, &conv, &x, NULL, CREAM_BN_RUNNING, 0, &y);
  backend->conv_backward(backend, &conv, &x, &y, &dy, &sink);
}

/* Seconds of the subject's convolutions, the fastest of some rounds; the first one, which compiles, does not count. */
static cream_status measure(const tuning *t, subject of, double *fastest, cream_error *err) {
  cream_status status = CREAM_OK;
  for (int round = 0; round <= ROUNDS && !status; round++) {
    double started = ocl_now();
    for (int i = 0; i < t->count; i++)
      if (is_depthwise(&t->convs[i]) == (of == DEPTHWISE)) run_conv(t, &t->convs[i]);
    status = t->ocl->base.synchronise(&t->ocl->base, err);
    double seconds = ocl_now() - started;
    if (round == 1 || (round > 1 && seconds < *fastest)) *fastest = seconds;
  }
  return status;
}

static size_t larger(size_t a, size_t b) {
  return a > b ? a : b;
}

static cream_status allocate(tuning *t, cream_error *err) {
  cream_backend *backend = &t->ocl->base;
  size_t most_x = 1, most_y = 1, weight = 1;
  for (int i = 0; i < t->count; i++) {
    const cream_conv conv = conv_of(&t->convs[i], &t->with);
    cream_tensor x, y;
    tensors_of(&t->convs[i], &conv, &t->with, &x, &y);
    most_x = larger(most_x, (size_t)ocl_pixels(&x) * (size_t)x.c);
    most_y = larger(most_y, (size_t)ocl_pixels(&y) * (size_t)y.c);
    weight =
        larger(weight, (size_t)conv.cout * (size_t)(conv.depthwise ? 1 : conv.cin) * (size_t)ocl_taps(&conv));
  }
  cream_status status = backend->alloc(backend, most_x, &t->with.x, err);
  if (!status) status = backend->alloc(backend, most_y, &t->with.y, err);
  if (!status) status = backend->alloc(backend, most_x, &t->with.dx, err);
  if (!status) status = backend->alloc(backend, weight, &t->with.weight, err);
  if (!status) status = backend->alloc(backend, weight, &t->with.dweight, err);
  return status;
}

static void release(const tuning *t) {
  const cream_buf all[] = {t->with.x, t->with.y, t->with.dx, t->with.weight, t->with.dweight};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) t->ocl->base.release(&t->ocl->base, all[i]);
}

/* The set for the kernels; *usable: the device runs them. */
static cream_status apply(const tuning *t, const ocl_tiling *base, subject of, const char *set, bool *usable,
                          cream_error *err) {
  ocl_tiling tiling = *base;
  *usable = true;
  if (of == BLAS) {
    const char *problem = set ? ocl_blas_override(t->ocl, set) : NULL;
    return problem ? cream_fail(err, CREAM_FAILED, "%s: %s", set, problem) : CREAM_OK;
  }
  if (set && ocl_tiling_read(t->ocl, &tiling, set)) *usable = false;
  if (!*usable) return CREAM_OK;
  const ocl_tiling wanted = t->ocl->tiling = tiling;
  cream_status status = ocl_build(t->ocl, err);
  *usable = memcmp(&wanted, &t->ocl->tiling, sizeof wanted) == 0;
  return status;
}

static void put(const tuning *t, subject of, double seconds, const char *set) {
  char line[256];
  snprintf(line, sizeof line, "%9.3f ms  %s: %s", 1e3 * seconds, titles[of], set ? set : "as they are");
  t->log(t->context, line);
}

/* *best: the number of the fastest set, -1: the parameters that were there. */
static cream_status try_all(const tuning *t, subject of, int *best, cream_error *err) {
  const ocl_tiling base = t->ocl->tiling;
  double least = 0, seconds;
  bool usable;
  *best = -1;
  t->ocl->info.blas = of == BLAS;
  cream_status status = measure(t, of, &least, err);
  if (!status) put(t, of, least, NULL);
  for (int i = 0; i < MAX_CANDIDATES && candidates[of][i] && i < t->sets && !status; i++) {
    status = apply(t, &base, of, candidates[of][i], &usable, err);
    if (status || !usable) continue;
    status = measure(t, of, &seconds, err);
    if (status) break;
    put(t, of, seconds, candidates[of][i]);
    if (seconds >= least) continue;
    least = seconds;
    *best = i;
  }
  if (!status) status = apply(t, &base, of, *best >= 0 ? candidates[of][*best] : NULL, &usable, err);
  return status;
}

static cream_status write_best(const ocl_runtime *ocl, int blas, char **best, cream_error *err) {
  char tiling[256], *text = NULL;
  size_t size = 0;
  FILE *file = open_memstream(&text, &size);
  if (!file) return cream_fail_memory(err, 256, "the parameters");
  ocl_tiling_write(&ocl->tiling, tiling, sizeof tiling);
  fprintf(file, "# parameters for %s, driver %s\n%s\n", ocl->about.name, ocl->about.driver, tiling);
  fprintf(file, "%s\n", blas >= 0 ? candidates[BLAS][blas] : "# CLBlast's own are the fastest");
  if (fclose(file)) {
    free(text);
    return cream_fail_memory(err, 256, "the parameters");
  }
  *best = text;
  return CREAM_OK;
}

cream_status ocl_tune(cream_backend *backend, const cream_device_conv *convs, int count, int sets,
                      char **best, cream_device_log *log, void *context, cream_error *err) {
  ocl_runtime *ocl = ocl_of(backend);
  tuning t = {.ocl = ocl, .convs = convs, .count = count, .sets = sets, .log = log, .context = context};
  int chosen = -1;
  const bool blas = ocl->info.blas;
  cream_status status = allocate(&t, err);
  for (int of = 0; of < SUBJECTS && !status; of++) status = try_all(&t, (subject)of, &chosen, err);
  release(&t);
  ocl->info.blas = blas;
  return status ? status : write_best(ocl, chosen, best, err);
}

cream_status ocl_keep(cream_backend *backend, const char *parameters, const char **where, cream_error *err) {
  return ocl_kept_write(ocl_of(backend), parameters, where, err);
}
