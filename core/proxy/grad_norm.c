/* The sum over layers of the Euclidean norm of the gradient of their weights, for the cross-entropy of one batch
 * (Abdelfattah et al., section 3.1). */
#include <math.h>

#include "proxy.h"

static void add_norm(void *self, const float *weights, const float *gradients, size_t count) {
  double *sum = self, squares = 0;
  (void)weights;
  for (size_t i = 0; i < count; i++) squares += (double)gradients[i] * gradients[i];
  *sum += sqrt(squares);
}

cream_status cream_proxy_grad_norm(const cream_proxy_inputs *inputs, double *value, cream_error *err) {
  cream_net *net = inputs->net;
  cream_backend *backend = cream_net_backend(net);
  const cream_loss loss = {.hard = 1, .labels = inputs->labels};
  cream_buf result;
  cream_status status = backend->alloc(backend, 4, &result, err);
  if (status) return status;
  cream_buf logits = cream_net_forward_train(net, inputs->path, &inputs->x, CREAM_BN_BATCH, 0, 0, 0, 0);
  backend->loss(backend, &loss, logits, inputs->x.n, cream_net_skeleton(net)->classes, cream_net_dlogits(net),
                result);
  cream_net_backward(net, cream_net_dlogits(net));
  *value = 0;
  status = cream_proxy_visit(inputs, add_norm, value, err);
  backend->release(backend, result);
  return status;
}
