#include "external.h"

#include <math.h>
#include <stdlib.h>

#include "core/base/elementary.h"
#include "distil.h"
#include "mixup.h"

struct cream_external {
  cream_backend *backend;
  cream_external_options options; /* skeleton and store are not used after the creation */
  cream_external_store store;     /* get NULL: none */
  cream_net *net;
  cream_path path;
  int side;             /* of the teacher's images */
  uint8_t *pixels;      /* resampled */
  cream_buf mirrored;   /* of mixup */
  cream_buf read;       /* [batch, classes]: logits from the store */
  float *host;          /* the same on the host */
  uint32_t *top;        /* [batch, top] */
  float *probabilities; /* [batch, top] */
  cream_buf outputs;    /* of the last run */
  cream_distil distil;
};

static cream_status create_net(cream_external *e, const cream_external_options *options, cream_error *err) {
  cream_backend *backend = e->backend;
  const cream_net_options net = {.batch = options->batch};
  if (!options->skeleton) return CREAM_OK;
  e->side = options->skeleton->resolution;
  e->path = cream_skeleton_first_path(options->skeleton);
  cream_status status = cream_net_create(backend, options->skeleton, &net, &e->net, err);
  size_t images = (size_t)options->batch, bytes = images * (size_t)e->side * (size_t)e->side * 3;
  if (!status && options->mixed)
    status = backend->alloc(backend, images * backend->tensor_size(backend, 1, e->side, e->side, 3),
                            &e->mirrored, err);
  if (status || e->side == options->side) return status;
  e->pixels = malloc(bytes);
  return e->pixels ? CREAM_OK : cream_fail_memory(err, bytes, "the images of the teacher");
}

static cream_status create_store(cream_external *e, const cream_external_options *options, cream_error *err) {
  size_t images = (size_t)options->batch, classes = (size_t)options->classes, top = (size_t)options->top;
  if (!options->store) return CREAM_OK;
  CREAM_ASSERT(top >= 1 && top <= classes);
  e->store = *options->store;
  cream_status status = e->backend->alloc(e->backend, images * classes, &e->read, err);
  e->host = malloc(images * classes * sizeof *e->host);
  e->top = malloc(images * top * sizeof *e->top);
  e->probabilities = malloc(images * top * sizeof *e->probabilities);
  if (!status && (!e->host || !e->top || !e->probabilities))
    status = cream_fail_memory(err, images * (classes + 2 * top) * 4, "the outputs of the teacher");
  return status;
}

cream_status cream_external_create(cream_backend *backend, const cream_external_options *options,
                                   cream_external **out, cream_error *err) {
  *out = NULL;
  cream_external *e = calloc(1, sizeof *e);
  if (!e) return cream_fail_memory(err, sizeof *e, "a teacher");
  e->backend = backend;
  e->options = *options;
  e->options.skeleton = NULL;
  e->options.store = NULL;
  cream_status status = create_net(e, options, err);
  if (!status) status = create_store(e, options, err);
  if (!status)
    status = cream_distil_init(&e->distil, backend, options->batch, options->classes, options->weight,
                               options->temperature, err);
  if (status)
    cream_external_destroy(e);
  else
    *out = e;
  return status;
}

void cream_external_destroy(cream_external *e) {
  if (!e) return;
  cream_buf *buffers[] = {&e->mirrored, &e->read};
  for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++)
    if (cream_buf_present(*buffers[i])) e->backend->release(e->backend, *buffers[i]);
  if (e->distil.backend) cream_distil_destroy(&e->distil);
  cream_net_destroy(e->net);
  free(e->pixels);
  free(e->host);
  free(e->top);
  free(e->probabilities);
  free(e);
}

cream_net *cream_external_net(cream_external *e) {
  return e->net;
}

uint64_t cream_external_fingerprint(const cream_external *e) {
  return e->options.fingerprint;
}

cream_status cream_external_check(const cream_external *e, const char *key, uint64_t fingerprint,
                                  cream_error *err) {
  if (fingerprint == e->options.fingerprint) return CREAM_OK;
  return cream_fail(
      err, CREAM_BAD_DATA,
      "%s: the checkpoint was trained by another teacher, whose files have changed since; restore "
      "them, or choose another --out",
      key);
}

