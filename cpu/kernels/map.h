/* Applies pending maps and pending gradients (core/backend.h) to rows of channels, for all tuned kernels.
 *
 * A row is one pixel's channels, or a block of them: rows lie `ld` floats apart, and every pointer here
 * points at the block's first channel. A row range lies in one image, since gate and pool are per image.
 */
#ifndef CREAM_CPU_KERNELS_MAP_H
#define CREAM_CPU_KERNELS_MAP_H

#include "cells.h"
#include "cpu/internal.h"
#include "math.h"

/* value = gate * act(scale*raw + shift) */
typedef struct cpu_map {
  const float *scale, *shift; /* NULL together: 1, 0 */
  const float *gate;          /* NULL: 1 */
  cream_act act;
} cpu_map;

/* draw = a*dz + b*raw + c; `slope` says that dz = (g*gate + pool) * act'(scale*raw + shift), else dz = g. */
typedef struct cpu_pending {
  cpu_map map;
  const float *pool;      /* NULL: 0 */
  const float *a, *b, *c; /* NULL together: 1, 0, 0 */
  bool slope;
  bool has_g; /* false: g is 0 and its pointer is not read */
} cpu_pending;

/* The map of image n of `x`, from channel c0 on. */
static inline cpu_map cpu_map_of(const cream_tensor *x, int n, int c0) {
  const float *scale = cpu_at(x->scale), *shift = cpu_at(x->shift), *gate = cpu_at(x->gate);
  return (cpu_map){scale ? scale + c0 : NULL, shift ? shift + c0 : NULL,
                   gate ? gate + (size_t)n * (size_t)x->c + c0 : NULL, x->act};
}
static inline bool cpu_map_identity(const cpu_map *map) {
  return !map->scale && !map->gate && map->act == CREAM_ACT_NONE;
}

/* The pending gradient of image n of `y`, from channel c0 on. */
static inline cpu_pending cpu_pending_of(const cream_tensor *y, const cream_grad *dy, int n, int c0) {
  const float *a = cpu_at(dy->a), *b = cpu_at(dy->b), *c = cpu_at(dy->c), *pool = cpu_at(dy->pool);
  bool slope = dy->kind == CREAM_GRAD_VALUE;
  return (cpu_pending){.map = cpu_map_of(y, n, c0),
                       .pool = pool && slope ? pool + (size_t)n * (size_t)y->c + c0 : NULL,
                       .a = a ? a + c0 : NULL,
                       .b = b ? b + c0 : NULL,
                       .c = c ? c + c0 : NULL,
                       .slope = slope,
                       .has_g = cream_buf_present(dy->g)};
}
/* True where draw = g. */
static inline bool cpu_pending_identity(const cpu_pending *p) {
  bool flat = !p->map.gate && !p->pool && p->map.act == CREAM_ACT_NONE;
  return p->has_g && !p->a && (!p->slope || flat);
}

/* ---- one vector ---------------------------------------------------------------------------------- */
CPU_INLINE vf cpu_map_z(const cpu_map *map, vf raw, int c, int lanes) {
  if (!map->scale) return raw;
  return vf_fma(raw, vf_load_n(map->scale + c, lanes), vf_load_n(map->shift + c, lanes));
}
/* The value of channels c.. ; `act` is a constant equal to map->act. */
CPU_INLINE vf cpu_map_value(const cpu_map *map, cream_act act, vf raw, int c, int lanes) {
  vf u = vf_act(act, cpu_map_z(map, raw, c, lanes));
  if (map->gate) u = u * vf_load_n(map->gate + c, lanes);
  return u;
}
/* The gradient of channels c..; `act` is a constant equal to p->map.act where p->slope. */
CPU_INLINE vf cpu_pending_value(const cpu_pending *p, cream_act act, vf g, vf raw, int c, int lanes) {
  vf dz = g;
  if (p->slope) {
    if (p->map.gate && p->pool)
      dz = vf_fma(dz, vf_load_n(p->map.gate + c, lanes), vf_load_n(p->pool + c, lanes));
    else if (p->map.gate)
      dz = dz * vf_load_n(p->map.gate + c, lanes);
    else if (p->pool)
      dz = dz + vf_load_n(p->pool + c, lanes);
    if (act != CREAM_ACT_NONE) dz = dz * vf_act_slope(act, cpu_map_z(&p->map, raw, c, lanes));
  }
  if (!p->a) return dz;
  const vf rest = vf_fma(raw, vf_load_n(p->b + c, lanes), vf_load_n(p->c + c, lanes));
  return vf_fma(dz, vf_load_n(p->a + c, lanes), rest);
}

/* ---- rows ---------------------------------------------------------------------------------------- */
/* Run `loop(act, narrow)` over rows, compiled once for each of the usual forms of a map or of a gradient (a variable), whose
 * pointers it then does not test for every vector. */
