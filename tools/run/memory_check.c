#include "memory_check.h"

#include <stdint.h>
#include <stdlib.h>

#include "io/base/memory.h"

/* The program, its libraries and workspaces. */
static const size_t margin = 64u << 20;

/* Bytes of the host, of a device, and of the device's largest buffer. */
typedef struct need {
  size_t host, device, buffer;
} need;

static cream_status measure(const memory_check *m, int batch, need *needed, cream_error *err) {
  int largest = m->heldout && m->heldout->batch > batch ? m->heldout->batch : batch;
  int32_t *labels = calloc((size_t)largest, sizeof *labels);
  if (!labels) return cream_fail_memory(err, (size_t)largest * sizeof *labels, "labels");
  cream_counter counter;
  cream_counter_init(&counter, m->backend);
  cream_source train = cream_counter_source(m->train, batch, labels), heldout;
  if (m->heldout) heldout = cream_counter_source(m->heldout, batch, labels);
  size_t images = (size_t)batch * (size_t)m->train->side * (size_t)m->train->side * 3;
  *needed = (need){.host = margin};
  cream_status status =
      m->make(m->self, batch, &counter.base, &train, m->heldout ? &heldout : NULL, &needed->host, err);
  needed->host += (size_t)(m->heldout ? 2 : 1) * (size_t)(m->workers + 3) * images;
  size_t tensors = counter.bytes + counter.workspace;
  if (m->backend->memory) {
    needed->device = tensors + 2 * images; /* two batches in transfer */
    needed->buffer = counter.largest;
  }
  if (!m->backend->memory || m->backend->shared) needed->host += tensors;
  free(labels);
  return status;
}

cream_status memory_check_measure(const memory_check *m, size_t *host, size_t *device, cream_error *err) {
  need needed = {0};
  cream_status status = measure(m, m->batch, &needed, err);
  *host = needed.host;
  *device = needed.device;
  return status;
}

/* Free memory; of a device, the part that its driver and the screen leave. */
static need available(const memory_check *m) {
  const size_t largest = m->backend->limit ? m->backend->limit : m->backend->largest;
  return (need){cream_memory_available(), m->backend->memory / 10 * 9, largest ? largest : SIZE_MAX};
}

static bool suffices(need has, need needed) {
  return needed.host <= has.host && needed.device <= has.device && needed.buffer <= has.buffer;
}

/* The largest batch below m->batch that fits; 0: none. */
static int largest_batch(const memory_check *m, need has) {
  int fits = 0;
  need least;
  cream_error ignored;
  for (int above = m->batch; above - fits > 1;) {
    int half = fits + (above - fits) / 2;
    if (measure(m, half, &least, &ignored) == CREAM_OK && suffices(has, least))
      fits = half;
    else
      above = half;
  }
  return fits;
}

static double gigabytes(size_t bytes) {
  return (double)bytes / 1e9;
}

/* What is needed and what there is, of the first that does not suffice. */
static void describe_lack(need has, need needed, char *text, size_t size) {
  if (needed.host > has.host)
    snprintf(text, size, "about %.2f GB of memory and %.2f GB are free", gigabytes(needed.host),
             gigabytes(has.host));
  else if (needed.device > has.device)
    snprintf(text, size, "about %.2f GB of the device's memory and %.2f GB are free",
             gigabytes(needed.device), gigabytes(has.device));
  else
    snprintf(text, size, "a buffer of %.2f GB and the device allows %.2f GB for one",
             gigabytes(needed.buffer), gigabytes(has.buffer));
}

cream_status memory_check_run(const memory_check *m, int *fits, cream_error *err) {
  need needed, has = available(m);
  cream_error ignored;
  *fits = m->batch;
  /* Other errors come again, and are reported, when the run is made. */
  if (measure(m, m->batch, &needed, &ignored) != CREAM_OK || suffices(has, needed)) return CREAM_OK;
  *fits = largest_batch(m, has);
  char lacking[160];
  describe_lack(has, needed, lacking, sizeof lacking);
  if (*fits == 0)
    return cream_fail(err, CREAM_FAILED,
                      "this run needs %s; no batch is small enough, choose a smaller network or resolution",
                      lacking);
  return cream_fail(err, CREAM_FAILED, "%s: a batch of %d needs %s; %d is the largest that fits", m->key,
                    m->batch, lacking, *fits);
}

cream_status memory_check_or_fall_back(memory_check *m, const device_options *options,
                                       cream_backend **backend, int *fits, cream_error *err) {
  cream_status status = memory_check_run(m, fits, err);
  if (status == CREAM_OK) return status;
  cream_error reason = *err;
  status = device_fall_back(options, backend, &reason, err);
  m->backend = *backend;
  return status == CREAM_OK ? memory_check_run(m, fits, err) : status;
}
