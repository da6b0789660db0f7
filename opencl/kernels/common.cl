/* Precedes every kernel file, and is itself preceded by core/base/activation.h and optimiser.h: buffers as
 * parameters, vectors over channels, pending maps and pending gradients (core/backend.h), and sinks for the
 * gradient of an input (cream_sink).
 *
 * Activations are NHWC. A work-item takes V neighbouring channels; `lanes` of them (1..V) exist.
 */

/* A buffer and an offset into it, in 4-byte elements: ocl_arg_buf of launch.h. */
#define BUF(x) __global float *x, const uint x##_0
#define IN(x)  __global const float *x, const uint x##_0
#define AT(x)  x += x##_0

/* The host compiles with its own numbers (OCL_TILES of runtime.h). These serve compilers that check the kernels. */
#ifndef CREAM_LANES
#define CREAM_LANES   4
#define CREAM_TILE    64
#define CREAM_ROWS    8
#define CREAM_DEPTH   16
#define CREAM_ACROSS  4
#define CREAM_ALONG   16
#define CREAM_STRIP   4
#define CREAM_ITEMS   64
#define CREAM_COLUMNS 16
#define CREAM_OVER    16
#endif
#define V              CREAM_LANES
#define JOINED(a, b)   a##b
#define JOIN(a, b)     JOINED(a, b)
#define vec_load       JOIN(vload, V)
#define vec_store      JOIN(vstore, V)
#define vec_load_half  JOIN(vload_half, V)
#define vec_store_half JOIN(vstore_half, V)
#define as_vec         JOIN(as_float, V)
#define as_ivec        JOIN(as_int, V)
typedef JOIN(float, V) vec;
typedef JOIN(int, V) ivec;

/* Work-groups lie along x alone: other dimensions have 65,535 of them at most on some devices. A launch of many
 * is cut into several (ocl_run_args), each with its own offset, so a group's number is this one and not
 * get_group_id. */
#define GROUP (get_global_id(0) / get_local_size(0))

/* Work-groups of kernels over (vectors of channels, chunks of pixels), those of the same chunks next to each
 * other. On CPUs a group is one item: drivers run the items of a group one after the other there, and keep their
 * variables in memory in between. */
#define LX      CREAM_ACROSS
#define LY      CREAM_ALONG
#define CHUNKED __kernel __attribute__((reqd_work_group_size(LX, LY, 1)))

/* Work-groups of most other kernels; ROW: a group has a row, to which AT_ROW moves pointers. */
#define ITEMS CREAM_ITEMS
#define FLAT  __kernel __attribute__((reqd_work_group_size(ITEMS, 1, 1)))
#define ROW   FLAT
#define AT_ROW(x, length) x += x##_0 + GROUP * (size_t)(length)

#ifndef INLINE
#define INLINE static inline __attribute__((always_inline))
#endif

/* Every item of a FLAT kernel's group gets the sum of `value` over the group; `space` has ITEMS floats. */
INLINE float group_sum(__local float *space, float value) {
  int item = (int)get_local_id(0);
  barrier(CLK_LOCAL_MEM_FENCE);
  space[item] = value;
  barrier(CLK_LOCAL_MEM_FENCE);
  for (int half_way = ITEMS / 2; half_way > 0; half_way /= 2) {
    if (item < half_way) space[item] += space[item + half_way];
    barrier(CLK_LOCAL_MEM_FENCE);
  }
  return space[0];
}

/* ---- vectors ------------------------------------------------------------------------------------------- */

INLINE vec load_lanes(__global const float *p, int lanes) {
  if (lanes >= V) return vec_load(0, p);
#if V == 16
  if (lanes == 8) return (vec)(vload8(0, p), (float8)(0.0f));
#endif
  float parts[V];
  for (int i = 0; i < V; i++) parts[i] = i < lanes ? p[i] : 0.0f;
  return vec_load(0, parts);
}

