/* Products of 1x1 convolutions, linear layers and patches: pending maps and gradients are applied as tiles are
 * read, statistics and sums are taken as they are written. Activations and gradients are row-major matrices of
 * one row a pixel; weights are [cout][cin].
 *
 * A work-group makes a tile of TILE rows and TILE columns, in CELLS cells of ROWS rows and V columns, from slices
 * of DEPTH that it keeps in local memory as [depth][row] and [depth][column]. On GPUs an item has one cell, on CPUs
 * (see common.cl) one item has all.
 */

enum { TILE = 64, ROWS = 8, GROUPS = TILE / ROWS, VECTORS = TILE / V, CELLS = GROUPS * VECTORS };
enum { DEPTH = 4 * V, PITCH = TILE + V, SLOTS = TILE * DEPTH / V };
#ifdef CREAM_CPU
#define ITEMS 1
#else
#define ITEMS (8 * (64 / V))
#endif
#define SHARE (CELLS / ITEMS)
#define PRODUCT __kernel __attribute__((reqd_work_group_size(ITEMS, 1, 1)))

/* The sums of an item's cells. */
typedef struct cell {
  vec s[ROWS];
} cell;

/* Calls for each cell of the item: `mine` counts them, `row` and `column` are where in the tile it begins. */
#define EACH_CELL(mine, group, row, column)                                                                  \
  for (int mine = 0, group = item / VECTORS, row = group * ROWS, column = item % VECTORS * V; mine < SHARE;  \
       mine++, group = (item + mine * ITEMS) / VECTORS, row = group * ROWS,                                  \
           column = (item + mine * ITEMS) % VECTORS * V)

/* What a tile is read from: a map's values, a pending gradient, or plain memory [rows][c] (weights). */
typedef enum source_kind { FROM_VALUES, FROM_GRADIENTS, FROM_WEIGHTS } source_kind;
typedef struct source {
  source_kind kind;
  tensor t; /* t.raw is the memory of FROM_WEIGHTS */
  grad d;
} source;

INLINE vec source_at(const source *s, int row, int ch, int lanes) {
  if (s->kind == FROM_WEIGHTS) return load_lanes(s->t.raw + (uint)row * s->t.c + ch, lanes);
  if (s->kind == FROM_GRADIENTS) return draw_at(&s->t, &s->d, row, ch, lanes);
  return value_at(&s->t, row, ch, lanes);
}

INLINE source values_of(tensor t) {
  source s;
  s.kind = FROM_VALUES;
  s.t = t;
  return s;
}
INLINE source gradients_of(tensor t, grad d) {
  source s;
  s.kind = FROM_GRADIENTS;
  s.t = t;
  s.d = d;
  return s;
}
INLINE source weights_of(__global const float *w, int c) {
  source s;
  s.kind = FROM_WEIGHTS;
  s.t.raw = w;
  s.t.c = c;
  return s;
}

/* tile[depth][row] from rows first.. (below end) and channels ch.. (below s->t.c); 0 outside. */
INLINE void load_rows(__local float *tile, const source *s, int first, int end, int ch, int item) {
  for (int slot = item; slot < SLOTS; slot += ITEMS) {
    int row = slot / (DEPTH / V), depth = slot % (DEPTH / V) * V;
    int lanes = min(V, s->t.c - ch - depth);
    vec v = (vec)(0.0f);
    if (lanes > 0 && first + row < end) v = source_at(s, first + row, ch + depth, lanes);
    float parts[V];
    vec_store(v, 0, parts);
#pragma unroll
    for (int j = 0; j < V; j++) tile[(depth + j) * PITCH + row] = parts[j];
  }
}

/* tile[depth][column] from rows first.. (below end) as depth and channels ch.. as columns. */
INLINE void load_columns(__local float *tile, const source *s, int first, int end, int ch, int item) {
  for (int slot = item; slot < SLOTS; slot += ITEMS) {
    int depth = slot / VECTORS, column = slot % VECTORS * V;
    int lanes = min(V, s->t.c - ch - column);
    vec v = (vec)(0.0f);
    if (lanes > 0 && first + depth < end) v = source_at(s, first + depth, ch + column, lanes);
    vec_store(v, 0, tile + depth * PITCH + column);
  }
}

