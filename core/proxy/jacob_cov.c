/* How little the outputs for different images depend on them in the same way (Mellor et al., arXiv:2006.04647v1; as in
 * Abdelfattah et al.): from the eigenvalues v of the correlations between the images' gradients of the sum of all logits,
 *
 *     -(sum of log(v + k) + 1 / (v + k)),  k = 1e-5. */
#include <math.h>
#include <stdlib.h>

#include "core/base/eigen.h"
#include "core/base/elementary.h"
#include "proxy.h"

static const double k = 1e-5;

static double mean_of(const float *x, size_t n) {
  double sum = 0;
  for (size_t i = 0; i < n; i++) sum += x[i];
  return sum / (double)n;
}

static double covariance(const float *x, double mean_x, const float *y, double mean_y, size_t n) {
  double sum = 0;
  for (size_t i = 0; i < n; i++) sum += (x[i] - mean_x) * (y[i] - mean_y);
  return sum;
}

/* Correlations of the n rows of `size` numbers; NaN where all numbers of a row are equal. */
static void correlate(const float *rows, size_t n, size_t size, double *correlations) {
  double mean[CREAM_PROXY_IMAGES], width[CREAM_PROXY_IMAGES];
  for (size_t i = 0; i < n; i++) {
    const float *row = rows + i * size;
    mean[i] = mean_of(row, size);
    width[i] = sqrt(covariance(row, mean[i], row, mean[i], size));
  }
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j <= i; j++) {
      double both = covariance(rows + i * size, mean[i], rows + j * size, mean[j], size);
      double value = both / (width[i] * width[j]);
      if (value > 1) value = 1;
      if (value < -1) value = -1;
      correlations[i * n + j] = correlations[j * n + i] = i == j && value == value ? 1 : value;
    }
}

static double score(double *correlations, int n) {
  double values[CREAM_PROXY_IMAGES], sum = 0;
  cream_eigenvalues(correlations, n, values);
  for (int i = 0; i < n; i++) sum += cream_log(values[i] + k) + 1 / (values[i] + k);
  return -sum;
}

cream_status cream_proxy_jacob_cov(const cream_proxy_inputs *inputs, double *value, cream_error *err) {
  cream_net *net = inputs->net;
  cream_backend *backend = cream_net_backend(net);
  const cream_tensor *x = &inputs->x;
  const size_t n = (size_t)x->n, size = (size_t)x->h * (size_t)x->w * (size_t)x->c;
  CREAM_ASSERT(x->n <= CREAM_PROXY_IMAGES);
  double *correlations = malloc(n * n * sizeof *correlations);
  float *rows = malloc(n * size * sizeof *rows);
  cream_status status = CREAM_OK;
  if (!correlations || !rows) status = cream_fail_memory(err, n * size * sizeof *rows, "gradients of images");
  if (!status) {
    cream_proxy_pass(inputs, x);
    const cream_tensor gradient = cream_net_input_gradient(net);
    status = backend->download_tensor(backend, rows, &gradient, err);
  }
  if (!status) {
    correlate(rows, n, size, correlations);
    *value = score(correlations, x->n);
  }
  free(correlations);
  free(rows);
  return status;
}
