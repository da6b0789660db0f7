#include "anchors.h"

#include <math.h>

#include "core/base/elementary.h"

cream_detect_grid cream_detect_grid_of(const cream_detect_spec *spec, int side) {
  cream_detect_grid grid = {.levels = spec->levels, .per_cell = cream_detect_per_cell(spec)};
  for (int i = 0; i < 3; i++) side = (side + 1) / 2;
  for (int l = 0; l < spec->levels; l++, side = (side + 1) / 2) {
    grid.side[l] = side;
    grid.first[l + 1] = grid.first[l] + (size_t)side * (size_t)side * (size_t)grid.per_cell;
  }
  return grid;
}

/* The anchors of a cell about the origin, ratio by ratio; the anchor's stride is that of its level. */
static void cell_anchors(const cream_detect_spec *spec, int level, double stride, float (*cell)[4]) {
  const bool retina = spec->kind == CREAM_DETECT_RETINA;
  int n = 0;
  for (int r = 0; r < spec->n_ratios; r++) {
    const float tall = sqrtf((float)spec->ratios[r]), wide = 1.0f / tall;
    for (int i = 0; i < spec->octaves; i++, n++) {
      const double octave = cream_pow(2, (double)i / spec->octaves);
      const float size =
          retina ? (float)(int)(spec->scale * (8 << level) * octave) : (float)(spec->scale * stride * octave);
      const float w = wide * size / 2, h = tall * size / 2;
      const float corners[4] = {-w, -h, w, h};
      for (int k = 0; k < 4; k++) cell[n][k] = retina ? rintf(corners[k]) : corners[k];
    }
  }
}

void cream_detect_anchors(const cream_detect_spec *spec, int side, float (*boxes)[4]) {
  const cream_detect_grid grid = cream_detect_grid_of(spec, side);
  const bool retina = spec->kind == CREAM_DETECT_RETINA;
  float cell[CREAM_DETECT_OCTAVES * CREAM_DETECT_RATIOS][4];
  for (int l = 0; l < grid.levels; l++) {
    const int cells = grid.side[l];
    const double stride = retina ? side / cells : (double)side / cells, middle = retina ? 0 : stride / 2;
    cell_anchors(spec, l, stride, cell);
    for (int y = 0; y < cells; y++)
      for (int x = 0; x < cells; x++) {
        const float at[2] = {(float)(x * stride + middle), (float)(y * stride + middle)};
        for (int a = 0; a < grid.per_cell; a++, boxes++)
          for (int k = 0; k < 4; k++) (*boxes)[k] = at[k % 2] + cell[a][k];
      }
  }
}

void cream_detect_encode(const float anchor[4], const float box[4], float deltas[4]) {
  for (int k = 0; k < 2; k++) {
    const float from = anchor[k + 2] - anchor[k], to = box[k + 2] - box[k];
    deltas[k] = (box[k] + 0.5f * to - (anchor[k] + 0.5f * from)) / from;
    deltas[k + 2] = (float)cream_log(to / from);
  }
}

void cream_detect_decode(const float anchor[4], const float deltas[4], float box[4]) {
  for (int k = 0; k < 2; k++) {
    const float from = anchor[k + 2] - anchor[k];
    const float centre = deltas[k] * from + (anchor[k] + 0.5f * from);
    const float to = (float)cream_exp(fminf(deltas[k + 2], CREAM_DETECT_MOST_GROWTH)) * from;
    box[k] = centre - 0.5f * to;
    box[k + 2] = centre + 0.5f * to;
  }
}

float cream_detect_iou(const float a[4], const float b[4]) {
  const float w = fminf(a[2], b[2]) - fmaxf(a[0], b[0]), h = fminf(a[3], b[3]) - fmaxf(a[1], b[1]);
  if (!(w > 0 && h > 0)) return 0;
  const float both = w * h;
  return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both);
}
