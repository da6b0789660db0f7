/* What a report says about a device beside the list of devices. */
#ifndef CREAM_OPENCL_DETAILS_H
#define CREAM_OPENCL_DETAILS_H

#include "runtime.h"

/* As cream_driver.details. */
void ocl_details(cream_backend *, cream_device_log *, void *context);

#endif
