/* Completes sums over chunks: batch norm forward and backward, gate_sums, weight and bias gradients. A
 * work-group has COLUMNS channels and LANES lanes over the chunks, which a halving tree joins.
 */

#define COLUMNS CREAM_COLUMNS
#define LANES   CREAM_OVER
#define FINISH  __kernel __attribute__((reqd_work_group_size(COLUMNS, LANES, 1)))

/* Mean and sum of squares about it of `count` numbers. */
typedef struct spread {
  float count, mean, squares;
} spread;

/* Chan, Golub and LeVeque's pairwise merging. */
INLINE spread merge(spread a, spread b) {
  if (b.count == 0.0f) return a;
  spread s;
  s.count = a.count + b.count;
  float delta = b.mean - a.mean, share = b.count / s.count;
  s.mean = a.mean + delta * share;
  s.squares = a.squares + b.squares + delta * delta * a.count * share;
  return s;
}

/* Pixels of the chunks before chunk k, for chunks of `rows` pixels in spans of `span` (parts chunks each). */
INLINE int pixels_before(int k, int parts, int span, int rows) {
  return k / parts * span + min(k % parts * rows, span);
}

/* Entry k of statistics [entry][2][c], which has `block` chunks, the last one those that are left. */
INLINE spread entry_of(__global const float *partial, int k, int ch, int c, int chunks, int block, int parts,
                       int span, int rows) {
  __global const float *from = partial + (size_t)k * 2 * c + ch;
  int pixels = pixels_before(min((k + 1) * block, chunks), parts, span, rows) -
               pixels_before(k * block, parts, span, rows);
  spread s = {(float)pixels, from[0], from[c]};
  return s;
}

/* merged [entry][2][c]: the statistics of `block` chunks of partial [chunk][2][c] each, in `items` items. */
FLAT void norm_merge(IN(partial), BUF(merged), const int c, const int items, const int chunks, const int block,
                     const int parts, const int span, const int rows) {
  int i = (int)get_global_id(0), ch = i % c, entry = i / c;
  if (i >= items) return;
  AT(partial);
  AT(merged);
  spread s;
  s.count = s.mean = s.squares = 0.0f;
  for (int k = entry * block; k < min((entry + 1) * block, chunks); k++)
    s = merge(s, entry_of(partial, k, ch, c, chunks, 1, parts, span, rows));
  merged += (size_t)entry * 2 * c + ch;
  merged[0] = s.mean;
  merged[c] = s.squares;
}

/* Statistics, scale and shift from partial [entry][2][c], entries of `block` chunks of `rows` pixels in spans of
 * `span` (parts chunks each). Unless `measured`, the running statistics are used and partial is absent; `moves`: the batch's
 * statistics move the running ones. */
FINISH void norm_forward(IN(partial), IN(gamma), IN(beta), BUF(running_mean), BUF(running_var), BUF(mean),
                         BUF(invstd), BUF(scale), BUF(shift), const int c, const int chunks, const int block,
                         const int parts, const int span, const int rows, const int count, const int measured,
                         const int moves, const float momentum, const float eps) {
  __local float counts[LANES * COLUMNS], means[LANES * COLUMNS], squares[LANES * COLUMNS];
  AT(partial);
  AT(gamma);
  AT(beta);
  AT(running_mean);
  AT(running_var);
  AT(mean);
  AT(invstd);
  AT(scale);
  AT(shift);
  int ch = (int)get_global_id(0), lane = (int)get_local_id(1), at = lane * COLUMNS + (int)get_local_id(0);
  spread s;
  s.count = s.mean = s.squares = 0.0f;
  if (ch < c)
    for (int k = lane; k * block < chunks; k += LANES)
      s = merge(s, entry_of(partial, k, ch, c, chunks, block, parts, span, rows));
  counts[at] = s.count;
  means[at] = s.mean;
  squares[at] = s.squares;
  barrier(CLK_LOCAL_MEM_FENCE);
  for (int half_way = LANES / 2; half_way > 0; half_way /= 2) {
    if (lane < half_way) {
      int other = at + half_way * COLUMNS;
      spread mine = {counts[at], means[at], squares[at]},
             theirs = {counts[other], means[other], squares[other]};
      mine = merge(mine, theirs);
      counts[at] = mine.count;
      means[at] = mine.mean;
      squares[at] = mine.squares;
    }
    barrier(CLK_LOCAL_MEM_FENCE);
  }
  if (lane > 0 || ch >= c) return;
  float centre = means[at], variance = squares[at] / (float)count;
  if (!measured) {
    centre = running_mean[ch];
    variance = running_var[ch];
  }
  float width = 1.0f / sqrt(variance + eps), slope = gamma[ch] * width;
  scale[ch] = slope;
  shift[ch] = beta[ch] - centre * slope;
  if (!measured) return;
  mean[ch] = centre;
  invstd[ch] = width;
  if (!moves) return;
  float unbiased = squares[at] / (float)max(count - 1, 1);
  running_mean[ch] = (1.0f - momentum) * running_mean[ch] + momentum * centre;
  running_var[ch] = (1.0f - momentum) * running_var[ch] + momentum * unbiased;
}

