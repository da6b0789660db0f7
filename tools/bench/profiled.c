#include "profiled.h"

#include <string.h>

#include "tools/cli/progress.h"

typedef struct profiled {
  cream_backend base; /* first: a cream_backend * is a profiled * */
  cream_backend *inner;
  cream_error failure; /* of a synchronise after an op, until it is returned */
  profiled_op kinds[PROFILED_KINDS];
  profiled_op shapes[PROFILED_SHAPES];
  int n_shapes;
  uint16_t slots[2 * PROFILED_SHAPES]; /* hash table of 1 + index into shapes; 0: free */
} profiled;

#define KIND_TEXT(name, text) [PROFILED_##name] = text,
static const char *const names[PROFILED_KINDS] = {PROFILED_KIND_LIST(KIND_TEXT)};

const char *profiled_name(profiled_kind kind) {
  return names[kind];
}

static profiled *profiled_of(cream_backend *backend) {
  return (profiled *)backend;
}

/* ---- adding up --------------------------------------------------------------------------------- */

static bool same_shape(const profiled_op *a, const profiled_op *b) {
  return a->kind == b->kind && a->n == b->n && a->h == b->h && a->w == b->w && a->cin == b->cin &&
         a->cout == b->cout && a->kernel == b->kernel && a->stride == b->stride;
}

static uint32_t hash(const profiled_op *op) {
  const int parts[] = {(int)op->kind, op->n, op->h, op->w, op->cin, op->cout, op->kernel, op->stride};
  uint32_t h = 2166136261u;
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) h = (h ^ (uint32_t)parts[i]) * 16777619u;
  return h;
}

/* The sum of this shape, added where it is new; NULL when the table is full. */
static profiled_op *find_shape(profiled *p, const profiled_op *op) {
  uint32_t at = hash(op) % (2 * PROFILED_SHAPES);
  for (; p->slots[at]; at = (at + 1) % (2 * PROFILED_SHAPES)) {
    profiled_op *known = &p->shapes[p->slots[at] - 1];
    if (same_shape(known, op)) return known;
  }
  if (p->n_shapes == PROFILED_SHAPES) return NULL;
  profiled_op *fresh = &p->shapes[p->n_shapes++];
  *fresh = *op;
  fresh->calls = 0;
  fresh->seconds = fresh->flops = fresh->bytes = fresh->exponentials = 0;
  p->slots[at] = (uint16_t)p->n_shapes;
  return fresh;
}

static void add(profiled_op *sum, const profiled_op *op) {
  sum->calls++;
  sum->seconds += op->seconds;
  sum->flops += op->flops;
  sum->bytes += op->bytes;
  sum->exponentials += op->exponentials;
}

/* Ends an op that began at `started`; `op` has its kind, shape, flops and, for now, elements as bytes. */
static void record(profiled *p, double started, profiled_op op) {
  cream_error err = {0};
  cream_status status = p->inner->synchronise(p->inner, &err);
  op.seconds = progress_now() - started;
  op.bytes *= sizeof(float);
  if (status != CREAM_OK && p->failure.status == CREAM_OK) p->failure = err;
  add(&p->kinds[op.kind], &op);
  profiled_op *shape = find_shape(p, &op);
  if (shape) add(shape, &op);
}

void profiled_reset(cream_backend *backend) {
  profiled *p = profiled_of(backend);
  memset(p->kinds, 0, sizeof p->kinds);
  memset(p->slots, 0, sizeof p->slots);
  p->n_shapes = 0;
  for (int k = 0; k < PROFILED_KINDS; k++) p->kinds[k].kind = (profiled_kind)k;
}

const profiled_op *profiled_by_kind(const cream_backend *backend) {
  return ((const profiled *)backend)->kinds;
}

int profiled_by_shape(const cream_backend *backend, profiled_op *out) {
  const profiled *p = (const profiled *)backend;
  int count = 0;
  for (int k = 0; k < PROFILED_KINDS; k++)
    for (int i = 0; i < p->n_shapes; i++)
      if (p->shapes[i].kind == (profiled_kind)k) out[count++] = p->shapes[i];
  return count;
}

/* ---- what ops cost ------------------------------------------------------------------------------- */

static double tensor_elements(const cream_tensor *t) {
  return (double)t->n * t->h * t->w * t->c;
}

static double present(cream_buf buf, double elements) {
  return cream_buf_present(buf) ? elements : 0;
}