INLINE void store_lanes(vec v, __global float *p, int lanes) {
  if (lanes >= V) {
    vec_store(v, 0, p);
    return;
  }
#if V == 16
  if (lanes == 8) {
    vstore8(v.lo, 0, p);
    return;
  }
#endif
  float parts[V];
  vec_store(v, 0, parts);
  for (int i = 0; i < V; i++)
    if (i < lanes) p[i] = parts[i];
}

/* Raw activations: half where the program was built so, except for images and tensors of one pixel (is_half of
 * tensor.c); arithmetic is in float. `i` counts the tensor's elements. */
#define HALVES(c, area) ((c) > 4 && (area) > 1)
INLINE vec act_load(__global const float *p, uint i, bool halves, int lanes) {
#ifdef CREAM_HALF
  if (halves) {
    __global const half *h = (__global const half *)p + i;
    if (lanes >= V) return vec_load_half(0, h);
    float parts[V];
    for (int j = 0; j < V; j++) parts[j] = j < lanes ? vload_half(j, h) : 0.0f;
    return vec_load(0, parts);
  }
#endif
  return load_lanes(p + i, lanes);
}

INLINE void act_store(vec v, __global float *p, uint i, bool halves, int lanes) {
#ifdef CREAM_HALF
  if (halves) {
    __global half *h = (__global half *)p + i;
    if (lanes >= V) {
      vec_store_half(v, 0, h);
      return;
    }
    float parts[V];
    vec_store(v, 0, parts);
    for (int j = 0; j < V; j++)
      if (j < lanes) vstore_half(parts[j], j, h);
    return;
  }
#endif
  store_lanes(v, p + i, lanes);
}

/* exp(x) = 2^n * exp(f), n = round(x/ln 2), |f| <= ln(2)/2, with a minimax polynomial of degree 5; relative
 * error below 2e-7 on [-87, 88], clamped outside. */
INLINE vec vexp(vec x) {
  x = min(max(x, -87.0f), 88.0f);
  vec t = x * 1.44269504f + 12582912.0f; /* 1.5 * 2^23: the sum's low bits are the rounded number */
  vec n = t - 12582912.0f;
  vec f = x - n * 0.693359375f;
  f = f + n * 2.12194440e-4f;
  vec p = (vec)(0x1.0F9F9Cp-7f);
  p = p * f + 0x1.573A1Ap-5f;
  p = p * f + 0x1.555A80p-3f;
  p = p * f + 0x1.FFFDC6p-2f;
  p = p * f + 0x1.FFFFF6p-1f;
  p = p * f + 1.0f;
  return as_vec(as_ivec(p) + (as_ivec(t) << 23));
}

/* ---- activations --------------------------------------------------------------------------------------- */

/* For each activation of core/base/activation.h its value and its slope at z. */
INLINE vec act_NONE(vec z) {
  return z;
}
INLINE vec slope_NONE(vec z) {
  return (vec)(1.0f);
}

INLINE vec act_RELU(vec z) {
  return max(z, 0.0f);
}
INLINE vec slope_RELU(vec z) {
  return select((vec)(0.0f), (vec)(1.0f), z > 0.0f);
}

INLINE vec act_RELU6(vec z) {
  return min(max(z, 0.0f), 6.0f);
}
INLINE vec slope_RELU6(vec z) {
  return select((vec)(0.0f), (vec)(1.0f), z > 0.0f && z < 6.0f);
}

INLINE vec act_SIGMOID(vec z) {
  return 1.0f / (1.0f + vexp(-z));
}
INLINE vec slope_SIGMOID(vec z) {
  vec s = act_SIGMOID(z);
  return s * (1.0f - s);
}

INLINE vec act_SWISH(vec z) {
  return z * act_SIGMOID(z);
}
INLINE vec slope_SWISH(vec z) {
  vec s = act_SIGMOID(z);
  return s * (1.0f + z * (1.0f - s));
}

INLINE vec act_HARD_SIGMOID(vec z) {
  return min(max(z + 3.0f, 0.0f), 6.0f) / 6.0f;
}
INLINE vec slope_HARD_SIGMOID(vec z) {
  return select((vec)(0.0f), (vec)(1.0f / 6.0f), z > -3.0f && z < 3.0f);
}

