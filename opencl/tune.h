/* Measurements for the tiles of our kernels and CLBlast's parameters. */
#ifndef CREAM_OPENCL_TUNE_H
#define CREAM_OPENCL_TUNE_H

#include "runtime.h"

/* cream_driver.tune */
cream_status ocl_tune(cream_backend *, const cream_device_conv *, int count, int sets, char **best,
                      cream_device_log *, void *context, cream_error *);
/* cream_driver.keep */
cream_status ocl_keep(cream_backend *, const char *parameters, const char **where, cream_error *);

#endif
