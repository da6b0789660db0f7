#include "mpi_module.h"

#include <dlfcn.h>
#include <stdio.h>

#include "core/base/module.h"

/* The path of a module's file; false where there is none. */
static bool find(cream_mpi mpi, char *path) {
  char file[64];
  snprintf(file, sizeof file, "cream-mpi-%s.so", cream_mpi_word(mpi));
  return cream_module_find(file, "CREAM_MPI_MODULE", path);
}

bool cream_mpi_present(cream_mpi mpi) {
  char path[CREAM_MODULE_PATH];
  return find(mpi, path);
}

cream_status cream_mpi_load(cream_mpi mpi, cream_transport *transport, cream_error *err) {
  char path[CREAM_MODULE_PATH];
  if (!find(mpi, path))
    return cream_fail(
        err, CREAM_FAILED,
        "there is no module cream-mpi-%s.so: install the package cream-nas-mpi, or build with %s "
        "(Debian: %s)",
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
