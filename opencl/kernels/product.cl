/* Products of 1x1 convolutions, linear layers and patches: pending maps and gradients are applied as tiles
 * are read, statistics and sums are taken as they are written. Activations and gradients are row-major
 * matrices of one row a pixel; weights are [cout][cin].
 *
 * A work-group makes a tile of TILE rows and TILE columns, in CELLS cells of ROWS rows and V columns, from
 * slices of DEPTH that it keeps in local memory. On GPUs an item has one cell, on CPUs (see common.cl) one
 * item has all.
 */

enum { TILE = CREAM_TILE, ROWS = CREAM_ROWS, GROUPS = TILE / ROWS, VECTORS = TILE / V, CELLS = GROUPS * VECTORS };
enum { DEPTH = CREAM_DEPTH, PITCH = TILE + V, ROW_PITCH = DEPTH + 1, SLOTS = TILE * DEPTH / V };
#undef ITEMS
#ifdef CREAM_CPU
#define ITEMS 1
#define EACH_ROW(r) for (int r = 0; r < ROWS; r++) /* cells are in memory there, and unrolled code takes long to compile */
#else
#define EACH_ROW(r) _Pragma("unroll") for (int r = 0; r < ROWS; r++)
#define ITEMS (CREAM_TILE / CREAM_ROWS * (CREAM_TILE / V))
#endif
#define SHARE   (CELLS / ITEMS)
#define PRODUCT __kernel __attribute__((reqd_work_group_size(ITEMS, 1, 1)))

/* Floats of local memory for the two tiles, which the results' sums take afterwards. */
#define SPACE(sums) (TILE * ROW_PITCH + DEPTH * PITCH > (sums) ? TILE * ROW_PITCH + DEPTH * PITCH : (sums))

/* The sums of an item's cells. */
typedef struct cell {
  vec s[ROWS];
} cell;

/* Loops over the item's cells: `mine` counts them, `row` and `column` are the cell's first in the tile. */
#define EACH_CELL(mine, group, row, column)                                                                  \
  for (int mine = 0, group = item / VECTORS, row = group * ROWS, column = item % VECTORS * V; mine < SHARE;  \
       mine++, group = (item + mine * ITEMS) / VECTORS, row = group * ROWS,                                  \
           column = (item + mine * ITEMS) % VECTORS * V)

/* The source of a tile: a map's values, a pending gradient, or plain memory [rows][c] (weights). */
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

/* A vector of rows first.. (below end) and channels ch.. (below s->t.c); 0 outside. */
INLINE vec load_part(const source *s, int row, int end, int ch) {
  int lanes = min(V, s->t.c - ch);
  return lanes > 0 && row < end ? source_at(s, row, ch, lanes) : (vec)(0.0f);
}

/* tile[row][depth] from rows first.. (below end) and channels ch.. as depth. */
INLINE void load_rows(__local float *tile, const source *s, int first, int end, int ch, int item) {
  for (int slot = item; slot < SLOTS; slot += ITEMS) {
    int row = slot / (DEPTH / V), depth = slot % (DEPTH / V) * V;
    vec_store(load_part(s, first + row, end, ch + depth), 0, tile + row * ROW_PITCH + depth);
  }
}

/* tile[depth][row] from the same. */
INLINE void load_transposed(__local float *tile, const source *s, int first, int end, int ch, int item) {
  for (int slot = item; slot < SLOTS; slot += ITEMS) {
    int row = slot / (DEPTH / V), depth = slot % (DEPTH / V) * V;
    float parts[V];
    vec_store(load_part(s, first + row, end, ch + depth), 0, parts);
#pragma unroll
    for (int j = 0; j < V; j++) tile[(depth + j) * PITCH + row] = parts[j];
  }
}

/* tile[depth][column] from rows first.. (below end) as depth and channels ch.. as columns. */
INLINE void load_columns(__local float *tile, const source *s, int first, int end, int ch, int item) {
  for (int slot = item; slot < SLOTS; slot += ITEMS) {
    int depth = slot / VECTORS, column = slot % VECTORS * V;
    vec_store(load_part(s, first + depth, end, ch + column), 0, tile + depth * PITCH + column);
  }
}

