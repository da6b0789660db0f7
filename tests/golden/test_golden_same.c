/* Convolutions with TensorFlow's padding, and its epsilon of batch norms, against PyTorch in double precision
 * (same.safetensors, README.md), by the plain kernels and by the tuned ones of every instruction set that this
 * machine has. An argument is a filter on test names, as in `test_golden_same '*dw_k5*'`.
 */
#include "golden.h"

/* Largest |got - want| / |want|, both norms over the whole tensor. */
#define FORWARD  2e-6
#define GRADIENT 5e-5

static cream_conv read_conv(golden_ops *g) {
  const float *s = golden_get(g, 6, "shape");
  cream_conv conv = {.cin = (int)s[0],
                     .cout = (int)s[1],
                     .kernel = (int)s[2],
                     .stride = (int)s[3],
                     .dilation = (int)s[4],
                     .depthwise = s[5] != 0,
                     .padding = CREAM_PADDING_SAME};
  conv.weight = golden_input(g, "conv.weight");
  conv.dweight = golden_output(g, golden_count(g, "conv.weight"));
  return conv;
}

static void test_conv(golden_ops *g) {
  cream_backend *backend = g->ops.backend;
  const float *size = golden_get(g, 3, "size");
  cream_tensor x = golden_tensor_input(g, (int)size[0], (int)size[1], (int)size[2], "x");
  cream_conv conv = read_conv(g);
  size_t c = (size_t)conv.cout;
  cream_bn bn = {.gamma = golden_input(g, "conv.gamma"), .beta = golden_input(g, "conv.beta"), .eps = 1e-3f};
  cream_buf *made[] = {&bn.mean, &bn.invstd, &bn.scale, &bn.shift, &bn.running_mean, &bn.running_var};
  for (size_t i = 0; i < sizeof made / sizeof *made; i++) *made[i] = golden_output(g, c);
  cream_tensor y = golden_tensor(g, x.n, cream_conv_out(&conv, x.h), cream_conv_out(&conv, x.w), conv.cout);
  ops_reserve(&g->ops, &conv, x.n, x.h, x.w);

  backend->conv_forward(backend, &conv, &x, &bn, CREAM_BN_BATCH, 0, &y);
  cream_tensor value = y, dx = golden_tensor(g, x.n, x.h, x.w, x.c);
  value.scale = bn.scale;
  value.shift = bn.shift;
  value.act = CREAM_ACT_SWISH;
  golden_expect_tensor(g, &value, FORWARD, "value");

  cream_grad dy = {.kind = CREAM_GRAD_Z, .g = golden_tensor_input(g, y.n, y.h, y.w, "dy").raw};
  backend->conv_backward(backend, &conv, &x, &y, &dy, &(cream_sink){.g = dx.raw, .node = &x});
  golden_expect_tensor(g, &dx, GRADIENT, "grad.x");
  golden_expect(g, conv.dweight, GRADIENT, "grad.weight");
}

#define CASE(name)                                                                                           \
  { #name, #name, test_conv }
static const golden_case cases[] = {
    CASE(dense_k3_s2), CASE(dense_k5_s2_d2), CASE(dense_k3_s3), CASE(dw_k3_s1), CASE(dw_k3_s2),
    CASE(dw_k5_s2),    CASE(dw_k7_s2),       CASE(dw_k3_s2_d2), CASE(dw_k3_s4),
};

int main(int argc, char **argv) {
  return golden_main("same.safetensors", cases, sizeof cases / sizeof *cases, argc > 1 ? argv[1] : NULL);
}
