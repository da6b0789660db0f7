/* Measurements for CLBlast's parameters. */
#ifndef CREAM_OPENCL_TUNE_H
#define CREAM_OPENCL_TUNE_H

#include "runtime.h"

/* cream_driver.tune */
cream_status ocl_tune(cream_backend *, const cream_device_product *, int count, int sets, char **best,
                      cream_device_log *, void *context, cream_error *);

#endif
