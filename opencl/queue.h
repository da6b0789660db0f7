/* The command queue: waiting for it, and the times of its commands. */
#ifndef CREAM_OPENCL_QUEUE_H
#define CREAM_OPENCL_QUEUE_H

#include "runtime.h"

/* All queued commands have ended. */
static inline void ocl_settled(ocl_runtime *ocl) {
  ocl->queued = ocl->unflushed = 0;
}
/* Waits for all queued commands. */
void ocl_wait(ocl_runtime *);

/* Hands all queued commands to the device. */
void ocl_flush(ocl_runtime *);

/* Where a command is to put its event while commands are timed: `place`; else NULL. */
cl_event *ocl_timing(ocl_runtime *, cl_event *place);
/* Counts a queued command. `event` (may be NULL) becomes the runtime's, `code` is what queueing returned. */
void ocl_queued(ocl_runtime *, ocl_kernel *, cl_event event, cl_int code);
/* Adds up the times of timed commands, all of which have ended. */
void ocl_harvest(ocl_runtime *);
/* cream_driver.times */
int ocl_times(cream_backend *, cream_device_time *, int room);

#endif
