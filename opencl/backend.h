/* A backend on one device. */
#ifndef CREAM_OPENCL_BACKEND_H
#define CREAM_OPENCL_BACKEND_H

#include "device.h"
#include "runtime.h"

/* Opens the device, builds the kernels and runs a self-test. */
cream_status ocl_open(const ocl_choice *, const cream_device_options *, ocl_runtime **, cream_error *);
void ocl_close(ocl_runtime *);

#endif
