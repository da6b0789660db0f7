#include "mixup.h"

#include <math.h>
#include <string.h>

#include "core/base/elementary.h"
#include "core/base/rng.h"

cream_status cream_mixup_init(cream_mixup *mixup, cream_net *net, int batch, double alpha, uint64_t seed,
                              cream_error *err) {
  cream_backend *backend = cream_net_backend(net);
  const cream_skeleton *skeleton = cream_net_skeleton(net);
  *mixup = (cream_mixup){.backend = backend, .alpha = alpha, .seed = seed, .classes = skeleton->classes};
  int side = skeleton->resolution;
  size_t targets = (size_t)batch * (size_t)mixup->classes;
  size_t images = (size_t)batch * backend->tensor_size(backend, 1, side, side, 3);
  cream_status status = backend->alloc(backend, images, &mixup->mirrored, err);
  if (!status) status = backend->alloc(backend, targets, &mixup->target, err);
  mixup->host = malloc(targets * sizeof *mixup->host);
  if (!status && !mixup->host)
    status = cream_fail_memory(err, targets * sizeof *mixup->host, "mixed targets");
  if (status) cream_mixup_destroy(mixup);
  return status;
}

void cream_mixup_destroy(cream_mixup *mixup) {
  cream_buf *buffers[] = {&mixup->mirrored, &mixup->target};
  for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++)
    if (cream_buf_present(*buffers[i])) mixup->backend->release(mixup->backend, *buffers[i]);
  free(mixup->host);
  *mixup = (cream_mixup){0};
}

/* Gamma(alpha, 1): Marsaglia and Tsang, ACM TOMS 26 (2000); below 1 by Gamma(alpha + 1) * U^(1/alpha). */
static double draw_gamma(cream_rng *rng, double alpha) {
  double boost = alpha < 1 ? cream_pow(1 - cream_rng_double(rng), 1 / alpha) : 1;
  double d = (alpha < 1 ? alpha + 1 : alpha) - 1.0 / 3, c = 1 / sqrt(9 * d);
  for (;;) {
    double x = cream_rng_normal(rng), v = 1 + c * x;
    double u = 1 - cream_rng_double(rng);
    if (v <= 0) continue;
    v = v * v * v;
    if (cream_log(u) < x * x / 2 + d - d * v + d * cream_log(v)) return boost * d * v;
  }
}

double cream_mixup_share(double alpha, uint64_t seed, uint64_t draw) {
  cream_rng rng = cream_rng_at(seed, CREAM_RNG_MIXUP, draw);
  double a = draw_gamma(&rng, alpha), b = draw_gamma(&rng, alpha);
  return a + b > 0 ? a / (a + b) : 1;
}

void cream_mixup_target(const int32_t *labels, int n, int classes, double smoothing, double lambda,
                        float *target) {
  float off = (float)(smoothing / classes);
  for (int i = 0; i < n; i++) {
    float *row = target + (size_t)i * (size_t)classes;
    for (int k = 0; k < classes; k++) row[k] = off;
    row[labels[i]] += (float)((1 - smoothing) * lambda);
    row[labels[n - 1 - i]] += (float)((1 - smoothing) * (1 - lambda));
  }
}

void cream_mixup_images(cream_backend *backend, cream_buf mirrored, double lambda, const cream_tensor *x) {
  size_t image = backend->tensor_size(backend, 1, x->h, x->w, x->c), n = (size_t)x->n;
  for (size_t i = 0; i < n; i++)
    backend->copy(backend, cream_buf_at(mirrored, i * image), cream_buf_at(x->raw, (n - 1 - i) * image),
                  image);
  float other = (float)(1 - lambda);
  backend->axpy(backend, x->raw, -other, x->raw, n * image);
  backend->axpy(backend, x->raw, other, mirrored, n * image);
}

void cream_mixup_apply(cream_mixup *mixup, uint64_t draw, const cream_tensor *x, const int32_t *labels,
                       cream_loss *loss) {
  cream_backend *backend = mixup->backend;
  double lambda = cream_mixup_share(mixup->alpha, mixup->seed, draw);
  cream_mixup_images(backend, mixup->mirrored, lambda, x);
  cream_mixup_target(labels, x->n, mixup->classes, loss->smoothing, lambda, mixup->host);
  backend->upload(backend, mixup->target, mixup->host, (size_t)x->n * (size_t)mixup->classes);
  loss->hard = 0;
  loss->soft = 1;
  loss->target = mixup->target;
}
