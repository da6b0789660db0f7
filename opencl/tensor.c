#include "tensor.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "launch.h"
#include "memory.h"
#include "stage.h"

enum { MAX_CHANNELS = 4 };

/* ---- image batches ------------------------------------------------------------------------------------- */

/* Queues the kernel that turns the stage's bytes into values and frees the stage. The queues have no order between
 * them: a barrier waits for the copy's event, and the marker's event is complete when the kernel has ended (OpenCL 1.2,
 * section 5.10). */
static cl_int normalise(ocl_runtime *ocl, ocl_stage *stage, const cream_tensor *dst, size_t bytes,
                        const float *mean, const float *std) {
  float means[MAX_CHANNELS] = {0}, deviations[MAX_CHANNELS] = {1, 1, 1, 1};
  memcpy(means, mean, (size_t)dst->c * sizeof *mean);
  memcpy(deviations, std, (size_t)dst->c * sizeof *std);
  cl_int code = clEnqueueBarrierWithWaitList(ocl->queue, 1, &stage->written, NULL);
  if (code) return code;
  ocl_mem sent = {stage->device, bytes / 4};
  ocl_run_pixels_normalise(ocl, ocl_flat_groups(ocl, bytes), ocl_flat_items(ocl), (cream_buf){&sent, 0},
                           dst->raw, (int)bytes, dst->c, means, deviations);
  return ocl->failed ? CL_SUCCESS : clEnqueueMarkerWithWaitList(ocl->queue, 0, NULL, &stage->read);
}

void ocl_upload_pixels(cream_backend *backend, const cream_tensor *dst, const uint8_t *pixels,
                       const float *mean, const float *std) {
  ocl_runtime *ocl = ocl_of(backend);
  size_t area = (size_t)dst->h * (size_t)dst->w, bytes = (size_t)dst->n * area * (size_t)dst->c;
  CREAM_ASSERT(dst->c <= MAX_CHANNELS);
  if (ocl->failed || bytes == 0) return;
  cl_int code = CL_SUCCESS;
  ocl_stage *stage = ocl_stage_prefetched(ocl, pixels, bytes);
  if (!stage) code = ocl_stage_send(ocl, pixels, bytes, &stage);
  if (!code) code = normalise(ocl, stage, dst, bytes, mean, std);
  if (code) ocl_fail(ocl, code, "an upload of images");
}

/* ---- whole tensors, for tests -------------------------------------------------------------------------- */

/* Images and tensors of one pixel (features, logits) stay in float, because the core mixes and downloads
 * them. The same rule as HALVES of kernels/common.cl. */
static bool is_half(const ocl_runtime *ocl, int h, int w, int c) {
  return ocl->info.half && c > MAX_CHANNELS && h * w > 1;
}

size_t ocl_tensor_size(cream_backend *backend, int n, int h, int w, int c) {
  size_t values = (size_t)n * (size_t)h * (size_t)w * (size_t)c;
  return is_half(ocl_of(backend), h, w, c) ? (values + 1) / 2 : values;
}

/* Gradients stay in float. */
size_t ocl_gradient_size(cream_backend *backend, int n, int h, int w, int c) {
  (void)backend;
  return (size_t)n * (size_t)h * (size_t)w * (size_t)c;
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
  return ocl_download_bytes(ocl, *out, buf, count * sizeof **out, err);
}

cream_status ocl_download_tensor(cream_backend *backend, float *dst, const cream_tensor *x,
                                 cream_error *err) {
  ocl_runtime *ocl = ocl_of(backend);
  size_t channels = (size_t)x->c, values = (size_t)x->n * (size_t)x->h * (size_t)x->w * channels;
  size_t image = (size_t)x->h * (size_t)x->w * channels;
  float *raw = NULL, *scale = NULL, *shift = NULL, *gate = NULL;
  cream_status status = fetch(ocl, x->raw, ocl_tensor_size(backend, x->n, x->h, x->w, x->c), &raw, err);
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

void ocl_upload_tensor(cream_backend *backend, const cream_tensor *x, const float *src) {
  ocl_runtime *ocl = ocl_of(backend);
  size_t values = (size_t)x->n * (size_t)x->h * (size_t)x->w * (size_t)x->c;
  if (!is_half(ocl, x->h, x->w, x->c)) {
    ocl_upload(backend, x->raw, src, values);
    return;
  }
  size_t bytes = 4 * ocl_tensor_size(backend, x->n, x->h, x->w, x->c);
  uint16_t *halves = calloc(1, bytes + 1);
  if (halves) {
    for (size_t i = 0; i < values; i++) halves[i] = float_to_half(src[i]);
    ocl_upload_bytes(ocl, x->raw, halves, bytes);
  } else {
    ocl_fail(ocl, CL_OUT_OF_HOST_MEMORY, "an upload");
  }
  free(halves);
}
