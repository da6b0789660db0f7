#include "memory.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "program.h"
#include "queue.h"
#include "stage.h"

enum { SMALL_UPLOAD = 64 << 10 };

/* ---- buffers --------------------------------------------------------------------------------------- */

/* Intel's flag for buffers above CL_DEVICE_MAX_MEM_ALLOC_SIZE (programmers-guide/ALLOCATIONS_GREATER_THAN_4GB.md of
 * its compute-runtime). */
#define MEM_ALLOW_UNRESTRICTED_SIZE_INTEL ((cl_mem_flags)1 << 23)

static cl_int create_zeroed(ocl_runtime *ocl, size_t bytes, cl_mem *mem) {
  static const cl_float zero = 0;
  cl_int code;
  cl_mem_flags flags = CL_MEM_READ_WRITE;
  if (bytes > ocl->about.largest) flags |= MEM_ALLOW_UNRESTRICTED_SIZE_INTEL;
  *mem = clCreateBuffer(ocl->context, flags, bytes, NULL, &code);
  code = ocl_fault(OCL_FAULT_ALLOC, code);
  if (!code) code = clEnqueueFillBuffer(ocl->queue, *mem, &zero, sizeof zero, 0, bytes, 0, NULL, NULL);
  if (!code) code = clFinish(ocl->queue); /* some drivers allocate only now */
  if (code && *mem) clReleaseMemObject(*mem);
  return code;
}

/* From the first such buffer on, kernels and products are those that read buffers of any size: CLBlast's do not. */
static cream_status prepare_for_large(ocl_runtime *ocl, cream_error *err) {
  if (ocl->info.large) return CREAM_OK;
  ocl->info.large = true;
  ocl->info.blas = false;
  return ocl_build(ocl, err);
}

static cream_status allocate(ocl_runtime *ocl, size_t count, cream_buf *out, cream_error *err) {
  size_t bytes = count > SIZE_MAX / 4 ? SIZE_MAX : 4 * count;
  if (count > INT_MAX || bytes > ocl->base.limit)
    return cream_fail(err, CREAM_FAILED,
                      "the device %s has no buffers of %.2f GB, its largest has %.2f GB; lower the batch or "
                      "the resolution",
                      ocl->name, (double)bytes / 1e9, (double)ocl->base.limit / 1e9);
  cream_status status = bytes > ocl->about.largest ? prepare_for_large(ocl, err) : CREAM_OK;
  if (status) return status;
  ocl_mem *memory = malloc(sizeof *memory);
  if (!memory) return cream_fail_memory(err, sizeof *memory, "a buffer");
  memory->count = count;
  cl_int code = create_zeroed(ocl, bytes, &memory->mem);
  if (ocl_no_memory(code) && !clFinish(ocl->queue)) /* commands that have ended free their memory */
    code = create_zeroed(ocl, bytes, &memory->mem);
  if (!code) {
    *out = (cream_buf){memory, 0};
    return CREAM_OK;
  }
  free(memory);
  return cream_fail(
      err, CREAM_FAILED,
      "the device %s has no %.2f GB left for tensors (%s, %d); lower the batch or the resolution", ocl->name,
      (double)bytes / 1e9, ocl_code_name(code), code);
}

cream_status ocl_alloc(cream_backend *backend, size_t count, cream_buf *out, cream_error *err) {
  ocl_runtime *ocl = ocl_of(backend);
  cream_status status = ocl_status(ocl, err);
  if (status) return status;
  status = allocate(ocl, count ? count : 1, out, err);
  if (status) ocl_keep_failure(ocl, err);
  return status;
}

void ocl_release(cream_backend *backend, cream_buf buf) {
  ocl_mem *memory = buf.mem;
  if (!memory) return;
  if (!ocl_of(backend)->lost) clReleaseMemObject(memory->mem);
  free(memory);
}

cream_buf ocl_scratch(ocl_runtime *ocl, int slot, size_t count) {
  CREAM_ASSERT(slot >= 0 && slot < OCL_SCRATCHES);
  cream_buf *buf = &ocl->scratch[slot];
  if (buf->mem && ((ocl_mem *)buf->mem)->count >= count) return *buf;
  if (ocl->failed) return CREAM_NO_BUF;
  ocl_release(&ocl->base, *buf); /* queued kernels hold it until they end */
  *buf = CREAM_NO_BUF;
  cream_error kept; /* by the runtime */
  ocl_alloc(&ocl->base, count, buf, &kept);
  return *buf;
}

