/* Compiled programs and measured parameters on disk. */
#ifndef CREAM_OPENCL_CACHE_H
#define CREAM_OPENCL_CACHE_H

#include "runtime.h"

/* Whether the driver caches what it compiles, and this cache is not used. */
bool ocl_driver_caches(const ocl_runtime *);

/* Identifies a program's binary. */
typedef struct ocl_cache_key {
  char text[64]; /* hash, as the file's name; "": the program is not cached */
} ocl_cache_key;

ocl_cache_key ocl_cache_key_of(const ocl_runtime *, const char *const *sources, const size_t *lengths, int n,
                               const char *options);
/* NULL without a file, or with one that cannot be trusted. */
cl_program ocl_cache_load(const ocl_runtime *, const ocl_cache_key *);
/* Saves the binary; a failure is ignored. */
void ocl_cache_save(const ocl_cache_key *, cl_program);

/* Parameters that are kept for the device (cream_driver.tune): their text, freed by the caller, and *name, a static
 * name of their file; NULL where there are none, or with CREAM_OPENCL_TUNED=0. */
char *ocl_kept_read(const ocl_runtime *, const char **name);
cream_status ocl_kept_write(const ocl_runtime *, const char *text, const char **name, cream_error *);

#endif