void cream_external_pick(const float *logits, int k, int top, uint32_t *classes, float *probabilities) {
  int n = 0;
  for (int c = 0; c < k; c++) {
    if (n == top && !(logits[c] > logits[classes[n - 1]])) continue;
    int at = n < top ? n++ : n - 1;
    for (; at > 0 && logits[c] > logits[classes[at - 1]]; at--) classes[at] = classes[at - 1];
    classes[at] = (uint32_t)c;
  }
  double most = logits[classes[0]], sum = 0;
  for (int c = 0; c < k; c++) sum += cream_exp(logits[c] - most);
  for (int i = 0; i < top; i++) probabilities[i] = (float)(cream_exp(logits[classes[i]] - most) / sum);
}

void cream_external_spread(const uint32_t *classes, const float *probabilities, int k, int top,
                           float *logits) {
  double rest = 1;
  for (int i = 0; i < top; i++) rest -= probabilities[i];
  const double least = 1e-30;
  float other = top < k ? (float)cream_log(fmax(rest / (k - top), least)) : 0;
  for (int c = 0; c < k; c++) logits[c] = other;
  for (int i = 0; i < top; i++) logits[classes[i]] = (float)cream_log(fmax(probabilities[i], least));
}

/* The teacher's forward pass. */
static cream_status look(cream_external *e, const cream_batch *batch, double share, cream_error *err) {
  cream_backend *backend = e->backend;
  const uint8_t *pixels = batch->pixels;
  if (!e->net) return cream_fail(err, CREAM_FAILED, "the outputs of the teacher are not in its cache");
  if (batch->side != e->side) {
    cream_status status = e->options.resample(e->options.self, batch, e->side, e->pixels, err);
    if (status) return status;
    pixels = e->pixels;
  }
  cream_tensor x = cream_net_input(e->net, batch->n, e->side);
  backend->upload_pixels(backend, &x, pixels, e->options.mean, e->options.std);
  if (share < 1) cream_mixup_images(backend, e->mirrored, share, &x);
  e->outputs = cream_net_forward(e->net, &e->path, &x, CREAM_BN_RUNNING, 0);
  return CREAM_OK;
}

/* Downloads the outputs, and stores them as far as a store has them. */
static cream_status store(cream_external *e, int n, uint64_t number, cream_error *err) {
  const int k = e->options.classes, top = e->options.top;
  cream_status status = e->backend->download(e->backend, e->host, e->outputs, (size_t)n * (size_t)k, err);
  for (int i = 0; i < n && !status; i++) {
    const float *row = e->host + (size_t)i * (size_t)k;
    for (int c = 0; c < k && !status; c++)
      if (!isfinite(row[c]))
        status = cream_fail(err, CREAM_FAILED, "the outputs of the teacher are not finite");
    if (status) return status;
    cream_external_pick(row, k, top, e->top + (size_t)i * (size_t)top,
                        e->probabilities + (size_t)i * (size_t)top);
  }
  return status ? status : e->store.put(e->store.self, number, e->top, e->probabilities, err);
}

cream_status cream_external_run(cream_external *e, const cream_batch *batch, uint64_t number, double share,
                                cream_error *err) {
  const int k = e->options.classes, top = e->options.top, n = batch->n;
  bool found = false;
  CREAM_ASSERT(n <= e->options.batch);
  if (!e->store.get) return look(e, batch, share, err);
  cream_status status = e->store.get(e->store.self, number, e->top, e->probabilities, &found, err);
  if (!status && !found) status = look(e, batch, share, err);
  if (!status && !found) status = store(e, n, number, err);
  for (int i = 0; i < n && !status; i++)
    cream_external_spread(e->top + (size_t)i * (size_t)top, e->probabilities + (size_t)i * (size_t)top, k,
                          top, e->host + (size_t)i * (size_t)k);
  if (status) return status;
  e->backend->upload(e->backend, e->read, e->host, (size_t)n * (size_t)k);
  e->outputs = e->read;
  return CREAM_OK;
}

void cream_external_loss(cream_external *e, const cream_loss *labels, cream_buf logits, int n,
                         cream_buf dlogits, cream_buf result) {
  cream_distil_loss(&e->distil, labels, logits, e->outputs, n, dlogits, result);
}
