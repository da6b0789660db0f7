#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

enum { SMALL_UPLOAD = 64 << 10, MAX_CHANNELS = 4 };

/* ---- buffers --------------------------------------------------------------------------------------- */

static cl_int create_zeroed(ocl_runtime *ocl, size_t bytes, cl_mem *mem) {
  static const cl_float zero = 0;
  cl_int code;
  *mem = clCreateBuffer(ocl->context, CL_MEM_READ_WRITE, bytes, NULL, &code);
  code = ocl_fault(OCL_FAULT_ALLOC, code);
  if (!code) code = clEnqueueFillBuffer(ocl->queue, *mem, &zero, sizeof zero, 0, bytes, 0, NULL, NULL);
  if (!code) code = clFinish(ocl->queue); /* memory may be taken only now */
  if (code && *mem) clReleaseMemObject(*mem);
  return code;
}

static cream_status allocate(ocl_runtime *ocl, size_t count, cream_buf *out, cream_error *err) {
  size_t bytes = count > SIZE_MAX / 4 ? SIZE_MAX : 4 * count;
  if (count > INT_MAX || bytes > ocl->about.largest)
    return cream_fail(
        err, CREAM_FAILED,
        "the device %s has no buffers of %.2f GB, its largest being %.2f GB: lower the batch or "
        "the resolution",
        ocl->name, (double)bytes / 1e9, (double)ocl->about.largest / 1e9);
  ocl_mem *memory = malloc(sizeof *memory);
  if (!memory) return cream_fail_memory(err, sizeof *memory, "a buffer");
  memory->count = count;
  cl_int code = create_zeroed(ocl, bytes, &memory->mem);
  if (ocl_no_memory(code) && !clFinish(ocl->queue)) /* what is done gives its memory back */
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

static cream_status alloc(cream_backend *backend, size_t count, cream_buf *out, cream_error *err) {
  ocl_runtime *ocl = ocl_of(backend);
  cream_status status = ocl_status(ocl, err);
  if (status) return status;
  status = allocate(ocl, count ? count : 1, out, err);
  if (status) ocl_keep_failure(ocl, err);
  return status;
}

static void release(cream_backend *backend, cream_buf buf) {
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
  release(&ocl->base, *buf); /* kernels under way keep it until they end */
  *buf = CREAM_NO_BUF;
  cream_error told_later;
  alloc(&ocl->base, count, buf, &told_later);
  return *buf;
}

static cream_status reserve(cream_backend *backend, const cream_conv *conv, int n, int h, int w,
                            cream_error *err) {
  ocl_runtime *ocl = ocl_of(backend);
  size_t size[OCL_SCRATCHES] = {0};
  ocl_ops_workspace(ocl, conv, n, h, w, size);
  for (int slot = 0; slot < OCL_SCRATCHES; slot++)
    if (size[slot]) ocl_scratch(ocl, slot, size[slot]);
  return ocl_status(ocl, err);
}

static size_t workspace(cream_backend *backend, const cream_conv *conv, int n, int h, int w) {
  size_t size[OCL_SCRATCHES] = {0}, all = 0;
  ocl_ops_workspace(ocl_of(backend), conv, n, h, w, size);
  for (int slot = 0; slot < OCL_SCRATCHES; slot++) all += size[slot];
  return all;
}

/* ---- plain copies ---------------------------------------------------------------------------------- */

/* The host has waited for all that was queued. */
static void settled(ocl_runtime *ocl) {
  ocl->ring.used = 0;
  ocl->queued = 0;
}

static cl_int write_blocking(ocl_runtime *ocl, cream_buf dst, const void *src, size_t bytes) {
  double started = ocl_now();
  cl_int code =
      clEnqueueWriteBuffer(ocl->queue, ocl_handle(dst), CL_TRUE, 4 * dst.offset, bytes, src, 0, NULL, NULL);
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

void ocl_upload(ocl_runtime *ocl, cream_buf dst, const void *src, size_t bytes) {
  if (ocl->failed || bytes == 0) return;
  cl_int code =
      bytes <= SMALL_UPLOAD ? write_small(ocl, dst, src, bytes) : write_blocking(ocl, dst, src, bytes);
  if (code) ocl_fail(ocl, code, "an upload");
  ocl->up_bytes += bytes;
}

static void upload(cream_backend *backend, cream_buf dst, const void *src, size_t count) {
  ocl_upload(ocl_of(backend), dst, src, 4 * count);
}

static void send_ahead(ocl_runtime *ocl);

static cream_status download_bytes(ocl_runtime *ocl, void *dst, cream_buf src, size_t bytes,
                                   cream_error *err) {
  if (!ocl->failed && bytes) {
    clFlush(ocl->queue);
    send_ahead(ocl);
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

static cream_status download(cream_backend *backend, void *dst, cream_buf src, size_t count,
                             cream_error *err) {
  return download_bytes(ocl_of(backend), dst, src, 4 * count, err);
}

static cream_status synchronise(cream_backend *backend, cream_error *err) {
  ocl_runtime *ocl = ocl_of(backend);
  ocl_wait(ocl);
  if (!ocl->failed) settled(ocl);
  return ocl_status(ocl, err);
}

/* ---- pictures -------------------------------------------------------------------------------------- */

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

/* Begins the pictures' way to the device; the stage is free again once they have been read there. */
static cl_int stage_send(ocl_runtime *ocl, ocl_stage *stage, const uint8_t *pixels, size_t bytes) {
  cl_int code = CL_SUCCESS;
  if (stage->read) {
    double started = ocl_now();
    code = clWaitForEvents(1, &stage->read);
    ocl->waited += ocl_now() - started;
    forget(&stage->read);
  }
  if (!code && stage->size < bytes) code = stage_grow(ocl, stage, bytes);
  if (code) return code;
  memcpy(stage->host, pixels, bytes);
  forget(&stage->written);
  code = clEnqueueWriteBuffer(ocl->transfer, stage->device, CL_FALSE, 0, bytes, stage->host, 0, NULL,
                              &stage->written);
  if (!code) code = clFlush(ocl->transfer);
  stage->bytes = bytes;
  ocl->up_bytes += bytes;
  return code;
}

static ocl_stage *free_stage(ocl_runtime *ocl) {
  do ocl->next_stage = (ocl->next_stage + 1) % OCL_STAGES;
  while (ocl->stages[ocl->next_stage].source);
  return &ocl->stages[ocl->next_stage];
}

/* Sends the next batch while the device is busy; one at most is on its way. */
static void send_ahead(ocl_runtime *ocl) {
  size_t bytes;
  for (int i = 0; i < OCL_STAGES; i++)
    if (ocl->stages[i].source) return;
  const uint8_t *pixels = ocl->ahead && !ocl->failed ? ocl->ahead(ocl->ahead_context, &bytes) : NULL;
  if (!pixels) return;
  ocl_stage *stage = free_stage(ocl);
  cl_int code = stage_send(ocl, stage, pixels, bytes);
  if (code)
    ocl_fail(ocl, code, "an upload of pictures");
  else
    stage->source = pixels;
}

/* The stage where these pictures are already; NULL: none. */
static ocl_stage *sent_ahead(ocl_runtime *ocl, const uint8_t *pixels, size_t bytes) {
  for (int i = 0; i < OCL_STAGES; i++) {
    ocl_stage *stage = &ocl->stages[i];
    if (stage->source != pixels) continue;
    stage->source = NULL;
    if (stage->bytes == bytes && memcmp(stage->host, pixels, bytes) == 0) return stage;
  }
  return NULL;
}

static void upload_pixels(cream_backend *backend, const cream_tensor *dst, const uint8_t *pixels,
                          const float *mean, const float *std) {
  ocl_runtime *ocl = ocl_of(backend);
  size_t area = (size_t)dst->h * (size_t)dst->w, bytes = (size_t)dst->n * area * (size_t)dst->c;
  CREAM_ASSERT(dst->c <= MAX_CHANNELS);
  if (ocl->failed || bytes == 0) return;
  float means[MAX_CHANNELS] = {0}, deviations[MAX_CHANNELS] = {1, 1, 1, 1};
  memcpy(means, mean, (size_t)dst->c * sizeof *mean);
  memcpy(deviations, std, (size_t)dst->c * sizeof *std);
  cl_int code = CL_SUCCESS;
  ocl_stage *stage = sent_ahead(ocl, pixels, bytes);
  if (!stage) code = stage_send(ocl, stage = free_stage(ocl), pixels, bytes);
  if (!code) code = clEnqueueBarrierWithWaitList(ocl->queue, 1, &stage->written, NULL);
  if (code) {
    ocl_fail(ocl, code, "an upload of pictures");
    return;
  }
  ocl_mem sent = {stage->device, bytes / 4};
  ocl_run(ocl, "pixels_normalise", ((ocl_size){ocl_groups(bytes, OCL_MAX_GROUP), 1, 1}),
          ((ocl_size){OCL_MAX_GROUP, 1, 1}), OCL(((cream_buf){&sent, 0})), OCL(dst->raw), OCL((int)bytes),
          OCL(dst->c), ocl_arg_float4(means), ocl_arg_float4(deviations));
  if (!ocl->failed) code = clEnqueueMarkerWithWaitList(ocl->queue, 0, NULL, &stage->read);
  if (code) ocl_fail(ocl, code, "an upload of pictures");
}

/* ---- whole tensors, for tests ---------------------------------------------------------------------- */

/* Pictures, and what has one pixel (features, logits), stay in float: core mixes and downloads them. HALVES
 * of kernels/common.cl. */
static bool is_half(const ocl_runtime *ocl, int h, int w, int c) {
  return ocl->info.half && c > MAX_CHANNELS && h * w > 1;
}

static size_t tensor_size(cream_backend *backend, int n, int h, int w, int c) {
  size_t values = (size_t)n * (size_t)h * (size_t)w * (size_t)c;
  return is_half(ocl_of(backend), h, w, c) ? (values + 1) / 2 : values;
}

static float half_to_float(uint16_t h) {
  float magnitude = (h >> 10 & 31) == 0    ? ldexpf((float)(h & 1023), -24)
                    : (h >> 10 & 31) == 31 ? (h & 1023 ? NAN : INFINITY)
                                           : ldexpf((float)(1024 + (h & 1023)), (h >> 10 & 31) - 25);
  return h & 0x8000 ? -magnitude : magnitude;
}

/* Rounded to nearest, ties to even. */
static uint16_t float_to_half(float value) {
  uint16_t sign = signbit(value) ? 0x8000 : 0;
  float magnitude = fabsf(value);
  if (isnan(value)) return sign | 0x7e00;
  if (magnitude >= 65520) return sign | 0x7c00;
  int exponent;
  frexpf(magnitude, &exponent);
  if (exponent < -13) exponent = -13; /* subnormal */
  int mantissa = (int)rintf(ldexpf(magnitude, 11 - exponent));
  if (mantissa < 1024) return (uint16_t)(sign | mantissa);
  if (mantissa == 2048) mantissa /= 2, exponent++;
  return (uint16_t)(sign | (exponent + 14) << 10 | (mantissa & 1023));
}

/* A host copy of `count` elements, freed by the caller; absent buffers give NULL. */
static cream_status fetch(ocl_runtime *ocl, cream_buf buf, size_t count, float **out, cream_error *err) {
  *out = NULL;
  if (!cream_buf_present(buf)) return CREAM_OK;
  *out = malloc(count * sizeof **out);
  if (!*out) return cream_fail_memory(err, count * sizeof **out, "a tensor");
  return download_bytes(ocl, *out, buf, count * sizeof **out, err);
}

static cream_status download_tensor(cream_backend *backend, float *dst, const cream_tensor *x,
                                    cream_error *err) {
  ocl_runtime *ocl = ocl_of(backend);
  size_t channels = (size_t)x->c, values = (size_t)x->n * (size_t)x->h * (size_t)x->w * channels;
  size_t image = (size_t)x->h * (size_t)x->w * channels;
  float *raw = NULL, *scale = NULL, *shift = NULL, *gate = NULL;
  cream_status status = fetch(ocl, x->raw, tensor_size(backend, x->n, x->h, x->w, x->c), &raw, err);
  if (!status) status = fetch(ocl, x->scale, channels, &scale, err);
  if (!status) status = fetch(ocl, x->shift, channels, &shift, err);
  if (!status) status = fetch(ocl, x->gate, (size_t)x->n * channels, &gate, err);
  for (size_t i = 0; !status && i < values; i++) {
    size_t c = i % channels;
    float value = is_half(ocl, x->h, x->w, x->c) ? half_to_float(((const uint16_t *)raw)[i]) : raw[i];
    if (scale) value = scale[c] * value + shift[c];
    value = cream_act_value(x->act, value);
    dst[i] = gate ? gate[i / image * channels + c] * value : value;
  }
  free(raw);
  free(scale);
  free(shift);
  free(gate);
  return status;
}

static void upload_tensor(cream_backend *backend, const cream_tensor *x, const float *src) {
  ocl_runtime *ocl = ocl_of(backend);
  size_t values = (size_t)x->n * (size_t)x->h * (size_t)x->w * (size_t)x->c;
  if (!is_half(ocl, x->h, x->w, x->c)) {
    upload(backend, x->raw, src, values);
    return;
  }
  size_t bytes = 4 * tensor_size(backend, x->n, x->h, x->w, x->c);
  uint16_t *halves = calloc(1, bytes + 1);
  if (halves) {
    for (size_t i = 0; i < values; i++) halves[i] = float_to_half(src[i]);
    ocl_upload(ocl, x->raw, halves, bytes);
  } else {
    ocl_fail(ocl, CL_OUT_OF_HOST_MEMORY, "an upload");
  }
  free(halves);
}

/* ---- table ----------------------------------------------------------------------------------------- */

void ocl_memory_init(cream_backend *backend) {
  backend->alloc = alloc;
  backend->release = release;
  backend->upload = upload;
  backend->download = download;
  backend->synchronise = synchronise;
  backend->upload_pixels = upload_pixels;
  backend->download_tensor = download_tensor;
  backend->upload_tensor = upload_tensor;
  backend->tensor_size = tensor_size;
  backend->reserve = reserve;
  backend->workspace = workspace;
}

void ocl_memory_end(ocl_runtime *ocl) {
  for (int i = 0; i < OCL_SCRATCHES; i++) release(&ocl->base, ocl->scratch[i]);
  for (int i = 0; i < OCL_STAGES && !ocl->lost; i++) stage_free(ocl, &ocl->stages[i]);
  free(ocl->ring.host);
  ocl->ring.host = NULL;
}

/* ---- self-test ------------------------------------------------------------------------------------- */

enum { TEST_VALUES = 1000, TEST_GROUPS = 4 };

cream_status ocl_self_test(ocl_runtime *ocl, cream_error *err) {
  cream_backend *backend = &ocl->base;
  cream_buf x = CREAM_NO_BUF, sums = CREAM_NO_BUF;
  float values[TEST_VALUES], got[TEST_GROUPS];
  for (int i = 0; i < TEST_VALUES; i++) values[i] = (float)(i % 7 - 2);
  cream_status status = alloc(backend, TEST_VALUES, &x, err);
  if (!status) status = alloc(backend, TEST_GROUPS, &sums, err);
  if (!status) {
    upload(backend, x, values, TEST_VALUES);
    ocl_run(ocl, "self_test", ((ocl_size){TEST_GROUPS, 1, 1}), ((ocl_size){256, 1, 1}), OCL(x), OCL(sums),
            OCL((int)TEST_VALUES));
    status = download(backend, got, sums, TEST_GROUPS, err);
  }
  for (int g = 0; !status && g < TEST_GROUPS; g++) {
    float want = 0;
    for (int i = 256 * g; i < 256 * (g + 1) && i < TEST_VALUES; i++) want += values[i];
    if (got[g] != want)
      status =
          cream_fail(err, CREAM_FAILED,
                     "the device %s computes wrongly: a sum is %g, expected %g; update its driver, or use "
                     "--device cpu",
                     ocl->name, (double)got[g], (double)want);
  }
  release(backend, x);
  release(backend, sums);
  return status;
}