/* Adds `depth` steps of the tile's product to the item's cells; cells outside of `rows` and `columns` stay. */
INLINE void multiply(__local const float *a, __local const float *b, cell *cells, int depth, int rows, int columns,
                     int item) {
  EACH_CELL(mine, group, row, column) {
    if (row >= rows || column >= columns) continue;
    cell c = cells[mine];
    for (int k = 0; k < depth; k++) {
      vec v = vec_load(0, b + k * PITCH + column);
#pragma unroll
      for (int r = 0; r < ROWS; r++) c.s[r] += a[k * PITCH + row + r] * v;
    }
    cells[mine] = c;
  }
}

INLINE void clear(cell *cells) {
  for (int i = 0; i < SHARE; i++)
#pragma unroll
    for (int r = 0; r < ROWS; r++) cells[i].s[r] = (vec)(0.0f);
}

/* y [rows][n] = values of x [rows][k] times w [n][k] transposed, plus bias. partial, where present, gets the
 * tile's mean and sum of squares about it, [row tile][2][n]. area: of the pictures. */
PRODUCT void product_forward(TENSOR(x), IN(w), IN(bias), BUF(y), BUF(partial), const int rows, const int k,
                             const int n, const int area, const int y_area) {
  __local float a[DEPTH * PITCH], b[DEPTH * PITCH], means[GROUPS * TILE], squares[GROUPS * TILE];
  AT(w);
  AT(bias);
  AT(y);
  AT(partial);
  const tensor t = TENSOR_OF(x, k, area);
  const source left = values_of(t), right = weights_of(w, k);
  int item = (int)get_local_id(0);
  int tile_row = (int)get_group_id(1) * TILE, tile_column = (int)get_group_id(0) * TILE;
  cell cells[SHARE];
  clear(cells);
  for (int depth = 0; depth < k; depth += DEPTH) {
    load_rows(a, &left, tile_row, rows, depth, item);
    load_rows(b, &right, tile_column, n, depth, item);
    barrier(CLK_LOCAL_MEM_FENCE);
    multiply(a, b, cells, min((int)DEPTH, k - depth), rows - tile_row, n - tile_column, item);
    barrier(CLK_LOCAL_MEM_FENCE);
  }
  EACH_CELL(mine, group, row, column) {
    int lanes = min(V, n - tile_column - column), count = clamp(rows - tile_row - row, 0, ROWS);
    vec mean = (vec)(0.0f), square = mean;
    if (lanes > 0 && count > 0) {
      int ch = tile_column + column;
      vec add = bias ? load_lanes(bias + ch, lanes) : (vec)(0.0f);
      moments m = moments_from(cells[mine].s[0] + add);
#pragma unroll
      for (int r = 0; r < ROWS; r++)
        if (r < count) {
          vec v = cells[mine].s[r] + add;
          act_store(v, y, (uint)(tile_row + row + r) * n + ch, y_area, lanes);
          moments_add(&m, v);
        }
      mean = moments_mean(&m, count);
      square = moments_squares(&m, count);
    }
    vec_store(mean, 0, means + group * TILE + column);
    vec_store(square, 0, squares + group * TILE + column);
  }
  barrier(CLK_LOCAL_MEM_FENCE);
  if (!partial) return;
  for (int i = item; i < TILE && tile_column + i < n; i += ITEMS) {
    float all = means[i], spread = squares[i];
    int taken = min(rows - tile_row, (int)ROWS);
    for (int g = 1; g < GROUPS; g++) {
      int more = clamp(rows - tile_row - g * ROWS, 0, ROWS);
      if (more == 0) break;
      float delta = means[g * TILE + i] - all, share = (float)more / (float)(taken + more);
      all += delta * share;
      spread += squares[g * TILE + i] + delta * delta * (float)taken * share;
      taken += more;
    }
    __global float *out = partial + (uint)get_group_id(1) * 2 * n + tile_column + i;
    out[0] = all;
    out[n] = spread;
  }
}

/* d [rows][n] = pending gradient of y [rows][k] times w [k][n], to the sink. Row tiles divide spans of `span`
 * rows (an image's, for gate_sums; else all), `parts` tiles each. */