/* Adds `depth` steps of the tile's product to the item's cells; cells outside of `rows` and `columns` stay. a
 * has its rows row_pitch apart, its steps step_pitch. */
INLINE void multiply(__local const float *a, const int row_pitch, const int step_pitch,
                     __local const float *b, cell *cells, int depth, int rows, int columns, int item) {
  EACH_CELL(mine, group, row, column) {
    if (row >= rows || column >= columns) continue;
    cell c = cells[mine];
    for (int k = 0; k < depth; k++) {
      vec v = vec_load(0, b + k * PITCH + column);
#pragma unroll
      for (int r = 0; r < ROWS; r++) c.s[r] += a[(row + r) * row_pitch + k * step_pitch] * v;
    }
    cells[mine] = c;
  }
}

/* A tile of the product: rows and columns of the result, and the steps that are summed. */
typedef struct tile {
  int row, row_end, column, column_end, step, step_end;
} tile;

INLINE int tiles(int n) {
  return (n + TILE - 1) / TILE;
}

/* The group's tile; those of the same rows are next to each other. */
INLINE tile tile_of(int row, int row_end, int column_end, int step, int step_end) {
  tile t = {row, row_end, (int)GROUP % tiles(column_end) * TILE, column_end, step, step_end};
  return t;
}

/* cells = the item's share of `left` times `right`. On each side the source's rows are the tile's rows or
 * columns and its channels the steps, or, with left_steps, right_steps, the other way round. b has DEPTH *
 * PITCH floats, a as many or, without left_steps, TILE * ROW_PITCH. */
INLINE void product(__local float *a, __local float *b, const source *left, const bool left_steps,
                    const source *right, const bool right_steps, const tile *t, cell *cells) {
  int item = (int)get_local_id(0);
  for (int i = 0; i < SHARE; i++)
#pragma unroll
    for (int r = 0; r < ROWS; r++) cells[i].s[r] = (vec)(0.0f);
  for (int step = t->step; step < t->step_end; step += DEPTH) {
    if (left_steps)
      load_columns(a, left, step, t->step_end, t->row, item);
    else
      load_rows(a, left, t->row, t->row_end, step, item);
    if (right_steps)
      load_columns(b, right, step, t->step_end, t->column, item);
    else
      load_transposed(b, right, t->column, t->column_end, step, item);
    barrier(CLK_LOCAL_MEM_FENCE);
    multiply(a, left_steps ? 1 : ROW_PITCH, left_steps ? PITCH : 1, b, cells,
             min((int)DEPTH, t->step_end - step), t->row_end - t->row, t->column_end - t->column, item);
    barrier(CLK_LOCAL_MEM_FENCE);
  }
}

/* y [rows][n] = values of x [rows][k] times w [n][k] transposed, plus bias. partial, where present, gets the
 * tile's mean and sum of squares about it, [row tile][2][n]. area: of the images. */
