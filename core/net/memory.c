#include "memory.h"

static cream_counter *counter_of(cream_backend *backend) {
  return (cream_counter *)backend;
}

/* ---- memory ------------------------------------------------------------------------------------------ */

/* Ends the program: a run is only created on this backend, so `op` is never called. */
static void refuse(const char *op) {
  fprintf(stderr, "the backend that counts memory cannot run %s\n", op);
  abort();
}

static void note_buffer(cream_counter *counter, size_t count) {
  if (count * 4 > counter->largest) counter->largest = count * 4;
}

static cream_status alloc(cream_backend *backend, size_t count, cream_buf *out, cream_error *err) {
  (void)err;
  counter_of(backend)->bytes += count * 4;
  note_buffer(counter_of(backend), count);
  *out = (cream_buf){backend, 0};
  return CREAM_OK;
}
static void release(cream_backend *backend, cream_buf buf) {
  (void)backend, (void)buf;
}
static void upload(cream_backend *backend, cream_buf dst, const void *src, size_t count) {
  (void)backend, (void)dst, (void)src, (void)count;
}
static cream_status download(cream_backend *backend, void *dst, cream_buf src, size_t count,
                             cream_error *err) {
  (void)backend, (void)dst, (void)src, (void)count, (void)err;
  refuse("download");
  return CREAM_FAILED;
}
static cream_status synchronise(cream_backend *backend, cream_error *err) {
  (void)backend, (void)err;
  return CREAM_OK;
}
static void upload_pixels(cream_backend *backend, const cream_tensor *dst, const uint8_t *pixels,
                          const float *mean, const float *std) {
  (void)backend, (void)dst, (void)pixels, (void)mean, (void)std;
}
static cream_status download_tensor(cream_backend *backend, float *dst, const cream_tensor *src,
                                    cream_error *err) {
  (void)backend, (void)dst, (void)src, (void)err;
  refuse("download_tensor");
  return CREAM_FAILED;
}
static void upload_tensor(cream_backend *backend, const cream_tensor *dst, const float *src) {
  (void)backend, (void)dst, (void)src;
}
static size_t tensor_size(cream_backend *backend, int n, int h, int w, int c) {
  cream_backend *real = counter_of(backend)->real;
  return real->tensor_size(real, n, h, w, c);
}
static size_t gradient_size(cream_backend *backend, int n, int h, int w, int c) {
  cream_backend *real = counter_of(backend)->real;
  return real->gradient_size(real, n, h, w, c);
}
static cream_status reserve(cream_backend *backend, const cream_conv *conv, int n, int h, int w,
                            cream_error *err) {
  (void)err;
  cream_counter *counter = counter_of(backend);
  if (!counter->real->workspace) return CREAM_OK;
  counter->real->workspace(counter->real, conv, n, h, w, counter->workspaces);
  counter->workspace = 0;
  for (int i = 0; i < CREAM_WORKSPACES; i++) {
    counter->workspace += 4 * counter->workspaces[i];
    note_buffer(counter, counter->workspaces[i]);
  }
  return CREAM_OK;
}
static void destroy(cream_backend *backend) {
  (void)backend;
}

/* ---- ops that compute -------------------------------------------------------------------------------- */

/* Creating a net fills and copies; no other op is called. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#define REFUSED(result, name, parameters)                                                                    \
  static result refuse_##name parameters {                                                                   \
    refuse(#name);                                                                                           \
  }
CREAM_COMPUTE_OPS(REFUSED)
#pragma GCC diagnostic pop

static void fill(cream_backend *backend, cream_buf dst, size_t count, float value) {
  (void)backend, (void)dst, (void)count, (void)value;
}
static void copy(cream_backend *backend, cream_buf dst, cream_buf src, size_t count) {
  (void)backend, (void)dst, (void)src, (void)count;
}

/* ---- optional ops ------------------------------------------------------------------------------------ */

static void workspace(cream_backend *backend, const cream_conv *conv, int n, int h, int w,
                      size_t sizes[CREAM_WORKSPACES]) {
  cream_backend *real = counter_of(backend)->real;
  real->workspace(real, conv, n, h, w, sizes);
}
static size_t packed_size(cream_backend *backend, const cream_conv *conv) {
  cream_backend *real = counter_of(backend)->real;
  return real->packed_size(real, conv);
}
static void pack_weights(cream_backend *backend, const cream_conv *conv, cream_buf packed) {
  (void)backend, (void)conv, (void)packed;
}

/* ---- table ------------------------------------------------------------------------------------------- */

#define SET_REFUSED(result, name, parameters)  backend->name = refuse_##name;
#define SET_OPTIONAL(result, name, parameters) backend->name = real->name ? name : NULL;

void cream_counter_init(cream_counter *counter, cream_backend *real) {
  *counter =
      (cream_counter){.real = real, .base = {.name = "count", .no_data = true, .largest = real->largest}};
  cream_backend *backend = &counter->base;
  CREAM_MEMORY_OPS(CREAM_SET_OP)
  CREAM_COMPUTE_OPS(SET_REFUSED)
  CREAM_OPTIONAL_OPS(SET_OPTIONAL)
  backend->fill = fill;
  backend->copy = copy;
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
