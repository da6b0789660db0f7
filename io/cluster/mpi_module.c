#include "mpi_module.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_PATH = 4096 };

static bool beside_program(const char *file, char *path, size_t size) {
  char program[MAX_PATH];
  ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
  if (length < 0) return false;
  program[length] = '\0';
  char *slash = strrchr(program, '/');
  if (!slash) return false;
  *slash = '\0';
  return (size_t)snprintf(path, size, "%s/%s", program, file) < size;
}

/* The path of a module's file; false where there is none. */
static bool find(cream_mpi mpi, char *path, size_t size) {
  char file[64];
  const char *given = getenv("CREAM_MPI_MODULE");
  if (given && *given) {
    snprintf(path, size, "%s", given);
    return access(path, F_OK) == 0;
  }
  snprintf(file, sizeof file, "cream-mpi-%s.so", cream_mpi_word(mpi));
  if (beside_program(file, path, size) && access(path, F_OK) == 0) return true;
  static const char *const folders[] = {CREAM_BUILD_MODULES, CREAM_INSTALLED_MODULES};
  for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
    snprintf(path, size, "%s/%s", folders[i], file);
    if (access(path, F_OK) == 0) return true;
  }
  return false;
}

bool cream_mpi_present(cream_mpi mpi) {
  char path[MAX_PATH];
  return find(mpi, path, sizeof path);
}

cream_status cream_mpi_load(cream_mpi mpi, cream_transport *transport, cream_error *err) {
  char path[MAX_PATH];
  if (!find(mpi, path, sizeof path))
    return cream_fail(err, CREAM_FAILED,
                      "there is no module cream-mpi-%s.so: build with %s (Debian: %s) and install it",
                      cream_mpi_word(mpi), cream_mpi_title(mpi), cream_mpi_packages(mpi));
  /* Open MPI loads parts of its own, which look for its symbols among the global ones. */
  void *handle = dlopen(path, RTLD_NOW | RTLD_GLOBAL);
  if (!handle)
    return cream_fail(err, CREAM_FAILED, "the module of %s cannot be loaded: %.300s; install its library",
                      cream_mpi_title(mpi), dlerror());
  const cream_mpi_module *module = dlsym(handle, "cream_mpi_module_table");
  if (!module || module->version != CREAM_MPI_INTERFACE)
    return cream_fail(err, CREAM_FAILED, "%.300s does not belong to this cream; install both from one build",
                      path);
  *transport = module->transport;
  return CREAM_OK;
}
