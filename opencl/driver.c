/* Loads the module; the only file of this folder that programs are linked with. */
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/module.h"
#include "driver.h"
#include "vendors.h"

static const char file_name[] = "cream-opencl.so";
static const cream_driver *module;

static const cream_driver *load(const char *path, cream_error *err) {
  void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!handle) {
    cream_fail(err, CREAM_FAILED,
               "the OpenCL module cannot be loaded: %.300s; install OpenCL's loader and CLBlast (Debian: "
               "ocl-icd-libopencl1, libclblast1), or use --device cpu",
               dlerror());
    return NULL;
  }
  const cream_opencl_module *found = dlsym(handle, "cream_opencl_module_table");
  if (found && found->version == CREAM_OPENCL_INTERFACE) return &found->driver;
  cream_fail(err, CREAM_FAILED, "%.300s does not belong to this cream; install both from one build", path);
  return NULL;
}

/* The file of the module; "" where there is none. */
static const char *find_module(void) {
  static char path[CREAM_MODULE_PATH];
  return cream_module_find(file_name, "CREAM_OPENCL_MODULE", path) ? path : "";
}

static cream_status need_module(cream_error *err) {
  if (module) return CREAM_OK;
  const char *given = getenv("CREAM_OPENCL_MODULE");
  cream_error found = {CREAM_OK, ""};
  const char *path = find_module();
  if (*path) module = load(path, &found);
  if (module) return CREAM_OK;
  if (found.status) {
    *err = found;
    return found.status;
  }
  return cream_fail(err, CREAM_FAILED,
                    "there is no OpenCL module %.200s; install the package cream-nas-opencl, build with "
                    "-DCREAM_OPENCL=ON, or use --device cpu",
                    given && *given ? given : file_name);
}

static cream_status list(cream_device **devices, int *count, cream_error *err) {
  cream_status status = need_module(err);
  if (status == CREAM_OK) return module->list(devices, count, err);
  *devices = NULL;
  *count = 0;
  return status;
}

static cream_status open(const cream_device_options *options, cream_backend **out, cream_error *err) {
  cream_status status = need_module(err);
  return status ? status : module->open(options, out, err);
}

static uint64_t fingerprint(void) {
  return ocl_fingerprint(find_module());
}

static bool failed(void) {
  return module && module->failed();
}

static void stats(cream_backend *backend, cream_device_stats *out) {
  module->stats(backend, out);
}

static int times(cream_backend *backend, cream_device_time *out, int room) {
  return module->times(backend, out, room);
}

static void details(cream_backend *backend, cream_device_log *log, void *context) {
  module->details(backend, log, context);
}

static void prefetch(cream_backend *backend, cream_device_next *next, void *context) {
  module->prefetch(backend, next, context);
}

static cream_status tune(cream_backend *backend, const cream_device_conv *convs, int count, int sets,
                         char **best, cream_device_log *log, void *context, cream_error *err) {
  return module->tune(backend, convs, count, sets, best, log, context, err);
}

static cream_status keep(cream_backend *backend, const char *parameters, const char **where,
                         cream_error *err) {
  return module->keep(backend, parameters, where, err);
}

const cream_driver cream_opencl_driver = {
    .name = "opencl",
    .list = list,
    .open = open,
    .vendors = ocl_vendors,
    .restrict_to = ocl_restrict_to,
    .fingerprint = fingerprint,
    .failed = failed,
    .stats = stats,
    .times = times,
    .details = details,
    .prefetch = prefetch,
    .tune = tune,
    .keep = keep,
};
