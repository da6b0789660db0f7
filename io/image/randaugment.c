#include "randaugment.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/elementary.h"

enum { DEFAULT_COUNT = 2, MAX_COUNT = 20 };
static const double full = 10; /* the magnitude at which arguments reach their limits */

/* ---- arguments, from the magnitude divided by `full` -------------------------------------------------- */

static double nothing(double share, bool increasing, bool negate) {
  (void)share, (void)increasing, (void)negate;
  return 0;
}

static double sign(bool negate) {
  return negate ? -1 : 1;
}

static double rotation(double share, bool increasing, bool negate) {
  (void)increasing;
  return sign(negate) * share * 30;
}

static double shear(double share, bool increasing, bool negate) {
  (void)increasing;
  return sign(negate) * share * 0.3;
}

static double translation(double share, bool increasing, bool negate) {
  (void)increasing;
  return sign(negate) * share * 0.45;
}

static double enhancement(double share, bool increasing, bool negate) {
  if (!increasing) return share * 1.8 + 0.1;
  return fmax(0.1, 1 + sign(negate) * share * 0.9);
}

static double bits_kept(double share, bool increasing, bool negate) {
  (void)negate;
  int bits = (int)(share * 4);
  return increasing ? 4 - bits : bits;
}

static double threshold(double share, bool increasing, bool negate) {
  (void)negate;
  int value = (int)fmin(256, share * 256);
  return increasing ? 256 - value : value;
}

static double addition(double share, bool increasing, bool negate) {
  (void)increasing, (void)negate;
  return fmin(128, (int)(share * 110));
}

/* ---- operations ------------------------------------------------------------------------------------- */

typedef struct brush {
  cream_canvas *canvas;
  cream_filter filter;
  const uint8_t *fill;
} brush;

static void autocontrast(const brush *b, double argument) {
  (void)argument;
  cream_autocontrast(b->canvas);
}

static void equalize(const brush *b, double argument) {
  (void)argument;
  cream_equalize(b->canvas);
}

static void invert(const brush *b, double argument) {
  (void)argument;
  cream_invert(b->canvas);
}

static void rotate(const brush *b, double degrees) {
  double angle = -degrees * (M_PI / 180), c = cream_cos(angle), s = cream_sin(angle);
  double x = b->canvas->width / 2.0, y = b->canvas->height / 2.0;
  const double matrix[6] = {c, s, -c * x - s * y + x, -s, c, s * x - c * y + y};
  if (degrees != 0) cream_affine(b->canvas, matrix, b->filter, b->fill);
}

static void posterize(const brush *b, double bits) {
  cream_posterize(b->canvas, (int)bits);
}

static void solarize(const brush *b, double limit) {
  cream_solarize(b->canvas, (int)limit);
}

static void solarize_add(const brush *b, double add) {
  cream_solarize_add(b->canvas, (int)add, 128);
}

static void saturation(const brush *b, double factor) {
  cream_saturation(b->canvas, (float)factor);
}

static void contrast(const brush *b, double factor) {
  cream_contrast(b->canvas, (float)factor);
}

static void brightness(const brush *b, double factor) {
  cream_brightness(b->canvas, (float)factor);
}

static void sharpness(const brush *b, double factor) {
  cream_sharpness(b->canvas, (float)factor);
}

static void shear_x(const brush *b, double factor) {
  cream_affine(b->canvas, (const double[6]){1, factor, 0, 0, 1, 0}, b->filter, b->fill);
}

static void shear_y(const brush *b, double factor) {
  cream_affine(b->canvas, (const double[6]){1, 0, 0, factor, 1, 0}, b->filter, b->fill);
}

static void translate_x(const brush *b, double share) {
  cream_affine(b->canvas, (const double[6]){1, 0, share * b->canvas->width, 0, 1, 0}, b->filter, b->fill);
}

static void translate_y(const brush *b, double share) {
  cream_affine(b->canvas, (const double[6]){1, 0, 0, 0, 1, share * b->canvas->height}, b->filter, b->fill);
}