/* ---- plain copies ---------------------------------------------------------------------------------- */

/* All queued commands have ended, copies out of the ring too. */
static void settled(ocl_runtime *ocl) {
  ocl->ring.used = 0;
  ocl_settled(ocl);
}

/* A blocking write returns when the source may be reused, and may return before it runs: "If blocking_write
 * is CL_TRUE, the OpenCL implementation copies the data referred to by ptr and enqueues the write operation in
 * the command-queue" (OpenCL 1.2, section 5.2.2). Earlier copies out of the ring may then still be queued, so
 * the ring is free only after clFinish. */
static cl_int write_large(ocl_runtime *ocl, cream_buf dst, const void *src, size_t bytes) {
  double started = ocl_now();
  cl_int code =
      clEnqueueWriteBuffer(ocl->queue, ocl_handle(dst), CL_FALSE, 4 * dst.offset, bytes, src, 0, NULL, NULL);
  if (!code) code = clFinish(ocl->queue);
  ocl->waited += ocl_now() - started;
  if (!code) settled(ocl);
  return code;
}

static cl_int write_small(ocl_runtime *ocl, cream_buf dst, const void *src, size_t bytes) {
  if (ocl->ring.used + bytes > OCL_RING) {
    ocl_wait(ocl);
    settled(ocl);
  }
  uint8_t *place = ocl->ring.host + ocl->ring.used;
  memcpy(place, src, bytes);
  ocl->ring.used += bytes;
  return clEnqueueWriteBuffer(ocl->queue, ocl_handle(dst), CL_FALSE, 4 * dst.offset, bytes, place, 0, NULL,
                              NULL);
}

void ocl_upload_bytes(ocl_runtime *ocl, cream_buf dst, const void *src, size_t bytes) {
  if (ocl->failed || bytes == 0) return;
  cl_int code = bytes <= SMALL_UPLOAD ? write_small(ocl, dst, src, bytes) : write_large(ocl, dst, src, bytes);
  if (code) ocl_fail(ocl, code, "an upload");
  ocl->up_bytes += bytes;
}

void ocl_upload(cream_backend *backend, cream_buf dst, const void *src, size_t count) {
  ocl_upload_bytes(ocl_of(backend), dst, src, 4 * count);
}

/* A blocking read returns when the data is there (section 5.2.2), and in an in-order queue all earlier
 * commands have ended then (section 5.11). */
cream_status ocl_download_bytes(ocl_runtime *ocl, void *dst, cream_buf src, size_t bytes, cream_error *err) {
  if (!ocl->failed && bytes) {
    ocl_flush(ocl);
    ocl_stage_prefetch(ocl);
    double started = ocl_now();
    cl_int code = ocl_fault(OCL_FAULT_WAIT, clEnqueueReadBuffer(ocl->queue, ocl_handle(src), CL_TRUE,
                                                                4 * src.offset, bytes, dst, 0, NULL, NULL));
    ocl->waited += ocl_now() - started;
    ocl->down_bytes += bytes;
    if (code)
      ocl_fail(ocl, code, "a download");
    else
      settled(ocl);
  }
  return ocl_status(ocl, err);
}

cream_status ocl_download(cream_backend *backend, void *dst, cream_buf src, size_t count, cream_error *err) {
  return ocl_download_bytes(ocl_of(backend), dst, src, 4 * count, err);
}

cream_status ocl_synchronise(cream_backend *backend, cream_error *err) {
  ocl_runtime *ocl = ocl_of(backend);
  ocl_wait(ocl);
  if (!ocl->failed) settled(ocl);
  return ocl_status(ocl, err);
}

void ocl_memory_end(ocl_runtime *ocl) {
  for (int i = 0; i < OCL_SCRATCHES; i++) ocl_release(&ocl->base, ocl->scratch[i]);
  free(ocl->ring.host);
  ocl->ring.host = NULL;
}
