/* Detection: fusion of tensors of different sizes (cream_fuse), and the losses of a detector (cream_box_loss). */

/* ---- fusion -------------------------------------------------------------------------------------------- */

/* Weight i of n, or 1. */
INLINE float fusion_weight(__global const float *weight, int i, int n) {
  if (!weight) return 1.0f;
  float sum = 1e-4f;
  for (int k = 0; k < n; k++) sum += max(weight[k], 0.0f);
  return max(weight[i], 0.0f) / sum;
}

/* Rows or columns [first, end): cream_fuse_sources and cream_fuse_readers of core/backend.h. */
INLINE int2 fusion_sources(int from, int to, int at) {
  return from <= to ? (int2)(at * from / to, at * from / to + 1)
                    : (int2)(max(2 * at - 1, 0), min(2 * at + 2, from));
}
INLINE int2 fusion_readers(int from, int to, int at) {
  return from <= to ? (int2)((at * to + from - 1) / from, ((at + 1) * to + from - 1) / from)
                    : (int2)(at / 2, min((at + 1) / 2 + 1, to));
}

/* Sizes of an input and of the result. */
#define FUSION const int ih, const int iw, const int oh, const int ow

/* The input at pixel p of the result. */
INLINE vec fusion_value(const tensor *t, int p, int ch, int lanes, FUSION) {
  int image = p / (oh * ow);
  int2 rows = fusion_sources(ih, oh, p / ow % oh), columns = fusion_sources(iw, ow, p % ow);
  vec most = (vec)(-INFINITY);
  for (int r = rows.x; r < rows.y; r++)
    for (int k = columns.x; k < columns.y; k++)
      most = max(most, value_at(t, (image * ih + r) * iw + k, ch, lanes));
  return most;
}

/* out = weight i of n * the input, added to what is there from the second input on. */
CHUNKED void detect_fuse(TENSOR(x), IN(weight), BUF(out), CHUNKS, FUSION, const int i, const int n) {
  PLACE(at);
  AT(out);
  if (weight) AT(weight);
  const tensor t = TENSOR_OF(x, c, ih * iw);
  const float w = fusion_weight(weight, i, n);
  for (int p = at.first; p < at.end; p++) {
    vec sum = w * fusion_value(&t, p, at.ch, at.lanes, ih, iw, oh, ow);
    if (i > 0) sum += act_load(out, (uint)p * c + at.ch, HALVES(c, area), at.lanes);
    act_store(sum, out, (uint)p * c + at.ch, HALVES(c, area), at.lanes);
  }
}

/* partial[chunk][c] = sum of dout * the input. */
CHUNKED void detect_products(TENSOR(x), IN(dout), BUF(partial), CHUNKS, FUSION) {
  PLACE(at);
  AT(dout);
  AT(partial);
  const tensor t = TENSOR_OF(x, c, ih * iw);
  vec sum = (vec)(0.0f);
  for (int p = at.first; p < at.end; p++)
    sum += load_lanes(dout + (uint)p * c + at.ch, at.lanes) *
           fusion_value(&t, p, at.ch, at.lanes, ih, iw, oh, ow);
  store_lanes(sum, partial + (uint)at.chunk * c + at.ch, at.lanes);
}

/* dweight [n] from partial [n][count]. */
ROW void detect_weights(IN(partial), IN(weight), BUF(dweight), const int n, const int count) {
  __local float space[ITEMS];
  AT(partial);
  AT(weight);
  AT(dweight);
  float products[4], mean = 0.0f, total = 1e-4f;
  for (int i = 0; i < n; i++) {
    float sum = 0.0f;
    for (int k = (int)get_local_id(0); k < count; k += ITEMS) sum += partial[(size_t)i * count + k];
    products[i] = group_sum(space, sum);
    mean += fusion_weight(weight, i, n) * products[i];
    total += max(weight[i], 0.0f);
  }
  if (get_local_id(0) > 0) return;
  for (int i = 0; i < n; i++) dweight[i] = weight[i] > 0.0f ? (products[i] - mean) / total : 0.0f;
}

/* dout where pixel p of the input is the first largest one under pixel q of the result; `own`: its value. */
INLINE vec fusion_peak(const tensor *t, vec part, vec own, int p, int q, int ch, int lanes, FUSION) {
  int image = q / (oh * ow);
  int2 rows = fusion_sources(ih, oh, q / ow % oh), columns = fusion_sources(iw, ow, q % ow);
  for (int r = rows.x; r < rows.y; r++)
    for (int k = columns.x; k < columns.y; k++) {
      int other = (image * ih + r) * iw + k;
      if (other == p) continue;
      vec value = value_at(t, other, ch, lanes);
      if (other < p)
        part = select((vec)(0.0f), part, value < own);
      else
        part = select((vec)(0.0f), part, value <= own);
    }
  return part;
}