static const struct {
  const char *name;
  double (*argument)(double share, bool increasing, bool negate);
  void (*apply)(const brush *, double argument);
} ops[] = {
    {"AutoContrast", nothing, autocontrast},
    {"Equalize", nothing, equalize},
    {"Invert", nothing, invert},
    {"Rotate", rotation, rotate},
    {"Posterize", bits_kept, posterize},
    {"Solarize", threshold, solarize},
    {"SolarizeAdd", addition, solarize_add},
    {"Color", enhancement, saturation},
    {"Contrast", enhancement, contrast},
    {"Brightness", enhancement, brightness},
    {"Sharpness", enhancement, sharpness},
    {"ShearX", shear, shear_x},
    {"ShearY", shear, shear_y},
    {"TranslateXRel", translation, translate_x},
    {"TranslateYRel", translation, translate_y},
};
_Static_assert(sizeof ops / sizeof *ops == CREAM_RANDAUGMENT_OPS, "RandAugment has 15 operations");

const char *cream_randaugment_name(int op) {
  return ops[op].name;
}

double cream_randaugment_argument(int op, double magnitude, bool increasing, bool negate) {
  return ops[op].argument(magnitude / full, increasing, negate);
}

void cream_randaugment_op(int op, double argument, cream_filter filter, const uint8_t fill[3],
                          cream_canvas *canvas) {
  ops[op].apply(&(brush){canvas, filter, fill}, argument);
}

void cream_randaugment_apply(const cream_randaugment *self, cream_rng *rng, const uint8_t fill[3],
                             cream_canvas *canvas) {
  for (int i = 0; i < self->count; i++) {
    int op = (int)cream_rng_below(rng, CREAM_RANDAUGMENT_OPS);
    if (cream_rng_double(rng) >= 0.5) continue;
    double magnitude = self->magnitude;
    if (self->std > 0) magnitude += self->std * cream_rng_normal(rng);
    magnitude = fmax(0, fmin(magnitude, full));
    bool negate = cream_rng_below(rng, 2);
    cream_filter filter = cream_rng_below(rng, 2) ? CREAM_FILTER_BICUBIC : CREAM_FILTER_BILINEAR;
    cream_randaugment_op(op, cream_randaugment_argument(op, magnitude, self->increasing, negate), filter,
                         fill, canvas);
  }
}

/* ---- parsing ---------------------------------------------------------------------------------------- */

/* Reads the number after a prefix; false if the part, up to the next dash, is anything else or out of range. */
static bool number_after(const char *part, const char *prefix, double low, double high, double *value) {
  size_t length = strlen(prefix);
  if (strncmp(part, prefix, length) != 0 || !isdigit((unsigned char)part[length])) return false;
  char *end;
  *value = strtod(part + length, &end);
  return (*end == '\0' || *end == '-') && *value >= low && *value <= high;
}

cream_status cream_randaugment_parse(const char *text, cream_randaugment *out, cream_error *err) {
  cream_randaugment parsed = {.magnitude = full, .count = DEFAULT_COUNT};
  if (!*text || strcmp(text, "none") == 0) {
    *out = (cream_randaugment){0};
    return CREAM_OK;
  }
  bool good = strncmp(text, "rand", 4) == 0 && (!text[4] || text[4] == '-');
  for (const char *part = text + 4; good && *part; part += strcspn(part, "-")) {
    double value;
    part++; /* the dash */
    if (number_after(part, "mstd", 0, 100, &value))
      parsed.std = value;
    else if (number_after(part, "m", 0, full, &value))
      parsed.magnitude = value;
    else if (number_after(part, "inc", 0, 1, &value))
      parsed.increasing = value != 0;
    else if (number_after(part, "n", 1, MAX_COUNT, &value))
      parsed.count = (int)value;
    else
      good = false;
  }
  if (!good)
    return cream_fail(
        err, CREAM_BAD_CONFIG,
        "augment.randaugment: got '%.60s'; expected none or, for example, rand-m9-mstd0.5, with -m0..10, "
        "-mstd0..100, -inc0 or -inc1, -n1..%d",
        text, MAX_COUNT);
  *out = parsed;
  return CREAM_OK;
}
