/* Buffers, and copies between them and the host. */
#ifndef CREAM_OPENCL_MEMORY_H
#define CREAM_OPENCL_MEMORY_H

#include "runtime.h"

/* Slots of cream_backend. */
cream_status ocl_alloc(cream_backend *, size_t count, cream_buf *out, cream_error *);
void ocl_release(cream_backend *, cream_buf);
void ocl_upload(cream_backend *, cream_buf dst, const void *src, size_t count);
cream_status ocl_download(cream_backend *, void *dst, cream_buf src, size_t count, cream_error *);
cream_status ocl_synchronise(cream_backend *, cream_error *);

/* Device memory of at least `count` elements that stays valid until the next call for the same slot with
 * more. Contents are undefined. Reserved by the ops' `reserve`; grows here where that was too little (small
 * blocks that belong to no convolution: slices, partial sums of flat blocks). Absent after a failure. */
cream_buf ocl_scratch(ocl_runtime *, int slot, size_t count);
/* Queues a copy of `bytes` (a multiple of 4) from the host; the source may change after the call. Waits for
 * the device above 64 KiB. Counted as traffic. */
void ocl_upload_bytes(ocl_runtime *, cream_buf dst, const void *src, size_t bytes);
cream_status ocl_download_bytes(ocl_runtime *, void *dst, cream_buf src, size_t bytes, cream_error *);
void ocl_memory_end(ocl_runtime *);

#endif
