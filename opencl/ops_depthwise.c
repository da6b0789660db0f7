#include "ops_depthwise.h"

#include "memory.h"
#include "ops_map.h"
#include "ops_norm.h"

enum { WEIGHT_CHUNKS = 256, WEIGHT_PIXELS = 512 };

/* Whether depthwise.cl has a variant for this kernel size and stride. */
static bool has_variant(const cream_conv *conv) {
  return conv->dilation == 1 && (conv->kernel == 3 || conv->kernel == 5 || conv->kernel == 7) &&
         (conv->stride == 1 || conv->stride == 2);
}

/* The function run of the variant for the convolution's kernel size and stride, or of the kernel for any. */
#define VARIANT(run, conv)                                                                                   \
  (has_variant(conv)                                                                                         \
       ? ((__typeof__(&run)[3][2]){{run##_3_1, run##_3_2},                                                   \
                                   {run##_5_1, run##_5_2},                                                   \
                                   {run##_7_1, run##_7_2}})[(conv)->kernel / 2 - 1][(conv)->stride - 1]      \
       : run)

/* Local memory for a group's weights. */
static ocl_local local_taps(const ocl_runtime *ocl, const cream_conv *conv) {
  size_t bytes = (size_t)(ocl_taps(conv) * ocl_lanes(ocl)) * ocl_chunk_items(ocl).x * sizeof(float);
  CREAM_ASSERT(bytes <= OCL_MAX_LOCAL_BYTES);
  return (ocl_local){bytes};
}

void ocl_depthwise_forward(ocl_runtime *ocl, const cream_conv *conv, const cream_tensor *x,
                           const cream_bn *bn, cream_bn_mode mode, float momentum, const cream_tensor *y) {
  cream_buf values = ocl_values(ocl, x), partial = CREAM_NO_BUF;
  ocl_chunks k = ocl_chunks_of(y, y->w);
  if (bn && mode != CREAM_BN_RUNNING)
    partial = ocl_scratch(ocl, OCL_PARTIAL, (size_t)k.chunks * 2 * (size_t)k.c);
  VARIANT(ocl_run_depthwise_forward, conv)
  (ocl, ocl_chunk_groups(ocl, k.c, k.chunks), ocl_chunk_items(ocl), values, conv->weight, conv->bias, y->raw,
   partial, local_taps(ocl, conv), OCL_CHUNKS(&k), ocl_pitch(ocl, x->c), OCL_GEOMETRY(conv, x, y));
  if (bn) ocl_norm_forward(ocl, bn, mode, momentum, y, partial, k.chunks, k.parts, k.area, k.rows);
}

/* Lines of y in a chunk of the weights' gradients. */
static int weight_lines(int total, int ow) {
  int lines = (WEIGHT_PIXELS + ow - 1) / ow, most = (total + WEIGHT_CHUNKS - 1) / WEIGHT_CHUNKS;
  return lines > most ? lines : most;
}

size_t ocl_depthwise_partial(const cream_conv *conv, int n, int oh, int ow) {
  size_t chunks = ocl_groups((size_t)(n * oh), (size_t)weight_lines(n * oh, ow));
  return chunks * (size_t)(ocl_taps(conv) * conv->cout);
}

static void backward_weight(ocl_runtime *ocl, const cream_conv *conv, const cream_tensor *x,
                            const cream_tensor *y, cream_buf values, cream_buf gradients) {
  int total = y->n * y->h, lines = weight_lines(total, y->w), c = conv->cout;
  int chunks = (total + lines - 1) / lines;
  int items = has_variant(conv) ? conv->kernel : ocl_taps(conv);
  cream_buf partial = ocl_scratch(ocl, OCL_PARTIAL, ocl_depthwise_partial(conv, y->n, y->h, y->w));
  VARIANT(ocl_run_depthwise_backward_weight, conv)
  (ocl, ocl_chunk_groups(ocl, c, chunks * items), ocl_chunk_items(ocl), values, gradients, partial, c, total,
   chunks, lines, ocl_pitch(ocl, c), OCL_GEOMETRY(conv, x, y));
  ocl_run_depthwise_weight_finish(ocl, ocl_flat_groups(ocl, (size_t)(c * ocl_taps(conv))),
                                  ocl_flat_items(ocl), partial, conv->dweight, c, ocl_taps(conv), chunks);
}

void ocl_depthwise_backward(ocl_runtime *ocl, const cream_conv *conv, const cream_tensor *x,
                            const cream_tensor *y, const cream_grad *dy, const cream_sink *sink) {
  cream_buf values = ocl_values(ocl, x), gradients = ocl_gradients(ocl, y, dy, ocl_pitch(ocl, y->c));
  backward_weight(ocl, conv, x, y, values, gradients);
  if (!cream_buf_present(sink->g)) return;
  ocl_chunks k = ocl_chunks_of(x, x->w);
  ocl_sink s = ocl_sink_begin(ocl, sink, k.chunks, k.parts);
  VARIANT(ocl_run_depthwise_backward_data, conv)
  (ocl, ocl_chunk_groups(ocl, k.c, k.chunks), ocl_chunk_items(ocl), gradients, conv->weight, OCL_SINK(&s),
   local_taps(ocl, conv), OCL_CHUNKS(&k), ocl_pitch(ocl, x->c), OCL_GEOMETRY(conv, x, y));
  ocl_sink_end(ocl, &s, k.chunks, k.parts);
}