PRODUCT void product_forward(TENSOR(x), IN(w), IN(bias), BUF(y), BUF(partial), const int rows, const int k,
                             const int n, const int area, const int y_area) {
  __local float space[SPACE(2 * GROUPS * TILE)];
  __local float *means = space, *squares = space + GROUPS * TILE;
  AT(w);
  AT(bias);
  AT(y);
  AT(partial);
  const tensor t = TENSOR_OF(x, k, area);
  const source left = values_of(t), right = weights_of(w, k);
  int item = (int)get_local_id(0), row_tile = (int)GROUP / tiles(n);
  const tile at = tile_of(row_tile * TILE, rows, n, 0, k);
  cell cells[SHARE];
  product(space, space + TILE * ROW_PITCH, &left, false, &right, false, &at, cells);
  EACH_CELL(mine, group, row, column) {
    int ch = at.column + column, lanes = min(V, n - ch), count = clamp(rows - at.row - row, 0, ROWS);
    vec mean = (vec)(0.0f), square = mean;
    if (lanes > 0 && count > 0) {
      vec add = bias ? load_lanes(bias + ch, lanes) : (vec)(0.0f);
      moments m = moments_from(cells[mine].s[0] + add);
      EACH_ROW(r)
        if (r < count) {
          vec v = cells[mine].s[r] + add;
          act_store(v, y, (uint)(at.row + row + r) * n + ch, HALVES(n, y_area), lanes);
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
  for (int i = item; i < TILE && at.column + i < n; i += ITEMS) {
    float all = means[i], spread = squares[i];
    int taken = min(rows - at.row, (int)ROWS);
    for (int g = 1; g < GROUPS; g++) {
      int more = clamp(rows - at.row - g * ROWS, 0, ROWS);
      if (more == 0) break;
      float delta = means[g * TILE + i] - all, share = (float)more / (float)(taken + more);
      all += delta * share;
      spread += squares[g * TILE + i] + delta * delta * (float)taken * share;
      taken += more;
    }
    __global float *out = partial + (uint)row_tile * 2 * n + at.column + i;
    out[0] = all;
    out[n] = spread;
  }
}

/* d [rows][n] = pending gradient of y [rows][k] times w [k][n], to the sink. Row tiles divide spans of `span`
 * rows (an image's, for gate_sums; else all), `parts` tiles each. */
PRODUCT void product_backward_data(TENSOR(y), GRAD(dy), IN(w), SINK(s), const int rows, const int k,
                                   const int n, const int y_area, const int area, const int span,
                                   const int parts) {
  __local float sums_of[SPACE(SINK_SUMS * GROUPS * TILE)];
  AT(w);
  const tensor t = TENSOR_OF(y, k, y_area);
  const grad d = GRAD_OF(dy);
  const source left = gradients_of(t, d), right = weights_of(w, n);
  const sink to = SINK_OF(s, n, area);
  int item = (int)get_local_id(0), row_tile = (int)GROUP / tiles(n);
  int first_row = row_tile / parts * span + row_tile % parts * TILE;
  int end = min(min(first_row + TILE, (row_tile / parts + 1) * span), rows);
  const tile at = tile_of(first_row, end, n, 0, k);
  cell cells[SHARE];
  product(sums_of, sums_of + TILE * ROW_PITCH, &left, false, &right, true, &at, cells);
  EACH_CELL(mine, group, row, column) {
    int ch = at.column + column, lanes = min(V, n - ch), first = at.row + row;
    sink_sums taken = no_sums();
    if (lanes > 0 && first < end) {
      int image = first / area;
      sink_map m = sink_map_of(&to, image, ch, lanes);
      EACH_ROW(r)
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
    int which = i / TILE, column = i % TILE;
    if (at.column + column >= n) continue;
    float sum = 0.0f;
    for (int g = 0; g < GROUPS; g++) sum += sums_of[(which * GROUPS + g) * TILE + column];
    to.partial[(uint)(row_tile * to.sums + which) * n + at.column + column] = sum;
  }
}

/* out [chunk][m][n] = over a chunk of rows, the pending gradient of y [rows][m], transposed, times the values
 * of x [rows][n]. */
PRODUCT void product_backward_weight(TENSOR(y), GRAD(dy), TENSOR(x), BUF(out), const int rows, const int m,
                                     const int n, const int y_area, const int area, const int chunk) {
  __local float a[DEPTH * PITCH], b[DEPTH * PITCH];
  AT(out);
  const tensor t = TENSOR_OF(y, m, y_area), u = TENSOR_OF(x, n, area);
  const grad d = GRAD_OF(dy);
  const source left = gradients_of(t, d), right = values_of(u);
  int item = (int)get_local_id(0), group = (int)GROUP / tiles(n), part = group / tiles(m), first = part * chunk;
  const tile at = tile_of(group % tiles(m) * TILE, m, n, first, min(first + chunk, rows));
  cell cells[SHARE];
  product(a, b, &left, true, &right, true, &at, cells);
  out += (size_t)part * m * n;
  EACH_CELL(mine, group, row, column) {
    int ch = at.column + column, lanes = min(V, n - ch);
    if (lanes <= 0) continue;
    EACH_ROW(r)
      if (at.row + row + r < m)
        store_lanes(cells[mine].s[r], out + (size_t)(at.row + row + r) * n + ch, lanes);
  }
}
