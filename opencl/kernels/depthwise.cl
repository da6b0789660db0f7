/* Depthwise convolutions. Values and gradients are written out before, with channels padded to `pitch`, a multiple
 * of V; an item computes strips of STRIP neighbouring pixels of its channels, so that it reads a value once for
 * several of them.
 */

enum { STRIP = CREAM_STRIP, SPREAD = LX * V, MAX_TAPS = 7 };

/* The group's weights as taps[tap][channel]. */
INLINE void load_taps(__local float *taps, __global const float *w, int c, int count) {
  int first = group_channel(c), item = (int)(get_local_id(1) * LX + get_local_id(0));
  for (int i = item; i < count * SPREAD; i += LX * LY) {
    int ch = i / count;
    taps[i % count * SPREAD + ch] = first + ch < c ? w[(size_t)first * count + i] : 0.0f;
  }
}

/* The beginning of a kernel that takes the weights w as taps and works at a PLACE. */
#define TAPS_AND_PLACE(at, K)                                                                                \
  AT(w);                                                                                                     \
  load_taps(taps, w, c, (K) * (K));                                                                          \
  barrier(CLK_LOCAL_MEM_FENCE);                                                                              \
  PLACE(at)

INLINE vec tap_at(__local const float *taps, int tap) {
  return vec_load(0, taps + tap * SPREAD + (int)get_local_id(0) * V);
}

/* Loops over the taps of a line, and over the values that a strip reads from it. Their bounds are constant, or AMD's
 * compiler keeps sums in memory instead of registers. */
enum { MAX_STRIDE = 2, MAX_SPAN = (STRIP - 1) * MAX_STRIDE + MAX_TAPS };
#define EACH_TAP(j, N)      _Pragma("unroll") for (int j = 0; j < MAX_TAPS; j++) if (j < (N))
#define EACH_VALUE(i, SPAN) _Pragma("unroll") for (int i = 0; i < MAX_SPAN; i++) if (i < (SPAN))

/* sums += one row of the kernel (from tap `tap`) over a line of values from column ix. `dense`: the strip's values have
 * no gaps between them, and each is read once. */
INLINE void forward_line(vec *sums, __global const float *line, __local const float *taps, int tap, int ix,
                         int iw, int pitch, const int K, const int S, const int D, const bool dense,
                         const bool inside) {
  if (dense) {
    vec w[MAX_TAPS];
    EACH_TAP(kx, K)
      w[kx] = tap_at(taps, tap + kx);
    EACH_VALUE(i, (STRIP - 1) * S + K) {
      if (!inside && (ix + i < 0 || ix + i >= iw)) continue;
      vec value = vec_load(0, line + (ix + i) * pitch);
#pragma unroll
      for (int t = 0; t < STRIP; t++)
        if (i - t * S >= 0 && i - t * S < K) sums[t] += w[i - t * S] * value;
    }
    return;
  }
  for (int kx = 0; kx < K; kx++) {
    vec w = tap_at(taps, tap + kx);
#pragma unroll
    for (int t = 0; t < STRIP; t++) {
      int at = ix + t * S + kx * D;
      if (inside || (at >= 0 && at < iw)) sums[t] += w * vec_load(0, line + at * pitch);
    }
  }
}

INLINE void forward_chunk(__global const float *x, vec bias, __global float *y, __global float *partial,
                          __local const float *taps, place at, int c, int area, int pitch, int ih, int iw,
                          int oh, int ow, int pad_h, int pad_w, const int K, const int S, const int D,
                          const bool dense) {
  moments m;
  for (int p = at.first; p < at.end; p += ow)
    for (int ox = 0; ox < ow; ox += STRIP) {
      int iy = p / ow % oh * S - pad_h, ix = ox * S - pad_w;
      bool inside = ix >= 0 && ix + (STRIP - 1) * S + (K - 1) * D < iw;
      vec sums[STRIP];
#pragma unroll
      for (int t = 0; t < STRIP; t++) sums[t] = bias;
      for (int ky = 0; ky < K; ky++, iy += D) {
        if (iy < 0 || iy >= ih) continue;
        __global const float *line = x + (size_t)(at.image * ih + iy) * iw * pitch + at.ch;
        if (inside)
          forward_line(sums, line, taps, ky * K, ix, iw, pitch, K, S, D, dense, true);
        else
          forward_line(sums, line, taps, ky * K, ix, iw, pitch, K, S, D, dense, false);
      }
      if (p == at.first && ox == 0) m = moments_from(sums[0]);
#pragma unroll
      for (int t = 0; t < STRIP; t++)
        if (ox + t < ow) {
          act_store(sums[t], y, (uint)(p + ox + t) * c + at.ch, HALVES(c, area), at.lanes);
          moments_add(&m, sums[t]);
        }
    }
  if (!partial) return;
  partial += (uint)at.chunk * 2 * c + at.ch;
  store_lanes(moments_mean(&m, at.end - at.first), partial, at.lanes);
  store_lanes(moments_squares(&m, at.end - at.first), partial + c, at.lanes);
}

