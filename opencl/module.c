/* What cream-opencl.so exports. */
#include <stdlib.h>

#include "backend.h"
#include "blas.h"
#include "cache.h"
#include "details.h"
#include "driver.h"
#include "error.h"
#include "queue.h"
#include "stage.h"
#include "tune.h"

static cream_status list(cream_device **devices, int *count, cream_error *err) {
  ocl_choice *choices;
  cream_status status = ocl_choices(&choices, count, err);
  if (status) return status;
  *devices = calloc((size_t)*count, sizeof **devices);
  if (!*devices) {
    free(choices);
    return cream_fail_memory(err, (size_t)*count * sizeof **devices, "OpenCL devices");
  }
  for (int i = 0; i < *count; i++) (*devices)[i] = choices[i].about;
  free(choices);
  return CREAM_OK;
}

/* Opens the first of the devices meant that works. Prints why better ones do not, on stderr; when none works, *err says
 * why the best does not. */
static cream_status open(const cream_device_options *options, cream_backend **out, cream_error *err) {
  ocl_choice *choices;
  int count;
  cream_status status = ocl_choices(&choices, &count, err);
  if (status) return status;
  status = ocl_choose(options->device, choices, &count, err);
  for (int i = 0; i < count && !status; i++) {
    ocl_runtime *ocl;
    cream_error problem;
    status = ocl_open(&choices[i], options, &ocl, i == 0 ? err : &problem);
    if (status == CREAM_OK) {
      *out = &ocl->base;
      break;
    }
    if (status == CREAM_BAD_CONFIG || i + 1 == count) break;
    fprintf(stderr, "device      skipped: %s\n", (i == 0 ? err : &problem)->text);
    status = CREAM_OK;
  }
  free(choices);
  return status;
}

static void stats(cream_backend *backend, cream_device_stats *out) {
  const ocl_runtime *ocl = ocl_of(backend);
  *out = (cream_device_stats){.up_bytes = ocl->up_bytes,
                              .down_bytes = ocl->down_bytes,
                              .launches = ocl->launches,
                              .waited = ocl->waited,
                              .warm_seconds = ocl->warm_seconds,
                              .warm_waited = ocl->warm_waited,
                              .compiled = ocl->compiled,
                              .cached = ocl->cached,
                              .driver_caches = ocl_driver_caches(ocl),
                              .timed = ocl->profile};
  snprintf(out->device, sizeof out->device, "%.127s (%.100s, driver %.100s)%s", ocl->about.name,
           ocl->about.platform, ocl->about.driver, ocl->kept ? ", with what cream bench --tune kept" : "");
}

static void prefetch(cream_backend *backend, cream_device_next *next, void *context) {
  ocl_runtime *ocl = ocl_of(backend);
  ocl_stage_set_next(ocl, next, context);
  if (next) ocl_blas_warm(ocl);
}

__attribute__((visibility("default"))) extern const cream_opencl_module cream_opencl_module_table;

const cream_opencl_module cream_opencl_module_table = {
    .version = CREAM_OPENCL_INTERFACE,
    .driver =
        {
            .name = "opencl",
            .list = list,
            .open = open,
            .failed = ocl_any_failed,
            .stats = stats,
            .times = ocl_times,
            .details = ocl_details,
            .prefetch = prefetch,
            .tune = ocl_tune,
            .keep = ocl_keep,
        },
};