/* The gradient of input i of n to its sink; c, area and chunks are those of the input. */
CHUNKED void detect_gather(TENSOR(x), IN(dout), IN(weight), SINK(s), CHUNKS, FUSION, const int i,
                           const int n) {
  PLACE(at);
  AT(dout);
  if (weight) AT(weight);
  const tensor t = TENSOR_OF(x, c, area);
  const sink to = SINK_OF(s, c, area);
  sink_map m = sink_map_of(&to, at.image, at.ch, at.lanes);
  sink_sums sums = no_sums();
  const float w = fusion_weight(weight, i, n);
  const bool pooled = ih > oh || iw > ow;
  for (int p = at.first; p < at.end; p++) {
    int2 rows = fusion_readers(ih, oh, p / iw % ih), columns = fusion_readers(iw, ow, p % iw);
    vec d = (vec)(0.0f), own = pooled ? value_at(&t, p, at.ch, at.lanes) : d;
    for (int r = rows.x; r < rows.y; r++)
      for (int k = columns.x; k < columns.y; k++) {
        int q = (at.image * oh + r) * ow + k;
        vec part = load_lanes(dout + (uint)q * c + at.ch, at.lanes);
        if (pooled) part = fusion_peak(&t, part, own, p, q, at.ch, at.lanes, ih, iw, oh, ow);
        d += part;
      }
    sink_put(&to, &m, p, at.ch, at.lanes, w * d, &sums);
  }
  sink_finish(&to, at.chunk, at.ch, at.lanes, &sums);
}

/* ---- losses -------------------------------------------------------------------------------------------- */

/* Group g has entries g*chunk .. : dlogits, ddeltas, and rows [g][3]: losses of classes and boxes, foreground entries. */
ROW void detect_losses(IN(logits), IN(deltas), IN(labels), IN(targets), BUF(dlogits), BUF(ddeltas), BUF(rows),
                       const int entries, const int classes, const int chunk, const float alpha,
                       const float gamma, const float beta, const float box) {
  __local float space[ITEMS];
  AT(logits);
  AT(deltas);
  AT(labels);
  AT(targets);
  if (dlogits) AT(dlogits);
  if (ddeltas) AT(ddeltas);
  AT_ROW(rows, 3);
  __global const int *label = (__global const int *)labels;
  int first = (int)GROUP * chunk, end = min(first + chunk, entries), item = (int)get_local_id(0);
  float of_classes = 0.0f, of_boxes = 0.0f, foreground = 0.0f;
  for (size_t i = (size_t)first * classes + item; i < (size_t)end * classes; i += ITEMS) {
    size_t e = i / classes;
    bool target = label[e] == (int)(i % classes);
    float z = target ? -logits[i] : logits[i]; /* p: the probability of being wrong */
    float t = exp(-fabs(z)), p = (z >= 0.0f ? 1.0f : t) / (1.0f + t), missed = max(z, 0.0f) + log1p(t);
    float power = (gamma == 2.0f ? p * p : exp(gamma * (z - missed))) * targets[e * 5 + 4];
    power *= target ? alpha : 1.0f - alpha;
    of_classes += power * missed;
    float slope = power * (p + gamma * (1.0f - p) * missed);
    if (dlogits) dlogits[i] = target ? -slope : slope;
  }
  for (int e = first + item; e < end; e += ITEMS) {
    bool found = label[e] >= 0;
    float factor = targets[(size_t)e * 5 + 4];
    foreground += found ? 1.0f : 0.0f;
    for (int k = 0; k < 4; k++) {
      float d = deltas[(size_t)e * 4 + k] - targets[(size_t)e * 5 + k], size = fabs(d), slope = 0.0f;
      if (found) {
        of_boxes += factor * (size < beta ? d * d / (2.0f * beta) : size - beta / 2.0f);
        slope = box * factor * (size < beta ? d / beta : (d > 0.0f ? 1.0f : (d < 0.0f ? -1.0f : 0.0f)));
      }
      if (ddeltas) ddeltas[(size_t)e * 4 + k] = slope;
    }
  }
  of_classes = group_sum(space, of_classes);
  of_boxes = group_sum(space, of_boxes);
  foreground = group_sum(space, foreground);
  if (item > 0) return;
  rows[0] = of_classes;
  rows[1] = of_boxes;
  rows[2] = foreground;
}

/* result [4] from rows [count][3]. */
ROW void detect_loss(IN(rows), BUF(result), const int count, const float box) {
  __local float space[ITEMS];
  AT(rows);
  AT(result);
  float of_classes = 0.0f, of_boxes = 0.0f, foreground = 0.0f;
  for (int g = (int)get_local_id(0); g < count; g += ITEMS) {
    of_classes += rows[g * 3];
    of_boxes += rows[g * 3 + 1];
    foreground += rows[g * 3 + 2];
  }
  of_classes = group_sum(space, of_classes);
  of_boxes = box * group_sum(space, of_boxes);
  foreground = group_sum(space, foreground);
  if (get_local_id(0) > 0) return;
  result[0] = of_classes + of_boxes;
  result[1] = of_classes;
  result[2] = of_boxes;
  result[3] = foreground;
}