/* Of an activation, or its derivative, on `elements`. */
static double exponentials(cream_act act, double elements) {
  return act == CREAM_ACT_SWISH || act == CREAM_ACT_SIGMOID ? elements : 0;
}

static double value_exponentials(const cream_tensor *x) {
  return exponentials(x->act, tensor_elements(x));
}

static profiled_op op_on(profiled_kind kind, const cream_tensor *x) {
  return (profiled_op){.kind = kind, .n = x->n, .h = x->h, .w = x->w, .cin = x->c, .cout = x->c};
}

static profiled_kind conv_kind(const cream_conv *conv, const cream_tensor *x) {
  if (conv->depthwise) return PROFILED_DEPTHWISE_FORWARD;
  if (conv->kernel > 1) return PROFILED_DENSE_FORWARD;
  return x->h == 1 && x->w == 1 ? PROFILED_LINEAR_FORWARD : PROFILED_POINTWISE_FORWARD;
}

/* Kind and shape. A backward kind follows its forward kind. */
static profiled_op conv_op(const cream_conv *conv, const cream_tensor *x, bool backward) {
  profiled_op op = op_on((profiled_kind)(conv_kind(conv, x) + backward), x);
  op.cout = conv->cout;
  op.kernel = conv->kernel;
  op.stride = conv->stride;
  return op;
}

static double conv_taps(const cream_conv *conv) {
  return (double)(conv->depthwise ? 1 : conv->cin) * conv->kernel * conv->kernel;
}

static bool same_buffer(cream_buf a, cream_buf b) {
  return a.mem == b.mem && a.offset == b.offset;
}

static double backward_elements(const cream_conv *conv, const cream_tensor *x, const cream_tensor *y,
                                const cream_grad *dy, const cream_sink *sink) {
  double in = tensor_elements(x), out = tensor_elements(y);
  bool reads_y = cream_buf_present(dy->a) || dy->kind == CREAM_GRAD_VALUE;
  bool reads_node = sink->bn && !same_buffer(sink->node->raw, x->raw);
  return in + present(dy->g, out) + (reads_y ? out : 0) + present(sink->g, in) + present(sink->add, in) +
         (reads_node ? in : 0) + 2 * conv_taps(conv) * conv->cout;
}

/* The derivative at y, the value of x, and the derivative at the sink's node, which is that of x where they are the same. */
static double backward_exponentials(const cream_tensor *x, const cream_tensor *y, const cream_grad *dy,
                                    const cream_sink *sink) {
  double count = value_exponentials(x);
  if (dy->kind == CREAM_GRAD_VALUE) count += value_exponentials(y);
  if (cream_buf_present(sink->g) && !same_buffer(sink->node->raw, x->raw))
    count += value_exponentials(sink->node);
  return count;
}

/* ---- ops --------------------------------------------------------------------------------- */

static void conv_forward(cream_backend *backend, const cream_conv *conv, const cream_tensor *x,
                         const cream_bn *bn, cream_bn_mode mode, float momentum, const cream_tensor *y) {
  profiled *p = profiled_of(backend);
  double started = progress_now();
  p->inner->conv_forward(p->inner, conv, x, bn, mode, momentum, y);
  profiled_op op = conv_op(conv, x, false);
  op.flops = 2 * tensor_elements(y) * conv_taps(conv);
  op.bytes = tensor_elements(x) + tensor_elements(y) + conv_taps(conv) * conv->cout;
  op.exponentials = value_exponentials(x) + exponentials(conv->act, tensor_elements(y));
  record(p, started, op);
}

static void conv_backward(cream_backend *backend, const cream_conv *conv, const cream_tensor *x,
                          const cream_tensor *y, const cream_grad *dy, const cream_sink *sink) {
  profiled *p = profiled_of(backend);
  double started = progress_now();
  p->inner->conv_backward(p->inner, conv, x, y, dy, sink);
  profiled_op op = conv_op(conv, x, true);
  op.flops = (cream_buf_present(sink->g) ? 4 : 2) * tensor_elements(y) * conv_taps(conv);
  op.bytes = backward_elements(conv, x, y, dy, sink);
  op.exponentials = backward_exponentials(x, y, dy, sink);
  record(p, started, op);
}

static void se_forward(cream_backend *backend, const cream_se *se, const cream_tensor *x) {
  profiled *p = profiled_of(backend);
  double started = progress_now();
  p->inner->se_forward(p->inner, se, x);
  profiled_op op = op_on(PROFILED_SE_FORWARD, x);
  op.cout = se->r;
  op.flops = 4.0 * x->n * se->c * se->r;
  op.bytes = tensor_elements(x) + 3.0 * x->n * se->c + 2.0 * se->c * se->r;
  op.exponentials = value_exponentials(x);
  record(p, started, op);
}

