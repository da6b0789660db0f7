/* Squeeze-excite: a work-group has an image, a row of c or r channels. */

INLINE float vsum(vec v) {
  float parts[V], sum = 0.0f;
  vec_store(v, 0, parts);
  for (int i = 0; i < V; i++) sum += parts[i];
  return sum;
}

/* Channels in whole vectors. */
INLINE int padded(int c) {
  return (c + V - 1) / V * V;
}

/* Rows of weights are read by PARTS neighbouring items each, so that a group reads memory that lies together. */
#ifdef CREAM_CPU
#define PARTS 1
#else
#define PARTS (ITEMS < 8 ? ITEMS : 8)
#endif
enum { AT_ONCE = ITEMS / PARTS };

/* The item's row: the sum over `columns` of weights [rows][columns] times x, for the first item of each row; 0 beyond the
 * last row. Every item of the group calls it. */
INLINE float row_product(__local float *sums, __global const float *w, __local const float *x, int row, int rows,
                         int columns) {
  int item = (int)get_local_id(0), part = item % PARTS;
  vec sum = (vec)(0.0f);
  if (row < rows)
    for (int at = part * V; at < columns; at += PARTS * V)
      sum += load_lanes(w + (size_t)row * columns + at, min(V, columns - at)) * vec_load(0, x + at);
  if (PARTS == 1) return vsum(sum);
  sums[item] = vsum(sum);
  barrier(CLK_LOCAL_MEM_FENCE);
  float all = 0.0f;
  if (part == 0)
    for (int i = 0; i < PARTS; i++) all += sums[item + i];
  barrier(CLK_LOCAL_MEM_FENCE);
  return all;
}

/* pooled [n,c] = sum of its `parts` partial means; hidden, gate_z and gate from it. space: c + r floats, each
 * rounded up to whole vectors. */
ROW void se_forward(IN(partial), IN(w1), IN(b1), IN(w2), IN(b2), BUF(pooled), BUF(hidden), BUF(gate_z),
                      BUF(gate), __local float *space, const int c, const int r, const int parts,
                      const uint act, const uint gate_act) {
  __local float sums[ITEMS];
  int item = (int)get_local_id(0);
  __local float *means = space, *active = space + padded(c);
  AT_ROW(partial, parts *c);
  AT(w1);
  AT(b1);
  AT(w2);
  AT(b2);
  AT_ROW(pooled, c);
  AT_ROW(hidden, r);
  AT_ROW(gate_z, c);
  AT_ROW(gate, c);
  for (int ch = item * V; ch < c; ch += ITEMS * V) {
    int lanes = min(V, c - ch);
    vec mean = (vec)(0.0f);
    for (int k = 0; k < parts; k++) mean += load_lanes(partial + (size_t)k * c + ch, lanes);
    vec_store(mean, 0, means + ch);
    store_lanes(mean, pooled + ch, lanes);
  }
  barrier(CLK_LOCAL_MEM_FENCE);
  for (int first = 0; first < padded(r); first += AT_ONCE) {
    int j = first + item / PARTS;
    float z = row_product(sums, w1, means, j, r, c);
    if (item % PARTS == 0 && j < padded(r)) active[j] = j < r ? z + b1[j] : 0.0f;
  }
  barrier(CLK_LOCAL_MEM_FENCE);
  for (int j = item * V; j < r; j += ITEMS * V) {
    vec z = vec_load(0, active + j);
    store_lanes(z, hidden + j, min(V, r - j));
    vec_store(vact(act, z), 0, active + j);
  }
  barrier(CLK_LOCAL_MEM_FENCE);
  for (int first = 0; first < c; first += AT_ONCE) {
    int ch = first + item / PARTS;
    float z = row_product(sums, w2, active, ch, c, r);
    if (item % PARTS == 0 && ch < c) means[ch] = z + b2[ch];
  }
  barrier(CLK_LOCAL_MEM_FENCE);
  for (int ch = item * V; ch < c; ch += ITEMS * V) {
    vec z = vec_load(0, means + ch);
    store_lanes(z, gate_z + ch, min(V, c - ch));
    store_lanes(vact(gate_act, z), gate + ch, min(V, c - ch));
  }
}

