/* Image batches on their way to the device, on a queue of their own. */
#ifndef CREAM_OPENCL_STAGE_H
#define CREAM_OPENCL_STAGE_H

#include "runtime.h"

/* Sends the batch to a free stage, once the kernel that reads the stage's last batch has ended. The kernel
 * that reads this one must wait for (*stage)->written and set (*stage)->read. */
cl_int ocl_stage_send(ocl_runtime *, const uint8_t *pixels, size_t bytes, ocl_stage **stage);
/* Sends the batch that ocl->next offers, while the device is busy; at most one is prefetched. */
void ocl_stage_prefetch(ocl_runtime *);
/* The stage that holds these pixels already; NULL: none. */
ocl_stage *ocl_stage_prefetched(ocl_runtime *, const uint8_t *pixels, size_t bytes);
/* cream_driver.prefetch, without what CLBlast needs. */
void ocl_stage_set_next(ocl_runtime *, cream_device_next *, void *context);
void ocl_stages_end(ocl_runtime *);

#endif