/* y = conv(x), chunks of whole rows of y; partial, where present, gets each chunk's mean and sum of squares
 * about it, [chunk][2][c]. */
#define FORWARD(name, K, S, D, dense)                                                                               \
  CHUNKED void name(IN(x), IN(w), IN(bias), BUF(y), BUF(partial), __local float *taps, CHUNKS,               \
                    const int pitch, GEOMETRY) {                                                             \
    AT(x);                                                                                                   \
    AT(bias);                                                                                                \
    AT(y);                                                                                                   \
    AT(partial);                                                                                             \
    TAPS_AND_PLACE(at, K);                                                                                   \
    vec start = bias ? load_lanes(bias + at.ch, at.lanes) : (vec)(0.0f);                                     \
    forward_chunk(x, start, y, partial, taps, at, c, area, pitch, ih, iw, oh, ow, pad_h, pad_w, K, S, D,     \
                  dense);                                                                                    \
  }

/* The same for the gradient: from a line of y's gradients to pixels ix.. of x. `dense`: the stride is 1 too. */
INLINE void backward_line(vec *sums, __global const float *line, __local const float *taps, int tap, int tx,
                          int ow, int pitch, const int K, const int S, const int D, const bool dense,
                          const bool inside) {
  if (dense) {
    vec w[MAX_TAPS];
    EACH_TAP(kx, K)
      w[kx] = tap_at(taps, tap + kx);
    EACH_VALUE(i, STRIP - 1 + K) {
      int at = tx - (K - 1) + i;
      if (!inside && (at < 0 || at >= ow)) continue;
      vec value = vec_load(0, line + at * pitch);
#pragma unroll
      for (int t = 0; t < STRIP; t++)
        if (t + K - 1 - i >= 0 && t <= i) sums[t] += w[t + K - 1 - i] * value;
    }
    return;
  }
  for (int kx = 0; kx < K; kx++) {
    vec w = tap_at(taps, tap + kx);
#pragma unroll
    for (int t = 0; t < STRIP; t++) {
      int from = tx + t - kx * D, at = from / S;
      if (at * S == from && (inside || (from >= 0 && at < ow))) sums[t] += w * vec_load(0, line + at * pitch);
    }
  }
}

INLINE void backward_chunk(__global const float *dy, const sink *to, __local const float *taps, place at,
                           int pitch, int ih, int iw, int oh, int ow, int pad_h, int pad_w, const int K,
                           const int S, const int D, const bool dense) {
  sink_map m = sink_map_of(to, at.image, at.ch, at.lanes);
  sink_sums taken = no_sums();
  for (int p = at.first; p < at.end; p += iw)
    for (int ix = 0; ix < iw; ix += STRIP) {
      int ty = p / iw % ih + pad_h, tx = ix + pad_w;
      bool inside = tx - (K - 1) * D >= 0 && tx + STRIP - 1 < ow * S;
      vec sums[STRIP];
#pragma unroll
      for (int t = 0; t < STRIP; t++) sums[t] = (vec)(0.0f);
      for (int ky = 0; ky < K; ky++, ty -= D) {
        int oy = ty / S;
        if (ty < 0 || oy * S != ty || oy >= oh) continue;
        __global const float *line = dy + (size_t)(at.image * oh + oy) * ow * pitch + at.ch;
        if (inside)
          backward_line(sums, line, taps, ky * K, tx, ow, pitch, K, S, D, dense, true);
        else
          backward_line(sums, line, taps, ky * K, tx, ow, pitch, K, S, D, dense, false);
      }
#pragma unroll
      for (int t = 0; t < STRIP; t++)
        if (ix + t < iw) sink_put(to, &m, p + ix + t, at.ch, at.lanes, sums[t], &taken);
    }
  sink_finish(to, at.chunk, at.ch, at.lanes, &taken);
}

/* The gradient of x to the sink, from y's written out, in chunks of whole rows of x. */
#define BACKWARD_DATA(name, K, S, D, dense)                                                                         \
  CHUNKED void name(IN(dy), IN(w), SINK(s), __local float *taps, CHUNKS, const int pitch, GEOMETRY) {        \
    AT(dy);                                                                                                  \
    TAPS_AND_PLACE(at, K);                                                                                   \
    const sink to = SINK_OF(s, c, area);                                                                     \
    backward_chunk(dy, &to, taps, at, pitch, ih, iw, oh, ow, pad_h, pad_w, K, S, D, dense); \
  }

