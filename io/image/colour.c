#include "colour.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

static size_t pixels_of(const cream_canvas *c) {
  return (size_t)c->width * (size_t)c->height;
}

static void swap(cream_canvas *c) {
  uint8_t *pixels = c->pixels;
  c->pixels = c->spare;
  c->spare = pixels;
}

static uint8_t clip(float value) {
  return (uint8_t)(value <= 0 ? 0 : value >= 255 ? 255 : value);
}

/* Interpolates from `from` (factor 0) to `to` (factor 1), or extrapolates; clipped to 0..255. */
static uint8_t blend(int from, int to, float factor) {
  return clip((float)from + factor * (float)(to - from));
}

static int grey_of(const uint8_t *rgb) {
  return (rgb[0] * 19595 + rgb[1] * 38470 + rgb[2] * 7471 + 0x8000) >> 16;
}

/* ---- tables ---------------------------------------------------------------------------------------- */

static void map_channels(cream_canvas *c, uint8_t tables[3][256]) {
  size_t count = pixels_of(c);
  uint8_t *p = c->pixels;
  for (size_t i = 0; i < count; i++, p += 3) {
    p[0] = tables[0][p[0]];
    p[1] = tables[1][p[1]];
    p[2] = tables[2][p[2]];
  }
}

static void map(cream_canvas *c, const uint8_t table[256]) {
  size_t bytes = pixels_of(c) * 3;
  for (size_t i = 0; i < bytes; i++) c->pixels[i] = table[c->pixels[i]];
}

static void blend_with(cream_canvas *c, int grey, float factor) {
  uint8_t table[256];
  for (int v = 0; v < 256; v++) table[v] = blend(grey, v, factor);
  map(c, table);
}

void cream_brightness(cream_canvas *c, float factor) {
  blend_with(c, 0, factor);
}

void cream_contrast(cream_canvas *c, float factor) {
  uint64_t sum = 0;
  size_t count = pixels_of(c);
  for (size_t i = 0; i < count; i++) sum += (uint64_t)grey_of(c->pixels + i * 3);
  blend_with(c, (int)((double)sum / (double)count + 0.5), factor);
}

void cream_invert(cream_canvas *c) {
  cream_solarize(c, 0);
}

void cream_solarize(cream_canvas *c, int threshold) {
  uint8_t table[256];
  for (int v = 0; v < 256; v++) table[v] = (uint8_t)(v < threshold ? v : 255 - v);
  map(c, table);
}

void cream_solarize_add(cream_canvas *c, int add, int threshold) {
  uint8_t table[256];
  for (int v = 0; v < 256; v++) table[v] = (uint8_t)(v >= threshold ? v : v + add > 255 ? 255 : v + add);
  map(c, table);
}

void cream_posterize(cream_canvas *c, int bits) {
  uint8_t table[256];
  for (int v = 0; v < 256; v++) table[v] = (uint8_t)(v & ~((1 << (8 - bits)) - 1));
  map(c, table);
}

static void count_values(const cream_canvas *c, uint32_t counts[3][256]) {
  size_t count = pixels_of(c);
  const uint8_t *p = c->pixels;
  memset(counts, 0, 3 * sizeof counts[0]);
  for (size_t i = 0; i < count; i++, p += 3) {
    counts[0][p[0]]++;
    counts[1][p[1]]++;
    counts[2][p[2]]++;
  }
}

static void stretch(const uint32_t counts[256], uint8_t table[256]) {
  int low = 0, high = 255;
  while (low < 255 && !counts[low]) low++;
  while (high > 0 && !counts[high]) high--;
  double scale = high > low ? 255.0 / (high - low) : 1, offset = high > low ? -low * scale : 0;
  for (int v = 0; v < 256; v++) {
    int stretched = (int)(v * scale + offset);
    table[v] = (uint8_t)(stretched < 0 ? 0 : stretched > 255 ? 255 : stretched);
  }
}

static void flatten(const uint32_t counts[256], uint8_t table[256]) {
  uint32_t total = 0, last = 0;
  for (int v = 0; v < 256; v++) {
    total += counts[v];
    if (counts[v]) last = counts[v];
  }
  uint32_t step = (total - last) / 255, at = step / 2;
  for (int v = 0; v < 256; v++) {
    uint32_t level = step ? at / step : (uint32_t)v;
    table[v] = (uint8_t)(level > 255 ? 255 : level);
    at += counts[v];
  }
}

static void by_histogram(cream_canvas *c, void (*make)(const uint32_t[256], uint8_t[256])) {
  uint32_t counts[3][256];
  uint8_t tables[3][256];
  count_values(c, counts);
  for (int channel = 0; channel < 3; channel++) make(counts[channel], tables[channel]);
  map_channels(c, tables);
}

void cream_autocontrast(cream_canvas *c) {
  by_histogram(c, stretch);
}

void cream_equalize(cream_canvas *c) {
  by_histogram(c, flatten);
}

/* ---- neighbours ------------------------------------------------------------------------------------ */

