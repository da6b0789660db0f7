#include "ops_norm.h"

#include "memory.h"

/* From MERGED_FROM chunks on, sums of MERGED chunks each are made first, by as many items as there are sums: the
 * second step has few work-groups, one for a few channels. */
enum { MERGED = 64, MERGED_FROM = 256 };

static ocl_size finish_items(const ocl_runtime *ocl) {
  return (ocl_size){(size_t)ocl->tiling.columns, (size_t)ocl->tiling.over, 1};
}

/* Work-groups for `columns` items along x. */
static ocl_size finish_groups(const ocl_runtime *ocl, size_t columns) {
  return (ocl_size){ocl_groups(columns, (size_t)ocl->tiling.columns), 1, 1};
}

size_t ocl_merged_size(int c, int chunks) {
  return chunks < MERGED_FROM ? 0 : ocl_groups((size_t)chunks, MERGED) * 2 * (size_t)c;
}

void ocl_norm_forward(ocl_runtime *ocl, const cream_bn *bn, cream_bn_mode mode, float momentum,
                      const cream_tensor *y, cream_buf partial, int chunks, int parts, int span, int rows) {
  int block = 1;
  if (mode == CREAM_BN_RUNNING) chunks = 0;
  if (chunks >= MERGED_FROM) {
    cream_buf merged = ocl_scratch(ocl, OCL_MERGED, ocl_merged_size(y->c, chunks));
    size_t items = ocl_groups((size_t)chunks, MERGED) * (size_t)y->c;
    ocl_run_norm_merge(ocl, ocl_flat_groups(ocl, items), ocl_flat_items(ocl), partial, merged, y->c,
                       (int)items, chunks, MERGED, parts, span, rows);
    partial = merged;
    block = MERGED;
  }
  ocl_run_norm_forward(ocl, finish_groups(ocl, (size_t)y->c), finish_items(ocl), partial, bn->gamma, bn->beta,
                       bn->running_mean, bn->running_var, bn->mean, bn->invstd, bn->scale, bn->shift, y->c,
                       chunks, block, parts, span, rows, ocl_pixels(y), mode != CREAM_BN_RUNNING,
                       mode == CREAM_BN_TRAIN, momentum, bn->eps);
}

static void sum_rows(ocl_runtime *ocl, cream_buf partial, cream_buf out, int n, int run, int parts, int total,
                     float factor) {
  ocl_run_norm_sum_parts(ocl, ocl_flat_groups(ocl, (size_t)n * (size_t)run), ocl_flat_items(ocl), partial,
                         out, n * run, run, parts, total, factor);
}

void ocl_norm_backward(ocl_runtime *ocl, const cream_bn *bn, int c, cream_buf partial, cream_buf gate,
                       cream_buf pool, int chunks, int pixels) {
  if (!cream_buf_present(gate) && chunks >= MERGED_FROM) {
    cream_buf merged = ocl_scratch(ocl, OCL_MERGED, ocl_merged_size(c, chunks));
    int entries = (int)ocl_groups((size_t)chunks, MERGED);
    sum_rows(ocl, partial, merged, entries, 2 * c, MERGED, chunks, 1);
    partial = merged;
    chunks = entries;
  }
  ocl_run_norm_backward(ocl, finish_groups(ocl, (size_t)c), finish_items(ocl), partial, gate, pool, bn->gamma,
                        bn->mean, bn->invstd, bn->dgamma, bn->dbeta, bn->a, bn->b, bn->c, c, chunks,
                        (float)pixels);
}

void ocl_sum_parts(ocl_runtime *ocl, cream_buf partial, cream_buf out, int n, int run, int parts,
                   float factor) {
  sum_rows(ocl, partial, out, n, run, parts, n * parts, factor);
}

void ocl_bias_backward(ocl_runtime *ocl, const cream_tensor *y, const cream_grad *dy, cream_buf dbias) {
  ocl_size groups = finish_groups(ocl, ocl_groups((size_t)y->c, (size_t)ocl_lanes(ocl)));
  ocl_run_norm_bias(ocl, groups, finish_items(ocl), OCL_TENSOR(y), OCL_GRAD(dy), dbias, y->c, ocl_pixels(y),
                    ocl_area(y));
}

/* ---- sinks --------------------------------------------------------------------------------------------- */

int ocl_sink_sums(const cream_sink *sink) {
  if (!sink->bn) return 0;
  return cream_buf_present(sink->node->gate) ? 5 : 2;
}

ocl_sink ocl_sink_begin(ocl_runtime *ocl, const cream_sink *sink, int chunks, int parts) {
  ocl_sink s = {.sink = sink, .sums = ocl_sink_sums(sink)};
  if (s.sums == 0) return s;
  s.mean = sink->bn->mean;
  s.invstd = sink->bn->invstd;
  bool final = s.sums == 5 && parts == 1;
  s.partial = final ? sink->gate_sums
                    : ocl_scratch(ocl, OCL_PARTIAL, (size_t)chunks * (size_t)(s.sums * sink->node->c));
  return s;
}

void ocl_sink_end(ocl_runtime *ocl, const ocl_sink *s, int chunks, int parts) {
  const cream_tensor *node = s->sink->node;
  if (s->sums == 2)
    ocl_norm_backward(ocl, s->sink->bn, node->c, s->partial, CREAM_NO_BUF, CREAM_NO_BUF, chunks,
                      ocl_pixels(node));
  else if (s->sums == 5 && parts > 1)
    ocl_sum_parts(ocl, s->partial, s->sink->gate_sums, node->n, 5 * node->c, parts, 1);
}