PRODUCT void product_backward_data(TENSOR(y), GRAD(dy), IN(w), SINK(s), const int rows, const int k,
                                   const int n, const int y_area, const int area, const int span,
                                   const int parts) {
  __local float a[DEPTH * PITCH], b[DEPTH * PITCH], sums_of[SINK_SUMS * GROUPS * TILE];
  AT(w);
  const tensor t = TENSOR_OF(y, k, y_area);
  const grad d = GRAD_OF(dy);
  const source left = gradients_of(t, d), right = weights_of(w, n);
  const sink to = SINK_OF(s, n, area);
  int item = (int)get_local_id(0);
  int tile = (int)get_group_id(1), tile_column = (int)get_group_id(0) * TILE;
  int tile_row = tile / parts * span + tile % parts * TILE;
  int end = min(min(tile_row + TILE, (tile / parts + 1) * span), rows);
  cell cells[SHARE];
  clear(cells);
  for (int depth = 0; depth < k; depth += DEPTH) {
    load_rows(a, &left, tile_row, end, depth, item);
    load_columns(b, &right, depth, k, tile_column, item);
    barrier(CLK_LOCAL_MEM_FENCE);
    multiply(a, b, cells, min((int)DEPTH, k - depth), end - tile_row, n - tile_column, item);
    barrier(CLK_LOCAL_MEM_FENCE);
  }
  EACH_CELL(mine, group, row, column) {
    int ch = tile_column + column, lanes = min(V, n - ch), first = tile_row + row;
    sink_sums taken = no_sums();
    if (lanes > 0 && first < end) {
      int image = first / area;
      sink_map m = sink_map_of(&to, image, ch, lanes);
#pragma unroll
      for (int r = 0; r < ROWS; r++)
        if (first + r < end) {
          if (to.node.gate && (first + r) / area != image) {
            image = (first + r) / area;
            m.gate = gate_of(&to.node, image, ch, lanes);
          }
          sink_put(&to, &m, first + r, ch, lanes, cells[mine].s[r], &taken);
        }
    }
    for (int i = 0; i < SINK_SUMS; i++)
      if (i < to.sums) vec_store(taken.s[i], 0, sums_of + (i * GROUPS + group) * TILE + column);
  }
  barrier(CLK_LOCAL_MEM_FENCE);
  for (int i = item; i < to.sums * TILE; i += ITEMS) {
    int which = i / TILE, at = i % TILE;
    if (tile_column + at >= n) continue;
    float sum = 0.0f;
    for (int g = 0; g < GROUPS; g++) sum += sums_of[(which * GROUPS + g) * TILE + at];
    to.partial[(uint)(tile * to.sums + which) * n + tile_column + at] = sum;
  }
}

/* out [chunk][m][n] = over a chunk of rows, the pending gradient of y [rows][m], transposed, times the values of
 * x [rows][n]. */
PRODUCT void product_backward_weight(TENSOR(y), GRAD(dy), TENSOR(x), BUF(out), const int rows, const int m,
                                     const int n, const int y_area, const int area, const int chunk) {
  __local float a[DEPTH * PITCH], b[DEPTH * PITCH];
  AT(out);
  const tensor t = TENSOR_OF(y, m, y_area), u = TENSOR_OF(x, n, area);
  const grad d = GRAD_OF(dy);
  const source left = gradients_of(t, d), right = values_of(u);
  int item = (int)get_local_id(0);
  int tile_row = (int)get_group_id(1) * TILE, tile_column = (int)get_group_id(0) * TILE;
  int first = (int)get_group_id(2) * chunk, end = min(first + chunk, rows);
  cell cells[SHARE];
  clear(cells);
  for (int depth = first; depth < end; depth += DEPTH) {
    load_columns(a, &left, depth, end, tile_row, item);
    load_columns(b, &right, depth, end, tile_column, item);
    barrier(CLK_LOCAL_MEM_FENCE);
    multiply(a, b, cells, min((int)DEPTH, end - depth), m - tile_row, n - tile_column, item);
    barrier(CLK_LOCAL_MEM_FENCE);
  }
  out += (size_t)get_group_id(2) * m * n;
  EACH_CELL(mine, group, row, column) {
    int ch = tile_column + column, lanes = min(V, n - ch);
    if (lanes <= 0) continue;
#pragma unroll
    for (int r = 0; r < ROWS; r++)
      if (tile_row + row + r < m)
        store_lanes(cells[mine].s[r], out + (size_t)(tile_row + row + r) * n + ch, lanes);
  }
}