#ifdef CPU_FEW_LOOPS
#define CPU_MAP_CASES(map, loop, act, narrow)   loop(act, narrow)
#define CPU_PENDING_CASES(p, loop, act, narrow) loop(act, narrow)
#else
#define CPU_MAP_CASES(map, loop, act, narrow)                                                                \
  if ((map).scale && !(map).gate) {                                                                          \
    loop(act, narrow);                                                                                       \
  } else {                                                                                                   \
    loop(act, narrow);                                                                                       \
  }
#define CPU_PENDING_CASES(p, loop, act, narrow)                                                              \
  if ((p).has_g && (p).a && !(p).slope) {                                                                    \
    loop(act, narrow);                                                                                       \
  } else if ((p).has_g && (p).a && (p).slope && (p).map.scale && (p).map.gate && (p).pool) {                 \
    loop(act, narrow);                                                                                       \
  } else {                                                                                                   \
    loop(act, narrow);                                                                                       \
  }
#endif
/* Runs `loop(act, narrow)` for stored values (cells.h) that are `narrow`, a variable, or not. */
#define CPU_CELLS_CASES(narrow, loop, act)                                                                   \
  if (narrow) {                                                                                              \
    loop(act, true);                                                                                         \
  } else {                                                                                                   \
    loop(act, false);                                                                                        \
  }
CPU_INLINE void cpu_map_step(const cpu_map *map, cream_act act, bool narrow, const void *raw, float *dst,
                             int c, int lanes) {
  vf_store_n(dst + c, cpu_map_value(map, act, cells_load(narrow, raw, c, lanes), c, lanes), lanes);
}
/* dst[r][c] = value of raw[r][c], stored values; dst may be raw itself where it is not narrow. */
static inline void cpu_map_rows(const cpu_map *map, bool narrow, const void *raw, size_t ld_raw, size_t rows,
                                int channels, float *dst, size_t ld_dst) {
  const cpu_map local = *map;
#define CPU_MAP_LOOP(ACT, NARROW)                                                                            \
  for (size_t r = 0; r < rows; r++)                                                                          \
  CPU_FOR_LANES(channels, cpu_map_step, &local, ACT, NARROW, cells_at(NARROW, raw, r *ld_raw),               \
                dst + r * ld_dst)
#define CPU_MAP_LOOPS(ACT) CPU_CELLS_CASES(narrow, CPU_MAP_LOOP, ACT)
  CPU_ACT_SWITCH(map->act, CPU_MAP_LOOPS);
#undef CPU_MAP_LOOPS
#undef CPU_MAP_LOOP
}

/* Where cpu_map_rows_parts writes: gate*act(z), act(z), act'(z); NULL: not written. */
typedef struct cpu_map_parts {
  float *value, *ungated, *slope;
} cpu_map_parts;

CPU_INLINE void cpu_map_parts_step(const cpu_map *map, cream_act act, bool narrow, const void *raw,
                                   cpu_map_parts to, size_t offset, int c, int lanes) {
  vf_pair pair = vf_act_pair(act, cpu_map_z(map, cells_load(narrow, raw, c, lanes), c, lanes));
  vf value = pair.value;
  if (map->gate) value = value * vf_load_n(map->gate + c, lanes);
  if (to.value) vf_store_n(to.value + offset + c, value, lanes);
  if (to.ungated) vf_store_n(to.ungated + offset + c, pair.value, lanes);
  if (to.slope) vf_store_n(to.slope + offset + c, pair.slope, lanes);
}
/* All values that a backward op needs of raw[r][c], in one pass. */
static inline void cpu_map_rows_parts(const cpu_map *map, bool narrow, const void *raw, size_t ld_raw,
                                      size_t rows, int channels, cpu_map_parts to, size_t ld_dst) {
  const cpu_map local = *map;
#define CPU_MAP_LOOP(ACT, NARROW)                                                                            \
  for (size_t r = 0; r < rows; r++)                                                                          \
  CPU_FOR_LANES(channels, cpu_map_parts_step, &local, ACT, NARROW, cells_at(NARROW, raw, r *ld_raw), to,     \
                r *ld_dst)
#define CPU_MAP_LOOPS(ACT) CPU_CELLS_CASES(narrow, CPU_MAP_LOOP, ACT)
  CPU_ACT_SWITCH(map->act, CPU_MAP_LOOPS);
#undef CPU_MAP_LOOPS
#undef CPU_MAP_LOOP
}