/* From gate_sums [n,5,c]: dz [n,c] and dhidden [n,r], the gradients of gate_z and hidden; active [n,r] =
 * act(hidden); pool [n,c] = dpooled/area. space as in se_forward. */
ROW void se_backward(IN(gate_sums), IN(gate_z), IN(hidden), IN(w1), IN(w2), BUF(dz), BUF(dhidden),
                       BUF(active), BUF(pool), __local float *space, const int c, const int r,
                       const float area, const uint act, const uint gate_act) {
  int item = (int)get_local_id(0);
  __local float *outer = space, *inner = space + padded(c);
  AT_ROW(gate_sums, 5 * c);
  AT_ROW(gate_z, c);
  AT_ROW(hidden, r);
  AT(w1);
  AT(w2);
  AT_ROW(dz, c);
  AT_ROW(dhidden, r);
  AT_ROW(active, r);
  AT_ROW(pool, c);
  for (int ch = item * V; ch < c; ch += ITEMS * V) {
    int lanes = min(V, c - ch);
    vec d = load_lanes(gate_sums + ch, lanes) * vact_slope(gate_act, load_lanes(gate_z + ch, lanes));
    store_lanes(d, dz + ch, lanes);
    vec_store(d, 0, outer + ch);
  }
  barrier(CLK_LOCAL_MEM_FENCE);
  for (int j = item * V; j < r; j += ITEMS * V) {
    int lanes = min(V, r - j);
    vec sum = (vec)(0.0f), z = load_lanes(hidden + j, lanes);
    for (int ch = 0; ch < c; ch++) sum += outer[ch] * load_lanes(w2 + (size_t)ch * r + j, lanes);
    sum *= vact_slope(act, z);
    store_lanes(sum, dhidden + j, lanes);
    store_lanes(vact(act, z), active + j, lanes);
    vec_store(sum, 0, inner + j);
  }
  barrier(CLK_LOCAL_MEM_FENCE);
  for (int ch = item * V; ch < c; ch += ITEMS * V) {
    int lanes = min(V, c - ch);
    vec sum = (vec)(0.0f);
    for (int j = 0; j < r; j++) sum += inner[j] * load_lanes(w1 + (size_t)j * c + ch, lanes);
    store_lanes(sum / area, pool + ch, lanes);
  }
}

/* out [row][columns] = sum over n of left [n][row] * right [n][columns], bias [row] = sum of left; an item
 * has one row and V columns. */
INLINE void outer_sum(__global const float *left, __global const float *right, __global float *out,
                      __global float *bias, int n, int row, int rows, int column, int columns) {
  int lanes = min(V, columns - column);
  vec sum = (vec)(0.0f);
  float all = 0.0f;
  for (int i = 0; i < n; i++) {
    float x = left[(size_t)i * rows + row];
    sum += x * load_lanes(right + (size_t)i * columns + column, lanes);
    all += x;
  }
  store_lanes(sum, out + (size_t)row * columns + column, lanes);
  if (column == 0) bias[row] = all;
}

/* dw2 [c][r], db2, dw1 [r][c], db1. */
FLAT void se_weights(IN(dz), IN(dhidden), IN(active), IN(pooled), BUF(dw1), BUF(db1), BUF(dw2), BUF(db2),
                     const int n, const int c, const int r) {
  AT(dz);
  AT(dhidden);
  AT(active);
  AT(pooled);
  AT(dw1);
  AT(db1);
  AT(dw2);
  AT(db2);
  int i = (int)get_global_id(0), expand = padded(r) / V, reduce = padded(c) / V;
  if (i < c * expand) {
    outer_sum(dz, active, dw2, db2, n, i / expand, c, i % expand * V, r);
    return;
  }
  i -= c * expand;
  if (i < r * reduce) outer_sum(dhidden, pooled, dw1, db1, n, i / reduce, r, i % reduce * V, c);
}
