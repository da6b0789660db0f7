/* Flat blocks: optimisers, and what needs no shape. An item takes V elements, or strides over more. */

#define VECTOR_OF(count)                                                                                     \
  int at = (int)get_global_id(0) * V, lanes = min(V, (count)-at);                                            \
  if (lanes <= 0) return

FLAT void flat_fill(BUF(dst), const int count, const float value) {
  VECTOR_OF(count);
  AT(dst);
  store_lanes((vec)(value), dst + at, lanes);
}

FLAT void flat_copy(IN(src), BUF(dst), const int count, const float factor) {
  VECTOR_OF(count);
  AT(src);
  AT(dst);
  store_lanes(load_lanes(src + at, lanes) * factor, dst + at, lanes);
}

FLAT void flat_axpy(IN(x), BUF(y), const int count, const float alpha) {
  VECTOR_OF(count);
  AT(x);
  AT(y);
  store_lanes(load_lanes(y + at, lanes) + alpha * load_lanes(x + at, lanes), y + at, lanes);
}

/* out [group] = over the group's elements, <x, y>; without y, the sum of x. */
FLAT void flat_dot(IN(x), IN(y), BUF(out), const int count) {
  __local float space[ITEMS];
  AT(x);
  AT(y);
  AT_ROW(out, 1);
  int stride = (int)get_global_size(0);
  float sum = 0.0f;
  for (int i = (int)get_global_id(0); i < count; i += stride) sum += y ? x[i] * y[i] : x[i];
  sum = group_sum(space, sum);
  if (get_local_id(0) == 0) *out = sum;
}

/* ---- dropout ------------------------------------------------------------------------------------------- */

/* First word of Philox4x32-10 (core/base/rng.c). */
INLINE uint philox(uint4 counter, uint2 key) {
  for (int i = 0; i < 10; i++) {
    uint high = mul_hi(0xD2511F53u, counter.x), low = 0xD2511F53u * counter.x;
    uint high2 = mul_hi(0xCD9E8D57u, counter.z), low2 = 0xCD9E8D57u * counter.z;
    counter = (uint4)(high2 ^ counter.y ^ key.x, low2, high ^ counter.w ^ key.y, low);
    key += (uint2)(0x9E3779B9u, 0xBB67AE85u);
  }
  return counter.x;
}

/* counter_z, counter_w: the last two words of cream_rng_dropout's counter. */
FLAT void flat_dropout(BUF(gate), const int count, const float p, const float keep, const ulong seed,
                       const uint counter_z, const uint counter_w) {
  int i = (int)get_global_id(0);
  if (i >= count) return;
  AT(gate);
  uint word = philox((uint4)((uint)i, 0u, counter_z, counter_w), (uint2)((uint)seed, (uint)(seed >> 32)));
  gate[i] = (float)(word >> 8) * 0x1p-24f < p ? 0.0f : keep;
}

/* ---- optimisers ---------------------------------------------------------------------------------------- */

/* cream_optim_kind */
enum { OPTIM_SGD, OPTIM_RMSPROP_TF, OPTIM_ADAM, OPTIM_ADAMW };

/* A run of the weight block: where it begins there and in the gradients, its length, how many of it decay,
 * and the first item that works on it. */
typedef struct run {
  uint w, g, count, decayed, item;
} run;

/* One step of core/backend.h's cream_optim. correct_m, correct_v: 1/(1 - momentum^step), 1/(1 - alpha^step).
 */
FLAT void flat_optim(IN(table), const int runs, const int items, BUF(w), IN(g), BUF(m), BUF(v), BUF(ema),
                     const int kind, const float lr, const float momentum, const float weight_decay,
                     const float square_share, const float eps, const float ema_share, const int nesterov,
                     const float correct_m, const float correct_v) {
  uint item = (uint)get_global_id(0);
  if (item >= (uint)items) return;
  AT(table);
  AT(w);
  AT(g);
  AT(m);
  AT(v);
  AT(ema);
  __global const run *entry = (__global const run *)table;
  for (int i = 1; i < runs && entry[1].item <= item; i++) entry++;
  uint at = (item - entry->item) * V, i = entry->w + at;
  int lanes = min(V, (int)(entry->count - at));
  vec d = load_lanes(g + entry->g + at, lanes), weight = load_lanes(w + i, lanes);
  float shrink_lane[V];
  for (int j = 0; j < V; j++) shrink_lane[j] = at + j < entry->decayed ? weight_decay : 0.0f;
  vec shrink = vec_load(0, shrink_lane), moment = (vec)(0.0f);
  if (m) moment = load_lanes(m + i, lanes);
  if (kind == OPTIM_ADAMW)
    weight -= lr * shrink * weight;
  else
    d += shrink * weight;
  if (kind == OPTIM_SGD) {
    moment = momentum * moment + d;
    weight -= lr * (nesterov ? d + momentum * moment : moment);
  } else {
    vec square = load_lanes(v + i, lanes);
    square += square_share * (d * d - square);
    store_lanes(square, v + i, lanes);
    if (kind == OPTIM_RMSPROP_TF) {
      moment = momentum * moment + lr * d / sqrt(square + eps);
      weight -= moment;
    } else {
      moment += (1.0f - momentum) * (d - moment);
      weight -= lr * (moment * correct_m) / (sqrt(square * correct_v) + eps);
    }
  }
  store_lanes(weight, w + i, lanes);
  if (m) store_lanes(moment, m + i, lanes);
  if (ema) {
    vec mean = load_lanes(ema + i, lanes);
    store_lanes(mean + ema_share * (weight - mean), ema + i, lanes);
  }
}