static void se_backward(cream_backend *backend, const cream_se *se, const cream_tensor *x,
                        cream_buf gate_sums, const cream_bn *bn, cream_buf pool) {
  profiled *p = profiled_of(backend);
  double started = progress_now();
  p->inner->se_backward(p->inner, se, x, gate_sums, bn, pool);
  profiled_op op = op_on(PROFILED_SE_BACKWARD, x);
  op.cout = se->r;
  op.flops = 8.0 * x->n * se->c * se->r;
  op.bytes = (5.0 + 4.0) * x->n * se->c + 4.0 * se->c * se->r;
  record(p, started, op);
}

static void pool_forward(cream_backend *backend, const cream_tensor *x, cream_buf out) {
  profiled *p = profiled_of(backend);
  double started = progress_now();
  p->inner->pool_forward(p->inner, x, out);
  profiled_op op = op_on(PROFILED_POOL_FORWARD, x);
  op.bytes = tensor_elements(x) + (double)x->n * x->c;
  op.exponentials = value_exponentials(x);
  record(p, started, op);
}

static void pool_backward(cream_backend *backend, const cream_tensor *x, cream_buf dout, const cream_bn *bn,
                          cream_buf pool) {
  profiled *p = profiled_of(backend);
  double started = progress_now();
  p->inner->pool_backward(p->inner, x, dout, bn, pool);
  profiled_op op = op_on(PROFILED_POOL_BACKWARD, x);
  op.bytes = (bn ? tensor_elements(x) : 0) + 2.0 * x->n * x->c;
  op.exponentials = bn ? value_exponentials(x) : 0;
  record(p, started, op);
}

static void add_forward(cream_backend *backend, const cream_tensor *a, const cream_tensor *b,
                        const cream_tensor *out) {
  profiled *p = profiled_of(backend);
  double started = progress_now();
  p->inner->add_forward(p->inner, a, b, out);
  profiled_op op = op_on(PROFILED_ADD, a);
  op.bytes = 3 * tensor_elements(a);
  op.exponentials = value_exponentials(a) + value_exponentials(b);
  record(p, started, op);
}

/* An op on `rows` rows of `length` elements. */
static profiled_op flat_op(profiled_kind kind, size_t rows, size_t length, double elements, double flops) {
  return (profiled_op){.kind = kind, .n = (int)rows, .cin = (int)length, .bytes = elements, .flops = flops};
}

static void dropout_gate(cream_backend *backend, cream_buf gate, size_t count, float rate, uint64_t seed,
                         uint64_t step) {
  profiled *p = profiled_of(backend);
  double started = progress_now();
  p->inner->dropout_gate(p->inner, gate, count, rate, seed, step);
  record(p, started, flat_op(PROFILED_FLAT, 1, count, (double)count, 0));
}

static void softmax(cream_backend *backend, cream_buf logits, int n, int k, cream_buf out) {
  profiled *p = profiled_of(backend);
  double started = progress_now();
  p->inner->softmax(p->inner, logits, n, k, out);
  record(p, started, flat_op(PROFILED_LOSS, (size_t)n, (size_t)k, 2.0 * n * k, 0));
}

static void loss(cream_backend *backend, const cream_loss *terms, cream_buf logits, int n, int k,
                 cream_buf dlogits, cream_buf result) {
  profiled *p = profiled_of(backend);
  double started = progress_now(), all = (double)n * k;
  p->inner->loss(p->inner, terms, logits, n, k, dlogits, result);
  double elements = all + present(dlogits, all) + present(terms->target, all);
  record(p, started, flat_op(PROFILED_LOSS, (size_t)n, (size_t)k, elements, 0));
}

static void match(cream_backend *backend, cream_buf probabilities, cream_buf phi, cream_buf theta,
                  int entries, int length, cream_buf diff, cream_buf scores) {
  profiled *p = profiled_of(backend);
  double started = progress_now(), all = (double)entries * length;
  p->inner->match(p->inner, probabilities, phi, theta, entries, length, diff, scores);
  record(p, started, flat_op(PROFILED_MATCH, (size_t)entries, (size_t)length, 3 * all + length, 2 * all));
}

static double fused_elements(const cream_fuse *fuse, const cream_tensor *out) {
  double elements = tensor_elements(out);
  for (int i = 0; i < fuse->n; i++) elements += tensor_elements(&fuse->x[i]);
  return elements;
}

