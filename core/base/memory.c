#include "memory.h"

static cream_counter *counter_of(cream_backend *backend) {
  return (cream_counter *)backend;
}

static cream_status count_alloc(cream_backend *backend, size_t count, cream_buf *out, cream_error *err) {
  (void)err;
  counter_of(backend)->bytes += count * 4;
  *out = (cream_buf){backend, 0};
  return CREAM_OK;
}

static void no_release(cream_backend *backend, cream_buf buf) {
  (void)backend, (void)buf;
}
static void no_upload(cream_backend *backend, cream_buf dst, const void *src, size_t count) {
  (void)backend, (void)dst, (void)src, (void)count;
}
static void no_pixels(cream_backend *backend, const cream_tensor *dst, const uint8_t *pixels,
                      const float *mean, const float *std) {
  (void)backend, (void)dst, (void)pixels, (void)mean, (void)std;
}
static void no_fill(cream_backend *backend, cream_buf dst, size_t count, float value) {
  (void)backend, (void)dst, (void)count, (void)value;
}
static void no_copy(cream_backend *backend, cream_buf dst, cream_buf src, size_t count) {
  (void)backend, (void)dst, (void)src, (void)count;
}
static cream_status no_synchronise(cream_backend *backend, cream_error *err) {
  (void)backend, (void)err;
  return CREAM_OK;
}
static cream_status count_reserve(cream_backend *backend, const cream_conv *conv, int n, int h, int w,
                                  cream_error *err) {
  (void)err;
  cream_counter *counter = counter_of(backend);
  if (!counter->real->workspace) return CREAM_OK;
  size_t bytes = 4 * counter->real->workspace(counter->real, conv, n, h, w);
  if (bytes > counter->workspace) counter->workspace = bytes;
  return CREAM_OK;
}
static size_t real_size(cream_backend *backend, int n, int h, int w, int c) {
  cream_backend *real = counter_of(backend)->real;
  return real->tensor_size(real, n, h, w, c);
}

static size_t real_packed_size(cream_backend *backend, const cream_conv *conv) {
  cream_backend *real = counter_of(backend)->real;
  return real->packed_size(real, conv);
}
static void no_packing(cream_backend *backend, const cream_conv *conv, cream_buf packed) {
  (void)backend, (void)conv, (void)packed;
}

void cream_counter_init(cream_counter *counter, cream_backend *real) {
  *counter = (cream_counter){.real = real,
                             .base = {.name = "count",
                                      .no_data = true,
                                      .alloc = count_alloc,
                                      .release = no_release,
                                      .upload = no_upload,
                                      .upload_pixels = no_pixels,
                                      .fill = no_fill,
                                      .copy = no_copy,
                                      .synchronise = no_synchronise,
                                      .reserve = count_reserve,
                                      .tensor_size = real_size,
                                      .packed_size = real->packed_size ? real_packed_size : NULL,
                                      .pack_weights = real->pack_weights ? no_packing : NULL}};
}

static cream_status no_pick(cream_source *source, const uint32_t *indices, int n, cream_batch *batch,
                            cream_error *err) {
  (void)indices, (void)err;
  *batch = (cream_batch){.n = n, .side = source->side, .channels = source->channels, .labels = source->self};
  return CREAM_OK;
}

cream_source cream_counter_source(const cream_source *like, int batch, int32_t *labels) {
  cream_source source = *like;
  source.self = labels;
  source.batch = batch;
  source.pick = no_pick;
  source.read = NULL;
  return source;
}
