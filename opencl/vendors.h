/* The vendors' drivers that OpenCL's loader loads, as files. Part of the program, as driver.c is; loads none of them. */
#ifndef CREAM_OPENCL_VENDORS_H
#define CREAM_OPENCL_VENDORS_H

#include "core/device.h"

/* As in cream_driver; -1: with injected faults. */
int ocl_vendors(cream_vendor *, int room);
/* A folder of .icd files for these alone becomes $OCL_ICD_VENDORS, and is removed when the process exits. */
cream_status ocl_restrict_to(const cream_vendor *, int count, cream_error *);
/* module: the file of cream-opencl.so. */
uint64_t ocl_fingerprint(const char *module);

#endif