/* sums += gradients of STRIP pixels times values of the line from column ix, each of which is read once. */
INLINE void weight_strip(vec *sums, const vec *d, __global const float *line, int ix, int iw, int pitch, const int N,
                         const int S, const bool inside) {
  EACH_VALUE(i, (STRIP - 1) * S + N) {
    if (!inside && (ix + i < 0 || ix + i >= iw)) continue;
    vec value = vec_load(0, line + (ix + i) * pitch);
#pragma unroll
    for (int t = 0; t < STRIP; t++)
      if (i - t * S >= 0 && i - t * S < N) sums[i - t * S] += d[t] * value;
  }
}

/* partial [chunk][tap][c], N taps from (ky, kx): over the chunk's rows of y, gradients times values. `dense`: the taps
 * are next to each other; without it there is one. */
INLINE void weight_chunk(__global const float *x, __global const float *dy, __global float *partial, int ch,
                         int c, int first, int end, int pitch, int ih, int iw, int oh, int ow, int pad_h,
                         int pad_w, int ky, int kx, const int N, const int S, const int D,
                         const bool dense) {
  vec sums[MAX_TAPS];
#pragma unroll
  for (int j = 0; j < MAX_TAPS; j++) sums[j] = (vec)(0.0f);
  for (int row = first; row < end; row++) {
    int iy = row % oh * S - pad_h + ky * D;
    if (iy < 0 || iy >= ih) continue;
    __global const float *line = x + (size_t)(row / oh * ih + iy) * iw * pitch + ch;
    __global const float *from = dy + (size_t)row * ow * pitch + ch;
    for (int ox = 0; ox < ow; ox += STRIP) {
      vec d[STRIP];
#pragma unroll
      for (int t = 0; t < STRIP; t++) d[t] = ox + t < ow ? vec_load(0, from + (ox + t) * pitch) : (vec)(0.0f);
      int ix = ox * S - pad_w + kx * D;
      if (!dense) {
#pragma unroll
        for (int t = 0; t < STRIP; t++)
          if (ix + t * S >= 0 && ix + t * S < iw) sums[0] += d[t] * vec_load(0, line + (ix + t * S) * pitch);
      } else if (ix >= 0 && ix + (STRIP - 1) * S + N <= iw) {
        weight_strip(sums, d, line, ix, iw, pitch, N, S, true);
      } else {
        weight_strip(sums, d, line, ix, iw, pitch, N, S, false);
      }
    }
  }
  EACH_TAP(j, N)
    store_lanes(sums[j], partial + (size_t)j * c, min(V, c - ch));
}

/* N: taps of an item; `total` rows of y in chunks of `rows`. */
#define BACKWARD_WEIGHT(name, K, S, D, N, dense)                                                                    \
  CHUNKED void name(IN(x), IN(dy), BUF(partial), const int c, const int total, const int chunks,             \
                    const int rows, const int pitch, GEOMETRY) {                                             \
    int ch = item_channel(c), items = (K) * (K) / (N), chunk = item_chunk(c) / items;                        \
    int tap = item_chunk(c) % items * (N);                                                                   \
    if (ch >= c || chunk >= chunks) return;                                                                  \
    AT(x);                                                                                                   \
    AT(dy);                                                                                                  \
    AT(partial);                                                                                             \
    partial += (size_t)(chunk * (K) * (K) + tap) * c + ch;                                                   \
    weight_chunk(x, dy, partial, ch, c, chunk *rows, min((chunk + 1) * rows, total), pitch, ih, iw, oh, ow,  \
                 pad_h, pad_w, tap / (K), tap % (K), N, S, D, dense);                                        \
  }

#define CASES(K, S)                                                                                          \
  FORWARD(depthwise_forward_##K##_##S, K, S, 1, true)                                                        \
  BACKWARD_DATA(depthwise_backward_data_##K##_##S, K, S, 1, S == 1)                                                  \
  BACKWARD_WEIGHT(depthwise_backward_weight_##K##_##S, K, S, 1, K, true)
CASES(3, 1)
CASES(3, 2)
CASES(5, 1)
CASES(5, 2)
CASES(7, 1)
CASES(7, 2)

/* Any other kernel, stride and dilation. */
FORWARD(depthwise_forward, kernel_size, stride, dilation, false)
BACKWARD_DATA(depthwise_backward_data, kernel_size, stride, dilation, false)
BACKWARD_WEIGHT(depthwise_backward_weight, kernel_size, stride, dilation, 1, false)

/* dweight [c][taps] = sum of the partials [chunk][taps][c]. */
FLAT void depthwise_weight_finish(IN(partial), BUF(dweight), const int c, const int taps, const int chunks) {
  int i = (int)get_global_id(0);
  if (i >= c * taps) return;
  AT(partial);
  AT(dweight);
  float sum = 0.0f;
  for (int k = 0; k < chunks; k++) sum += partial[(size_t)k * c * taps + i];
  dweight[i % c * taps + i / c] = sum;
}