static double fused_exponentials(const cream_fuse *fuse) {
  double count = 0;
  for (int i = 0; i < fuse->n; i++) count += value_exponentials(&fuse->x[i]);
  return count;
}

static void fuse_forward(cream_backend *backend, const cream_fuse *fuse, const cream_tensor *out) {
  profiled *p = profiled_of(backend);
  double started = progress_now();
  p->inner->fuse_forward(p->inner, fuse, out);
  profiled_op op = op_on(PROFILED_FUSE_FORWARD, out);
  op.bytes = fused_elements(fuse, out);
  op.exponentials = fused_exponentials(fuse);
  record(p, started, op);
}

static void fuse_backward(cream_backend *backend, const cream_fuse *fuse, const cream_tensor *out,
                          cream_buf dout, const cream_sink *sinks) {
  profiled *p = profiled_of(backend);
  double started = progress_now();
  p->inner->fuse_backward(p->inner, fuse, out, dout, sinks);
  profiled_op op = op_on(PROFILED_FUSE_BACKWARD, out);
  op.bytes = fused_elements(fuse, out) * (cream_buf_present(fuse->dweight) ? 2 : 1);
  op.exponentials = fused_exponentials(fuse);
  record(p, started, op);
}

static void box_loss(cream_backend *backend, const cream_box_loss *terms, cream_buf logits, cream_buf deltas,
                     size_t entries, int classes, cream_buf dlogits, cream_buf ddeltas, cream_buf result) {
  profiled *p = profiled_of(backend);
  double started = progress_now(), all = (double)entries * (classes + 4);
  p->inner->box_loss(p->inner, terms, logits, deltas, entries, classes, dlogits, ddeltas, result);
  double elements = all + present(dlogits, all) + 6 * (double)entries;
  record(p, started, flat_op(PROFILED_LOSS, entries, (size_t)classes, elements, 0));
}

static void optim_step(cream_backend *backend, const cream_optim *optim, const cream_slice *slices, int count,
                       const cream_blocks *blocks) {
  profiled *p = profiled_of(backend);
  double started = progress_now(), weights = 0;
  p->inner->optim_step(p->inner, optim, slices, count, blocks);
  for (int i = 0; i < count; i++) weights += (double)slices[i].count;
  double moments = present(blocks->m, 2) + present(blocks->v, 2) + present(blocks->ema, 2);
  profiled_op op = flat_op(PROFILED_OPTIM, 0, 0, (3 + moments) * weights, (4 + moments) * weights);
  record(p, started, op);
}

static void fill(cream_backend *backend, cream_buf dst, size_t count, float value) {
  profiled *p = profiled_of(backend);
  double started = progress_now();
  p->inner->fill(p->inner, dst, count, value);
  record(p, started, flat_op(PROFILED_FLAT, 1, count, (double)count, 0));
}

static void copy(cream_backend *backend, cream_buf dst, cream_buf src, size_t count) {
  profiled *p = profiled_of(backend);
  double started = progress_now();
  p->inner->copy(p->inner, dst, src, count);
  record(p, started, flat_op(PROFILED_FLAT, 1, count, 2 * (double)count, 0));
}

static void axpy(cream_backend *backend, cream_buf y, float alpha, cream_buf x, size_t count) {
  profiled *p = profiled_of(backend);
  double started = progress_now();
  p->inner->axpy(p->inner, y, alpha, x, count);
  record(p, started, flat_op(PROFILED_FLAT, 1, count, 3 * (double)count, 2 * (double)count));
}

static void dot(cream_backend *backend, cream_buf x, cream_buf y, size_t count, cream_buf out) {
  profiled *p = profiled_of(backend);
  double started = progress_now();
  p->inner->dot(p->inner, x, y, count, out);
  record(p, started, flat_op(PROFILED_FLAT, 1, count, 2 * (double)count, 2 * (double)count));
}

/* ---- memory ---------------------------------------------------------------------------------------- */

/* Returns, once, the failure of a synchronise after an op. */
static cream_status take_failure(profiled *p, cream_error *err) {
  cream_error failure = p->failure;
  if (failure.status == CREAM_OK) return CREAM_OK;
  p->failure = (cream_error){0};
  return cream_fail(err, failure.status, "%s", failure.text);
}

static cream_status alloc(cream_backend *backend, size_t count, cream_buf *out, cream_error *err) {
  cream_backend *inner = profiled_of(backend)->inner;
  return inner->alloc(inner, count, out, err);
}