INLINE vec act_HARD_SWISH(vec z) {
  return z * act_HARD_SIGMOID(z);
}
INLINE vec slope_HARD_SWISH(vec z) {
  return select(select(z / 3.0f + 0.5f, (vec)(1.0f), z >= 3.0f), (vec)(0.0f), z <= -3.0f);
}

/* The value and the slope of a cream_act at z. */
#define ACT_CASE(name, word)                                                                                 \
  case CREAM_ACT_##name:                                                                                     \
    return act_##name(z);
INLINE vec vact(uint act, vec z) {
  switch (act) { CREAM_ACTS(ACT_CASE) }
  return z;
}

#define SLOPE_CASE(name, word)                                                                               \
  case CREAM_ACT_##name:                                                                                     \
    return slope_##name(z);
INLINE vec vact_slope(uint act, vec z) {
  switch (act) { CREAM_ACTS(SLOPE_CASE) }
  return (vec)(1.0f);
}

/* Both, in one switch: half the code, and one exponential for both. */
typedef struct act_pair {
  vec value, slope;
} act_pair;
#define PAIR_CASE(name, word)                                                                                \
  case CREAM_ACT_##name:                                                                                     \
    p.value = act_##name(z);                                                                                 \
    p.slope = slope_##name(z);                                                                               \
    break;
INLINE act_pair vact_pair(uint act, vec z) {
  act_pair p = {z, (vec)(1.0f)};
  switch (act) { CREAM_ACTS(PAIR_CASE) }
  return p;
}

/* ---- pending maps -------------------------------------------------------------------------------------- */

/* A cream_tensor as kernel parameters. */
#define TENSOR(t) IN(t##_raw), IN(t##_scale), IN(t##_shift), IN(t##_gate), const uint t##_act

typedef struct tensor {
  __global const float *raw, *scale, *shift, *gate;
  int c, area; /* area: h*w */
  uint act;
} tensor;

#define TENSOR_OF(t, c, area)                                                                                \
  {                                                                                                          \
    t##_raw + t##_raw_0, t##_scale + t##_scale_0, t##_shift + t##_shift_0, t##_gate + t##_gate_0, c, area,   \
        t##_act                                                                                              \
  }

/* Scale and shift of some channels. */
typedef struct map {
  vec scale, shift;
} map;

INLINE map map_of(const tensor *t, int ch, int lanes) {
  map m = {(vec)(1.0f), (vec)(0.0f)};
  if (t->scale) {
    m.scale = load_lanes(t->scale + ch, lanes);
    m.shift = load_lanes(t->shift + ch, lanes);
  }
  return m;
}

INLINE vec gate_of(const tensor *t, int image, int ch, int lanes) {
  return t->gate ? load_lanes(t->gate + (uint)image * t->c + ch, lanes) : (vec)(1.0f);
}

INLINE vec raw_at(const tensor *t, int pixel, int ch, int lanes) {
  return act_load(t->raw, (uint)pixel * t->c + ch, HALVES(t->c, t->area), lanes);
}

/* The value at one pixel. */
INLINE vec value_at(const tensor *t, int pixel, int ch, int lanes) {
  vec z = raw_at(t, pixel, ch, lanes);
  if (t->scale) z = load_lanes(t->scale + ch, lanes) * z + load_lanes(t->shift + ch, lanes);
  z = vact(t->act, z);
  return t->gate ? z * load_lanes(t->gate + (uint)(pixel / t->area) * t->c + ch, lanes) : z;
}

/* ---- pending gradients --------------------------------------------------------------------------------- */

/* A cream_grad as kernel parameters; it follows its TENSOR. */
#define GRAD(d) IN(d##_g), IN(d##_pool), IN(d##_a), IN(d##_b), IN(d##_c), const int d##_by_value

typedef struct grad {
  __global const float *g, *pool, *a, *b, *c;
  int by_value; /* CREAM_GRAD_VALUE */
} grad;

