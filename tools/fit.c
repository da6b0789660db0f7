#include "fit.h"

#include <stdlib.h>

#include "io/memory.h"

/* The program, its libraries and workspaces. */
static const size_t margin = 64u << 20;

static cream_status measure(const fit *f, int batch, size_t *bytes, cream_error *err) {
  int largest = f->heldout && f->heldout->batch > batch ? f->heldout->batch : batch;
  int32_t *labels = calloc((size_t)largest, sizeof *labels);
  if (!labels) return cream_fail_memory(err, (size_t)largest * sizeof *labels, "labels");
  cream_counter counter;
  cream_counter_init(&counter, f->backend);
  cream_source train = cream_counter_source(f->train, batch, labels), heldout;
  if (f->heldout) heldout = cream_counter_source(f->heldout, batch, labels);
  size_t picture = (size_t)f->train->side * (size_t)f->train->side * 3;
  *bytes = margin;
  cream_status status =
      f->make(f->self, batch, &counter.base, &train, f->heldout ? &heldout : NULL, bytes, err);
  *bytes += counter.bytes + (size_t)(f->workers + 5) * (size_t)batch * picture;
  free(labels);
  return status;
}

static double gigabytes(size_t bytes) {
  return (double)bytes / 1e9;
}

cream_status fit_check(const fit *f, cream_error *err) {
  size_t needed, least, has = cream_memory_available();
  cream_error ignored;
  /* What is wrong in other ways is said by those who make it. */
  if (measure(f, f->batch, &needed, &ignored) != CREAM_OK || needed <= has) return CREAM_OK;
  int fits = 0;
  for (int above = f->batch; above - fits > 1;) {
    int half = fits + (above - fits) / 2;
    if (measure(f, half, &least, &ignored) == CREAM_OK && least <= has)
      fits = half;
    else
      above = half;
  }
  if (fits == 0)
    return cream_fail(
        err, CREAM_FAILED,
        "this run needs about %.2f GB of memory and %.2f GB are free, and with no batch it would fit: "
        "choose a smaller network or resolution",
        gigabytes(needed), gigabytes(has));
  return cream_fail(
      err, CREAM_FAILED,
      "%s: a batch of %d needs about %.2f GB of memory and %.2f GB are free; %d is the largest that fits",
      f->key, f->batch, gigabytes(needed), gigabytes(has), fits);
}
