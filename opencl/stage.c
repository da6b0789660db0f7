#include "stage.h"

#include <string.h>

#include "error.h"

static void forget(cl_event *event) {
  if (*event) clReleaseEvent(*event);
  *event = NULL;
}

static void stage_free(ocl_runtime *ocl, ocl_stage *stage) {
  forget(&stage->read);
  forget(&stage->written);
  if (stage->host) clEnqueueUnmapMemObject(ocl->transfer, stage->pinned, stage->host, 0, NULL, NULL);
  if (stage->pinned) clReleaseMemObject(stage->pinned);
  if (stage->device) clReleaseMemObject(stage->device);
  *stage = (ocl_stage){0};
}

static cl_int stage_grow(ocl_runtime *ocl, ocl_stage *stage, size_t bytes) {
  cl_int code;
  stage_free(ocl, stage);
  stage->device = clCreateBuffer(ocl->context, CL_MEM_READ_ONLY, bytes, NULL, &code);
  if (code) return code;
  stage->pinned = clCreateBuffer(ocl->context, CL_MEM_READ_WRITE | CL_MEM_ALLOC_HOST_PTR, bytes, NULL, &code);
  if (code) return code;
  stage->host = clEnqueueMapBuffer(ocl->transfer, stage->pinned, CL_TRUE, CL_MAP_READ | CL_MAP_WRITE, 0,
                                   bytes, 0, NULL, NULL, &code);
  if (!code) stage->size = bytes;
  return code;
}

/* Waits for the kernel that reads the stage's last batch: the event of a marker behind it (OpenCL 1.2, section 5.10). That
 * kernel came after the copy out of `host`, so both `host` and the device's bytes may be overwritten then. */
static cl_int wait_for_reader(ocl_runtime *ocl, ocl_stage *stage) {
  if (!stage->read) return CL_SUCCESS;
  double started = ocl_now();
  cl_int code = clWaitForEvents(1, &stage->read);
  ocl->waited += ocl_now() - started;
  forget(&stage->read);
  return code;
}

static ocl_stage *free_stage(ocl_runtime *ocl) {
  do ocl->next_stage = (ocl->next_stage + 1) % OCL_STAGES;
  while (ocl->stages[ocl->next_stage].source);
  return &ocl->stages[ocl->next_stage];
}

cl_int ocl_stage_send(ocl_runtime *ocl, const uint8_t *pixels, size_t bytes, ocl_stage **out) {
  ocl_stage *stage = *out = free_stage(ocl);
  cl_int code = wait_for_reader(ocl, stage);
  if (!code && stage->size < bytes) code = stage_grow(ocl, stage, bytes);
  if (code) return code;
  memcpy(stage->host, pixels, bytes);
  forget(&stage->written);
  code = clEnqueueWriteBuffer(ocl->transfer, stage->device, CL_FALSE, 0, bytes, stage->host, 0, NULL,
                              &stage->written);
  if (!code)
    code = clFlush(ocl->transfer); /* or a command of another queue may wait for ever (section 5.13) */
  stage->bytes = bytes;
  ocl->up_bytes += bytes;
  return code;
}

void ocl_stage_prefetch(ocl_runtime *ocl) {
  size_t bytes;
  for (int i = 0; i < OCL_STAGES; i++)
    if (ocl->stages[i].source) return;
  const uint8_t *pixels = ocl->next && !ocl->failed ? ocl->next(ocl->next_context, &bytes) : NULL;
  if (!pixels) return;
  ocl_stage *stage;
  cl_int code = ocl_stage_send(ocl, pixels, bytes, &stage);
  if (code)
    ocl_fail(ocl, code, "an upload of images");
  else
    stage->source = pixels;
}

ocl_stage *ocl_stage_prefetched(ocl_runtime *ocl, const uint8_t *pixels, size_t bytes) {
  for (int i = 0; i < OCL_STAGES; i++) {
    ocl_stage *stage = &ocl->stages[i];
    if (stage->source != pixels) continue;
    stage->source = NULL;
    if (stage->bytes == bytes && memcmp(stage->host, pixels, bytes) == 0) return stage;
  }
  return NULL;
}

void ocl_stage_set_next(ocl_runtime *ocl, cream_device_next *next, void *context) {
  ocl->next = next;
  ocl->next_context = context;
  for (int i = 0; i < OCL_STAGES; i++) ocl->stages[i].source = NULL;
}

void ocl_stages_end(ocl_runtime *ocl) {
  for (int i = 0; i < OCL_STAGES && !ocl->lost; i++) stage_free(ocl, &ocl->stages[i]);
}
