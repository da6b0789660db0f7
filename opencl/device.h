/* The OpenCL devices of this machine. */
#ifndef CREAM_OPENCL_DEVICE_H
#define CREAM_OPENCL_DEVICE_H

#include "runtime.h"

typedef struct ocl_choice {
  cl_platform_id platform;
  cl_device_id device;
  cream_device about;
} ocl_choice;

/* All devices of all platforms; freed by the caller. Fails without a platform and without a device. */
cream_status ocl_choices(ocl_choice **, int *count, cream_error *);
/* Moves the devices that `word` (cream_device_options.device) means to the front, best first; *count becomes
 * their number. */
cream_status ocl_choose(const char *word, ocl_choice *, int *count, cream_error *);

#endif