void cream_saturation(cream_canvas *c, float factor) {
  size_t count = pixels_of(c);
  uint8_t *p = c->pixels;
  for (size_t i = 0; i < count; i++, p += 3) {
    int grey = grey_of(p);
    for (int channel = 0; channel < 3; channel++) p[channel] = blend(grey, p[channel], factor);
  }
}

/* The mean of 3x3 pixels in which the middle has a weight of 5. */
static int smooth(const uint8_t *p, size_t row) {
  int sum = p[-3] + 5 * p[0] + p[3];
  for (int dx = -3; dx <= 3; dx += 3) sum += p[dx - (ptrdiff_t)row] + p[dx + (ptrdiff_t)row];
  return (2 * sum + 13) / 26;
}

void cream_sharpness(cream_canvas *c, float factor) {
  size_t row = (size_t)c->width * 3;
  memcpy(c->spare, c->pixels, row * (size_t)c->height); /* the border is unchanged */
  for (int y = 1; y < c->height - 1; y++)
    for (size_t x = 3; x + 3 < row; x++) {
      const uint8_t *p = c->pixels + (size_t)y * row + x;
      c->spare[(size_t)y * row + x] = blend(smooth(p, row), *p, factor);
    }
  swap(c);
}

static int within(int i, int size) {
  return i < 0 ? 0 : i >= size ? size - 1 : i;
}

static void sample_bilinear(const cream_canvas *c, double x, double y, uint8_t *out) {
  int x0 = (int)floor(x - 0.5), y0 = (int)floor(y - 0.5);
  double dx = x - 0.5 - x0, dy = y - 0.5 - y0;
  const uint8_t *top = c->pixels + (size_t)within(y0, c->height) * (size_t)c->width * 3;
  const uint8_t *bottom = c->pixels + (size_t)within(y0 + 1, c->height) * (size_t)c->width * 3;
  int left = within(x0, c->width) * 3, right = within(x0 + 1, c->width) * 3;
  for (int i = 0; i < 3; i++) {
    double above = top[left + i] + (top[right + i] - top[left + i]) * dx;
    double below = bottom[left + i] + (bottom[right + i] - bottom[left + i]) * dx;
    out[i] = (uint8_t)(above + (below - above) * dy);
  }
}

static double cubic(const double v[4], double d) {
  double p2 = v[2] - v[0], p3 = 2 * (v[0] - v[1]) + v[2] - v[3], p4 = v[1] - v[0] - v[2] + v[3];
  return v[1] + d * (p2 + d * (p3 + d * p4));
}

static void sample_bicubic(const cream_canvas *c, double x, double y, uint8_t *out) {
  int x0 = (int)floor(x - 0.5), y0 = (int)floor(y - 0.5), columns[4];
  double dx = x - 0.5 - x0, dy = y - 0.5 - y0;
  for (int i = 0; i < 4; i++) columns[i] = within(x0 - 1 + i, c->width) * 3;
  for (int channel = 0; channel < 3; channel++) {
    double down[4];
    for (int k = 0; k < 4; k++) {
      const uint8_t *row = c->pixels + (size_t)within(y0 - 1 + k, c->height) * (size_t)c->width * 3 + channel;
      double across[4] = {row[columns[0]], row[columns[1]], row[columns[2]], row[columns[3]]};
      down[k] = cubic(across, dx);
    }
    double value = cubic(down, dy);
    out[channel] = (uint8_t)(value <= 0 ? 0 : value >= 255 ? 255 : value);
  }
}

void cream_affine(cream_canvas *c, const double matrix[6], cream_filter filter, const uint8_t fill[3]) {
  uint8_t *out = c->spare;
  for (int y = 0; y < c->height; y++)
    for (int x = 0; x < c->width; x++, out += 3) {
      double from_x = matrix[0] * (x + 0.5) + matrix[1] * (y + 0.5) + matrix[2];
      double from_y = matrix[3] * (x + 0.5) + matrix[4] * (y + 0.5) + matrix[5];
      if (from_x < 0 || from_x >= c->width || from_y < 0 || from_y >= c->height) {
        memcpy(out, fill, 3);
        continue;
      }
      switch (filter) {
      case CREAM_FILTER_BILINEAR:
        sample_bilinear(c, from_x, from_y, out);
        break;
      case CREAM_FILTER_BICUBIC:
        sample_bicubic(c, from_x, from_y, out);
        break;
      }
    }
  swap(c);
}

/* ---- random changes --------------------------------------------------------------------------------- */

void cream_colour_jitter(cream_canvas *c, cream_rng *rng, double strength) {
  static void (*const adjust[])(cream_canvas *, float) = {cream_brightness, cream_contrast, cream_saturation};
  enum { N = sizeof adjust / sizeof *adjust };
  const double low = fmax(0, 1 - strength), high = 1 + strength;
  uint32_t order[N];
  for (uint32_t i = 0; i < N; i++) order[i] = i;
  cream_rng_shuffle(rng, order, N);
  for (int i = 0; i < N; i++) adjust[order[i]](c, (float)(low + (high - low) * cream_rng_double(rng)));
}