#define GRAD_OF(d)                                                                                           \
  { d##_g + d##_g_0, d##_pool + d##_pool_0, d##_a + d##_a_0, d##_b + d##_b_0, d##_c + d##_c_0, d##_by_value }

/* The part of a pending gradient that is the same for all pixels of an image. */
typedef struct grad_map {
  map node;
  vec gate, pool, a, b, c;
} grad_map;

INLINE grad_map grad_map_of(const tensor *t, const grad *d, int image, int ch, int lanes) {
  grad_map m;
  m.node.scale = m.gate = (vec)(1.0f);
  m.node.shift = m.pool = m.a = m.b = m.c = (vec)(0.0f);
  if (d->by_value) {
    m.node = map_of(t, ch, lanes);
    m.gate = gate_of(t, image, ch, lanes);
    if (d->pool) m.pool = load_lanes(d->pool + (uint)image * t->c + ch, lanes);
  }
  if (d->a) {
    m.a = load_lanes(d->a + ch, lanes);
    m.b = load_lanes(d->b + ch, lanes);
    m.c = load_lanes(d->c + ch, lanes);
  }
  return m;
}

/* The gradient of t's raw output. */
INLINE vec draw_by(const grad_map *m, const tensor *t, const grad *d, int pixel, int ch, int lanes) {
  uint i = (uint)pixel * t->c + ch;
  vec dz = d->g ? load_lanes(d->g + i, lanes) : (vec)(0.0f), raw = (vec)(0.0f);
  if (d->a || d->by_value) raw = act_load(t->raw, i, HALVES(t->c, t->area), lanes);
  if (d->by_value) dz = (dz * m->gate + m->pool) * vact_slope(t->act, m->node.scale * raw + m->node.shift);
  return d->a ? m->a * dz + m->b * raw + m->c : dz;
}

INLINE vec draw_at(const tensor *t, const grad *d, int pixel, int ch, int lanes) {
  grad_map m = grad_map_of(t, d, pixel / t->area, ch, lanes);
  return draw_by(&m, t, d, pixel, ch, lanes);
}

/* ---- sinks --------------------------------------------------------------------------------------------- */

/* A cream_sink as kernel parameters. sums: their number, 0, 2 (batch norm) or 5 (gate_sums); partial:
 * [chunk][sums][C]. */
#define SINK(s)                                                                                              \
  BUF(s##_g), IN(s##_add), TENSOR(s##_node), IN(s##_mean), IN(s##_invstd), BUF(s##_partial),                 \
      const int s##_sums

typedef struct sink {
  __global float *g, *partial;
  __global const float *add, *mean, *invstd;
  tensor node;
  int sums;
} sink;

#define SINK_OF(s, c, area)                                                                                  \
  {                                                                                                          \
    s##_g + s##_g_0, s##_partial + s##_partial_0, s##_add + s##_add_0, s##_mean + s##_mean_0,                \
        s##_invstd + s##_invstd_0, TENSOR_OF(s##_node, c, area), s##_sums                                    \
  }

#define SINK_SUMS 5
typedef struct sink_sums {
  vec s[SINK_SUMS];
} sink_sums;

/* The part of a sink that is the same for all pixels of an image. */
typedef struct sink_map {
  map node;
  vec gate, mean, invstd;
} sink_map;

INLINE sink_map sink_map_of(const sink *s, int image, int ch, int lanes) {
  sink_map m;
  m.node = map_of(&s->node, ch, lanes);
  m.gate = gate_of(&s->node, image, ch, lanes);
  m.mean = m.invstd = (vec)(0.0f);
  if (s->sums) {
    m.mean = load_lanes(s->mean + ch, lanes);
    m.invstd = load_lanes(s->invstd + ch, lanes);
  }
  return m;
}

/* Stores g of one pixel, from d without `add`, and adds to the sums. */
INLINE void sink_put(const sink *s, const sink_map *m, int pixel, int ch, int lanes, vec d, sink_sums *sums) {
  uint i = (uint)pixel * s->node.c + ch;
  if (s->add) d += load_lanes(s->add + i, lanes);
  vec raw = (vec)(0.0f), q = (vec)(1.0f), value = raw;
  if (s->sums || s->node.act != CREAM_ACT_NONE) {
    raw = act_load(s->node.raw, i, HALVES(s->node.c, s->node.area), lanes);
    act_pair p = vact_pair(s->node.act, m->node.scale * raw + m->node.shift);
    value = p.value;
    q = p.slope;
  }
  if (s->sums == SINK_SUMS) {
    vec xhat = (raw - m->mean) * m->invstd;
    sums->s[0] += d * value;
    sums->s[1] += d * q;
    sums->s[2] += q;
    sums->s[3] += d * q * xhat;
    sums->s[4] += q * xhat;
  } else {
    d *= m->gate * q;
    if (s->sums) {
      sums->s[0] += d;
      sums->s[1] += d * ((raw - m->mean) * m->invstd);
    }
  }
  store_lanes(d, s->g + i, lanes);
}

INLINE sink_sums no_sums(void) {
  sink_sums sums;
  for (int i = 0; i < SINK_SUMS; i++) sums.s[i] = (vec)(0.0f);
  return sums;
}

INLINE void sink_finish(const sink *s, int chunk, int ch, int lanes, const sink_sums *sums) {
  for (int i = 0; i < SINK_SUMS; i++)
    if (i < s->sums)
      store_lanes(sums->s[i], s->partial + (uint)(chunk * s->sums + i) * s->node.c + ch, lanes);
}

/* ---- statistics ---------------------------------------------------------------------------------------- */

/* Mean and sum of squares about it, from sums about `shift`, so that a large mean loses no digits. */
typedef struct moments {
  vec shift, sum, squares;
} moments;

INLINE moments moments_from(vec shift) {
  moments m = {shift, (vec)(0.0f), (vec)(0.0f)};
  return m;
}

INLINE void moments_add(moments *m, vec x) {
  vec d = x - m->shift;
  m->sum += d;
  m->squares += d * d;
}

INLINE vec moments_mean(const moments *m, int count) {
  return m->shift + m->sum / (float)max(count, 1);
}

INLINE vec moments_squares(const moments *m, int count) {
  return max(m->squares - m->sum * (m->sum / (float)max(count, 1)), 0.0f);
}

/* ---- chunks -------------------------------------------------------------------------------------------- */

/* Where an item of a CHUNKED kernel works: its channels, and `rows` pixels of one image, which has `parts`
 * such chunks. */
#define CHUNKS const int c, const int area, const int chunks, const int parts, const int rows

typedef struct place {
  int ch, lanes, chunk, image, first, end;
} place;

/* Groups of a CHUNKED kernel side by side that cover c channels: ocl_chunk_groups. */
INLINE int groups_across(int c) {
  return (c + LX * V - 1) / (LX * V);
}

/* The first channel of the item's group, of the item, and the item's chunk. */
INLINE int group_channel(int c) {
  return (int)GROUP % groups_across(c) * (LX * V);
}
INLINE int item_channel(int c) {
  return group_channel(c) + (int)get_local_id(0) * V;
}
INLINE int item_chunk(int c) {
  return (int)GROUP / groups_across(c) * LY + (int)get_local_id(1);
}

INLINE bool place_of(place *at, CHUNKS) {
  at->ch = item_channel(c);
  at->chunk = item_chunk(c);
  if (at->ch >= c || at->chunk >= chunks) return false;
  at->lanes = min(V, c - at->ch);
  at->image = at->chunk / parts;
  at->first = at->image * area + at->chunk % parts * rows;
  at->end = min(at->first + rows, (at->image + 1) * area);
  return true;
}
#define PLACE(at)                                                                                            \
  place at;                                                                                                  \
  if (!place_of(&at, c, area, chunks, parts, rows)) return

/* A convolution from [ih,iw] to [oh,ow], with pad_h rows of zeros above and pad_w columns to the left. */
#define GEOMETRY                                                                                             \
  const int ih, const int iw, const int oh, const int ow, const int kernel_size, const int stride,           \
      const int pad_h, const int pad_w, const int dilation
