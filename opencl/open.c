/* Opens the module; the only file of this folder that programs are linked with. */
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "opencl.h"

enum { MAX_PATH = 4096 };

static const char file_name[] = "cream-opencl.so";
static const cream_opencl_module *module;

/* The module of that path; a file that is not there leaves *err as it is. */
static const cream_opencl_module *open_module(const char *path, cream_error *err) {
  if (access(path, F_OK) != 0) return NULL;
  void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!handle) {
    cream_fail(err, CREAM_FAILED,
               "the OpenCL module cannot be loaded: %.300s; install OpenCL's loader and CLBlast (Debian: "
               "ocl-icd-libopencl1, libclblast1), or use --device cpu",
               dlerror());
    return NULL;
  }
  const cream_opencl_module *found = dlsym(handle, "cream_opencl_module_table");
  if (found && found->version == CREAM_OPENCL_INTERFACE) return found;
  cream_fail(err, CREAM_FAILED, "%.300s does not belong to this cream; install both from one build", path);
  return NULL;
}

static bool beside_program(char *path, size_t size) {
  char program[MAX_PATH];
  ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
  if (length < 0) return false;
  program[length] = '\0';
  char *slash = strrchr(program, '/');
  if (!slash) return false;
  *slash = '\0';
  return (size_t)snprintf(path, size, "%s/%s", program, file_name) < size;
}

static cream_status need_module(cream_error *err) {
  if (module) return CREAM_OK;
  char path[MAX_PATH];
  const char *given = getenv("CREAM_OPENCL_MODULE");
  cream_error found = {CREAM_OK, ""};
  if (given && *given) {
    module = open_module(given, &found);
  } else {
    if (beside_program(path, sizeof path)) module = open_module(path, &found);
    if (!module && !found.status) module = open_module(CREAM_BUILD_MODULE, &found);
    if (!module && !found.status) module = open_module(CREAM_INSTALLED_MODULE, &found);
  }
  if (module) return CREAM_OK;
  if (found.status) {
    *err = found;
    return found.status;
  }
  return cream_fail(
      err, CREAM_FAILED,
      "the OpenCL module %.200s is not there; build with -DCREAM_OPENCL=ON and install it, or use "
      "--device cpu",
      given && *given ? given : file_name);
}

cream_status cream_opencl_create(const cream_opencl_options *options, cream_backend **out, cream_error *err) {
  cream_status status = need_module(err);
  return status ? status : module->create(options, out, err);
}

cream_status cream_opencl_devices(bool test, cream_opencl_device **devices, int *count, cream_error *err) {
  cream_status status = need_module(err);
  return status ? status : module->devices(test, devices, count, err);
}

bool cream_opencl_failed(void) {
  return module && module->failed();
}

bool cream_opencl_is(const cream_backend *backend) {
  return strcmp(backend->name, "opencl") == 0;
}

void cream_opencl_stats_get(cream_backend *backend, cream_opencl_stats *stats) {
  CREAM_ASSERT(module && cream_opencl_is(backend));
  module->stats(backend, stats);
}

int cream_opencl_times(cream_backend *backend, cream_opencl_time *times, int room) {
  CREAM_ASSERT(module && cream_opencl_is(backend));
  return module->times(backend, times, room);
}

void cream_opencl_ahead(cream_backend *backend, cream_opencl_next *next, void *context) {
  CREAM_ASSERT(module && cream_opencl_is(backend));
  module->ahead(backend, next, context);
}

cream_status cream_opencl_tune(cream_backend *backend, const cream_opencl_shape *shapes, int count, int sets,
                               char **best, cream_opencl_tell *tell, void *context, cream_error *err) {
  CREAM_ASSERT(module && cream_opencl_is(backend));
  return module->tune(backend, shapes, count, sets, best, tell, context, err);
}