/* The sum of `value` over the lanes of each column, for lane 0; `space` has LANES * COLUMNS floats. */
INLINE float column_sum(__local float *space, float value) {
  int lane = (int)get_local_id(1), at = lane * COLUMNS + (int)get_local_id(0);
  barrier(CLK_LOCAL_MEM_FENCE);
  space[at] = value;
  barrier(CLK_LOCAL_MEM_FENCE);
  for (int half_way = LANES / 2; half_way > 0; half_way /= 2) {
    if (lane < half_way) space[at] += space[at + half_way * COLUMNS];
    barrier(CLK_LOCAL_MEM_FENCE);
  }
  return space[at];
}

/* dgamma, dbeta, a, b, c from sums of dz and dz*xhat over all `count` pixels: partial [chunk][2][channels].
 * With gates: from gate_sums [chunk][5][channels], a chunk an image: dz = (d*gate + pool)*act'. */
FINISH void norm_backward(IN(partial), IN(gate), IN(pool), IN(gamma), IN(mean), IN(invstd), BUF(dgamma),
                          BUF(dbeta), BUF(a), BUF(b), BUF(c), const int channels, const int chunks,
                          const float count) {
  __local float space[LANES * COLUMNS];
  AT(partial);
  AT(gate);
  AT(pool);
  AT(gamma);
  AT(mean);
  AT(invstd);
  AT(dgamma);
  AT(dbeta);
  AT(a);
  AT(b);
  AT(c);
  int ch = (int)get_global_id(0), lane = (int)get_local_id(1);
  float sum = 0.0f, sum_xhat = 0.0f;
  if (ch < channels)
    for (int k = lane; k < chunks; k += LANES) {
      if (gate) {
        __global const float *from = partial + (size_t)k * 5 * channels + ch;
        float g = gate[(size_t)k * channels + ch], squeeze = pool[(size_t)k * channels + ch];
        sum += g * from[channels] + squeeze * from[2 * channels];
        sum_xhat += g * from[3 * channels] + squeeze * from[4 * channels];
      } else {
        __global const float *from = partial + (size_t)k * 2 * channels + ch;
        sum += from[0];
        sum_xhat += from[channels];
      }
    }
  sum = column_sum(space, sum);
  sum_xhat = column_sum(space, sum_xhat);
  if (lane > 0 || ch >= channels) return;
  float scale = gamma[ch] * invstd[ch], m1 = sum / count, m2 = sum_xhat / count;
  a[ch] = scale;
  b[ch] = -scale * invstd[ch] * m2;
  c[ch] = -scale * (m1 - mean[ch] * invstd[ch] * m2);
  if (dgamma) dgamma[ch] = sum_xhat;
  if (dbeta) dbeta[ch] = sum;
}

/* dbias [c] = the pending gradient of y summed over its rows. */
FINISH void norm_bias(TENSOR(y), GRAD(dy), BUF(dbias), const int c, const int rows, const int area) {
  __local float sums[LANES * COLUMNS * V];
  AT(dbias);
  const tensor t = TENSOR_OF(y, c, area);
  const grad d = GRAD_OF(dy);
  int ch = (int)get_global_id(0) * V, lane = (int)get_local_id(1);
  int at = (lane * COLUMNS + (int)get_local_id(0)) * V, lanes = min(V, c - ch);
  vec sum = (vec)(0.0f);
  if (lanes > 0)
    for (int p = lane; p < rows; p += LANES) sum += draw_at(&t, &d, p, ch, lanes);
  vec_store(sum, 0, sums + at);
  barrier(CLK_LOCAL_MEM_FENCE);
  for (int half_way = LANES / 2; half_way > 0; half_way /= 2) {
    if (lane < half_way)
      vec_store(vec_load(0, sums + at) + vec_load(0, sums + at + half_way * COLUMNS * V), 0, sums + at);
    barrier(CLK_LOCAL_MEM_FENCE);
  }
  if (lane == 0 && lanes > 0) store_lanes(vec_load(0, sums + at), dbias + ch, lanes);
}

/* out [i / run][i % run] = factor * sum over k < parts of partial [i / run][k][i % run], of which there are
 * `total` rows in all. */
FLAT void norm_sum_parts(IN(partial), BUF(out), const int count, const int run, const int parts,
                         const int total, const float factor) {
  int i = (int)get_global_id(0);
  if (i >= count) return;
  AT(partial);
  AT(out);
  float sum = 0.0f;
  int first = i / run * parts, end = min(first + parts, total);
  for (int k = first; k < end; k++) sum += partial[(size_t)k * run + i % run];
  out[i] = sum * factor;
}
