/* Flat blocks: optimisers and ops that need no shape. An item takes V elements, or strides over more. */

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

/* out [group] = over the group's elements, <x, y>; without y, the sum of x. `stride`: items in all. */
FLAT void flat_dot(IN(x), IN(y), BUF(out), const int count, const int stride) {
  __local float space[ITEMS];
  AT(x);
  AT(y);
  AT_ROW(out, 1);
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

/* A run of parameters: its offsets in the weights and in the gradients, its length, how many of its first
 * parameters decay, and the first item that works on it. */
typedef struct run {
  uint w, g, count, decayed, item;
} run;

/* One step of core/backend.h's cream_optim on some parameters: `d` is their gradient, `shrink` the weight decay
 * of each, `square_share` 1 - alpha; correct_m and correct_v are 1/(1 - momentum^step), 1/(1 - alpha^step). */
typedef struct update {
  vec weight, d, shrink, moment, square;
  float lr, momentum, square_share, eps, correct_m, correct_v;
  int nesterov;
} update;

INLINE void add_decay(update *u) {
  u->d += u->shrink * u->weight;
}

INLINE void average_square(update *u) {
  u->square += u->square_share * (u->d * u->d - u->square);
}

INLINE void adam(update *u) {
  average_square(u);
  u->moment += (1.0f - u->momentum) * (u->d - u->moment);
  u->weight -= u->lr * (u->moment * u->correct_m) / (sqrt(u->square * u->correct_v) + u->eps);
}

/* For each optimiser of core/base/optimiser.h its update. */
INLINE void optim_SGD(update *u) {
  add_decay(u);
  u->moment = u->momentum * u->moment + u->d;
  u->weight -= u->lr * (u->nesterov ? u->d + u->momentum * u->moment : u->moment);
}

INLINE void optim_RMSPROP_TF(update *u) {
  add_decay(u);
  average_square(u);
  u->moment = u->momentum * u->moment + u->lr * u->d / sqrt(u->square + u->eps);
  u->weight -= u->moment;
}

INLINE void optim_ADAM(update *u) {
  add_decay(u);
  adam(u);
}

INLINE void optim_ADAMW(update *u) {
  u->weight -= u->lr * u->shrink * u->weight;
  adam(u);
}

#define OPTIM_CASE(name, word)                                                                               \
  case CREAM_OPTIM_##name:                                                                                   \
    optim_##name(u);                                                                                         \
    break;
INLINE void optimise(int kind, update *u) {
  switch (kind) { CREAM_OPTIMS(OPTIM_CASE) }
}

/* An update of the `runs` of the table, in `items` items. */
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
  for (int left = runs; left > 1;) { /* the item's run is one of `left` from entry on: the last that begins before it */
    int half_way = left / 2;
    bool after = entry[half_way].item <= item;
    entry += after ? half_way : 0;
    left = after ? left - half_way : half_way;
  }
  const run mine = *entry;
  uint at = (item - mine.item) * V, i = mine.w + at;
  int lanes = min(V, (int)(mine.count - at));
  float shrink[V];
  for (int j = 0; j < V; j++) shrink[j] = at + j < mine.decayed ? weight_decay : 0.0f;
  update u;
  u.weight = load_lanes(w + i, lanes);
  u.d = load_lanes(g + mine.g + at, lanes);
  u.shrink = vec_load(0, shrink);
  u.moment = m ? load_lanes(m + i, lanes) : (vec)(0.0f);
  u.square = v ? load_lanes(v + i, lanes) : (vec)(0.0f);
  u.lr = lr;
  u.momentum = momentum;
  u.square_share = square_share;
  u.eps = eps;
  u.correct_m = correct_m;
  u.correct_v = correct_v;
  u.nesterov = nesterov;
  optimise(kind, &u);
  store_lanes(u.weight, w + i, lanes);
  if (m) store_lanes(u.moment, m + i, lanes);
  if (v) store_lanes(u.square, v + i, lanes);
  if (ema) {
    vec mean = load_lanes(ema + i, lanes);
    store_lanes(mean + ema_share * (u.weight - mean), ema + i, lanes);
  }
}