CPU_INLINE void cpu_pending_step(const cpu_pending *p, cream_act act, bool narrow, const void *g,
                                 const void *raw, float *dst, int c, int lanes) {
  vf vg = {0}, vr = {0};
  if (p->has_g) vg = cells_load(narrow, g, c, lanes);
  if (p->a || act != CREAM_ACT_NONE) vr = cells_load(narrow, raw, c, lanes);
  vf_store_n(dst + c, cpu_pending_value(p, act, vg, vr, c, lanes), lanes);
}
/* dst[r][c] = gradient of raw[r][c]; g (may be NULL) and raw, stored values, have `ld`; dst may be g itself where it is
 * not narrow. */
static inline void cpu_pending_rows(const cpu_pending *pending, bool narrow, const void *g, const void *raw,
                                    size_t ld, size_t rows, int channels, float *dst, size_t ld_dst) {
  const cpu_pending local = *pending;
#define CPU_MAP_LOOP(ACT, NARROW)                                                                            \
  for (size_t r = 0; r < rows; r++)                                                                          \
  CPU_FOR_LANES(channels, cpu_pending_step, &local, ACT, NARROW,                                             \
                local.has_g ? cells_at(NARROW, g, r *ld) : NULL, cells_at(NARROW, raw, r *ld),               \
                dst + r * ld_dst)
#define CPU_MAP_LOOPS(ACT) CPU_CELLS_CASES(narrow, CPU_MAP_LOOP, ACT)
  CPU_ACT_SWITCH(local.slope ? local.map.act : CREAM_ACT_NONE, CPU_MAP_LOOPS);
#undef CPU_MAP_LOOPS
#undef CPU_MAP_LOOP
}

/* ---- whole pixels, across images ------------------------------------------------------------------- */
/* The number of rows row..end-1 (rows count pixels of the whole batch) in the image of `row`. */
static inline size_t cpu_rows_in_image(size_t row, size_t end, size_t pixels) {
  size_t next = (row / pixels + 1) * pixels;
  return (next < end ? next : end) - row;
}
static inline size_t cpu_pixels(const cream_tensor *x) {
  return (size_t)x->h * (size_t)x->w;
}

/* dst[rows][channels] = value of rows row.. and channels c0.. of x, which is stored `narrow`. */
static inline void cpu_map_tile(const cream_tensor *x, bool narrow, size_t row, size_t rows, int c0,
                                int channels, float *dst, size_t ld_dst) {
  const size_t ld = (size_t)x->c, pixels = cpu_pixels(x);
  for (size_t at = row, step; at < row + rows; at += step, dst += step * ld_dst) {
    step = cream_buf_present(x->gate) ? cpu_rows_in_image(at, row + rows, pixels) : rows;
    cpu_map map = cpu_map_of(x, (int)(at / pixels), c0);
    cpu_map_rows(&map, narrow, cells_at(narrow, cpu_at(x->raw), at * ld + (size_t)c0), ld, step, channels,
                 dst, ld_dst);
  }
}

/* cpu_map_rows_parts for whole rows row.. of x, rows of the parts apart as in x. */
static inline void cpu_map_tile_parts(const cream_tensor *x, bool narrow, size_t row, size_t rows,
                                      cpu_map_parts to) {
  const size_t ld = (size_t)x->c, pixels = cpu_pixels(x);
  for (size_t at = row, step; at < row + rows; at += step) {
    const size_t offset = (at - row) * ld;
    step = cream_buf_present(x->gate) ? cpu_rows_in_image(at, row + rows, pixels) : rows;
    cpu_map map = cpu_map_of(x, (int)(at / pixels), 0);
    cpu_map_parts part = {to.value ? to.value + offset : NULL, to.ungated ? to.ungated + offset : NULL,
                          to.slope ? to.slope + offset : NULL};
    cpu_map_rows_parts(&map, narrow, cells_at(narrow, cpu_at(x->raw), at * ld), ld, step, x->c, part, ld);
  }
}

/* dst[rows][channels] = gradient of the raw rows row.. and channels c0.. of y. */
static inline void cpu_pending_tile(const cream_tensor *y, bool narrow, const cream_grad *dy, size_t row,
                                    size_t rows, int c0, int channels, float *dst, size_t ld_dst) {
  const size_t ld = (size_t)y->c, pixels = cpu_pixels(y);
  const float *g = cpu_at(dy->g);
  const bool per_image = cream_buf_present(y->gate) || cream_buf_present(dy->pool);
  for (size_t at = row, step; at < row + rows; at += step, dst += step * ld_dst) {
    step = per_image ? cpu_rows_in_image(at, row + rows, pixels) : rows;
    cpu_pending p = cpu_pending_of(y, dy, (int)(at / pixels), c0);
    const size_t offset = at * ld + (size_t)c0;
    cpu_pending_rows(&p, narrow, g ? cells_at(narrow, g, offset) : NULL,
                     cells_at(narrow, cpu_at(y->raw), offset), ld, step, channels, dst, ld_dst);
  }
}

#endif
