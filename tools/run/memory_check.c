#include "memory_check.h"

#include <stdlib.h>

#include "io/base/memory.h"

/* The program, its libraries and workspaces. */
static const size_t margin = 64u << 20;

/* Bytes of the host, and of a device with memory of its own. */
typedef struct need {
  size_t host, device;
} need;

static cream_status measure(const fit *f, int batch, need *needed, cream_error *err) {
  int largest = f->heldout && f->heldout->batch > batch ? f->heldout->batch : batch;
  int32_t *labels = calloc((size_t)largest, sizeof *labels);
  if (!labels) return cream_fail_memory(err, (size_t)largest * sizeof *labels, "labels");
  cream_counter counter;
  cream_counter_init(&counter, f->backend);
  cream_source train = cream_counter_source(f->train, batch, labels), heldout;
  if (f->heldout) heldout = cream_counter_source(f->heldout, batch, labels);
  size_t pictures = (size_t)batch * (size_t)f->train->side * (size_t)f->train->side * 3;
  *needed = (need){.host = margin};
  cream_status status =
      f->make(f->self, batch, &counter.base, &train, f->heldout ? &heldout : NULL, &needed->host, err);
  needed->host += (size_t)(f->heldout ? 2 : 1) * (size_t)(f->workers + 3) * pictures;
  size_t tensors = counter.bytes + counter.workspace;
  if (f->backend->memory)
    needed->device = tensors + 2 * pictures; /* two batches on their way */
  else
    needed->host += tensors;
  free(labels);
  return status;
}

/* What there is; of a device, what its driver and the screen leave. */
static need available(const fit *f) {
  return (need){cream_memory_available(), f->backend->memory / 10 * 9};
}

static bool suffices(need has, need needed) {
  return needed.host <= has.host && needed.device <= has.device;
}

/* The largest batch below f->batch that fits; 0: none. */
static int largest_batch(const fit *f, need has) {
  int fits = 0;
  need least;
  cream_error ignored;
  for (int above = f->batch; above - fits > 1;) {
    int half = fits + (above - fits) / 2;
    if (measure(f, half, &least, &ignored) == CREAM_OK && suffices(has, least))
      fits = half;
    else
      above = half;
  }
  return fits;
}

static double gigabytes(size_t bytes) {
  return (double)bytes / 1e9;
}

cream_status fit_check(const fit *f, int *fits, cream_error *err) {
  need needed, has = available(f);
  cream_error ignored;
  *fits = f->batch;
  /* What is wrong in other ways is said by those who make it. */
  if (measure(f, f->batch, &needed, &ignored) != CREAM_OK || suffices(has, needed)) return CREAM_OK;
  *fits = largest_batch(f, has);
  bool host = needed.host > has.host;
  const char *whose = host ? "memory" : "the device's memory";
  double wanted = gigabytes(host ? needed.host : needed.device),
         free_now = gigabytes(host ? has.host : has.device);
  if (*fits == 0)
    return cream_fail(
        err, CREAM_FAILED,
        "this run needs about %.2f GB of %s and %.2f GB are free, and with no batch it would fit: "
        "choose a smaller network or resolution",
        wanted, whose, free_now);
  return cream_fail(
      err, CREAM_FAILED,
      "%s: a batch of %d needs about %.2f GB of %s and %.2f GB are free; %d is the largest that fits", f->key,
      f->batch, wanted, whose, free_now, *fits);
}

cream_status fit_or_fall_back(fit *f, const device_options *options, cream_backend **backend, int *fits,
                              cream_error *err) {
  cream_status status = fit_check(f, fits, err);
  if (status == CREAM_OK) return status;
  cream_error reason = *err;
  status = device_fall_back(options, backend, &reason, err);
  f->backend = *backend;
  return status == CREAM_OK ? fit_check(f, fits, err) : status;
}