static void release(cream_backend *backend, cream_buf buf) {
  cream_backend *inner = profiled_of(backend)->inner;
  inner->release(inner, buf);
}

static void upload(cream_backend *backend, cream_buf dst, const void *src, size_t count) {
  profiled *p = profiled_of(backend);
  double started = progress_now();
  p->inner->upload(p->inner, dst, src, count);
  record(p, started, flat_op(PROFILED_TRANSFER, 1, count, 2 * (double)count, 0));
}

static cream_status download(cream_backend *backend, void *dst, cream_buf src, size_t count,
                             cream_error *err) {
  profiled *p = profiled_of(backend);
  double started = progress_now();
  cream_status status = p->inner->download(p->inner, dst, src, count, err);
  record(p, started, flat_op(PROFILED_TRANSFER, 1, count, 2 * (double)count, 0));
  return status != CREAM_OK ? status : take_failure(p, err);
}

static cream_status synchronise(cream_backend *backend, cream_error *err) {
  profiled *p = profiled_of(backend);
  cream_status status = p->inner->synchronise(p->inner, err);
  return status != CREAM_OK ? status : take_failure(p, err);
}

static void upload_pixels(cream_backend *backend, const cream_tensor *dst, const uint8_t *pixels,
                          const float *mean, const float *std) {
  profiled *p = profiled_of(backend);
  double started = progress_now();
  p->inner->upload_pixels(p->inner, dst, pixels, mean, std);
  profiled_op op = op_on(PROFILED_TRANSFER, dst);
  op.bytes = 1.25 * tensor_elements(dst);
  record(p, started, op);
}

static cream_status download_tensor(cream_backend *backend, float *dst, const cream_tensor *src,
                                    cream_error *err) {
  cream_backend *inner = profiled_of(backend)->inner;
  return inner->download_tensor(inner, dst, src, err);
}

static void upload_tensor(cream_backend *backend, const cream_tensor *dst, const float *src) {
  cream_backend *inner = profiled_of(backend)->inner;
  inner->upload_tensor(inner, dst, src);
}

static void workspace(cream_backend *backend, const cream_conv *conv, int n, int h, int w,
                      size_t sizes[CREAM_WORKSPACES]) {
  cream_backend *inner = profiled_of(backend)->inner;
  inner->workspace(inner, conv, n, h, w, sizes);
}

static size_t packed_size(cream_backend *backend, const cream_conv *conv) {
  cream_backend *inner = profiled_of(backend)->inner;
  return inner->packed_size(inner, conv);
}

static void pack_weights(cream_backend *backend, const cream_conv *conv, cream_buf packed) {
  cream_backend *inner = profiled_of(backend)->inner;
  inner->pack_weights(inner, conv, packed);
}

static size_t tensor_size(cream_backend *backend, int n, int h, int w, int c) {
  cream_backend *inner = profiled_of(backend)->inner;
  return inner->tensor_size(inner, n, h, w, c);
}

static size_t gradient_size(cream_backend *backend, int n, int h, int w, int c) {
  cream_backend *inner = profiled_of(backend)->inner;
  return inner->gradient_size(inner, n, h, w, c);
}

static cream_status reserve(cream_backend *backend, const cream_conv *conv, int n, int h, int w,
                            cream_error *err) {
  cream_backend *inner = profiled_of(backend)->inner;
  return inner->reserve(inner, conv, n, h, w, err);
}

static void destroy(cream_backend *backend) {
  profiled *p = profiled_of(backend);
  p->inner->destroy(p->inner);
  free(p);
}

cream_status profiled_create(cream_backend *inner, cream_backend **out, cream_error *err) {
  profiled *p = calloc(1, sizeof *p);
  if (!p) {
    inner->destroy(inner);
    return cream_fail_memory(err, sizeof *p, "the measurements");
  }
  p->inner = inner;
  cream_backend *backend = &p->base;
  *backend = (cream_backend){.name = inner->name,
                             .no_data = inner->no_data,
                             .memory = inner->memory,
                             .largest = inner->largest,
                             .shared = inner->shared};
  CREAM_REQUIRED_OPS(CREAM_SET_OP)
#define SET_OPTIONAL(result, name, parameters) backend->name = inner->name ? name : NULL;
  CREAM_OPTIONAL_OPS(SET_OPTIONAL)
  profiled_reset(backend);
  *out = backend;
  return CREAM_OK;
}
