/* What distinguishes equal devices. */
#ifndef CREAM_OPENCL_IDENTITY_H
#define CREAM_OPENCL_IDENTITY_H

#include "runtime.h"

/* Sets `bus` and `uuid` where the driver knows them. */
void ocl_identify(cl_device_id, cream_device *);

#endif
