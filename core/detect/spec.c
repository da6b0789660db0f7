#include "spec.h"

#include <string.h>

#define KIND_WORD(name, word) [CREAM_DETECT_##name] = word,
const char *const cream_detect_words[CREAM_DETECT_KIND_COUNT + 1] = {[CREAM_DETECT_NONE] = "none",
                                                                     CREAM_DETECT_KINDS(KIND_WORD)};

cream_detect_spec cream_detect_default(cream_detect_kind kind) {
  cream_detect_spec spec = {
      .kind = kind, .levels = 5, .scale = 4, .octaves = 3, .n_ratios = 3, .ratios = {0.5, 1, 2}};
  switch (kind) {
  case CREAM_DETECT_RETINA:
    spec.channels = 256;
    spec.convs = 4;
    spec.act = CREAM_ACT_RELU;
    break;
  case CREAM_DETECT_LITE:
    spec.channels = 64;
    spec.cells = 3;
    spec.convs = 3;
    spec.act = CREAM_ACT_SWISH;
    break;
  case CREAM_DETECT_NONE:
  case CREAM_DETECT_KIND_COUNT:
    return (cream_detect_spec){0};
  }
  return spec;
}

static void choose(int *size, int given) {
  if (given) *size = given;
}

cream_status cream_detect_spec_of(const cream_detect_config *config, cream_detect_spec *spec,
                                  cream_error *err) {
  *spec = cream_detect_default(config->head);
  choose(&spec->channels, config->channels);
  choose(&spec->levels, config->levels);
  if (config->head == CREAM_DETECT_LITE) choose(&spec->cells, config->cells);
  choose(&spec->convs, config->convs);
  if (config->anchor_scale > 0) spec->scale = config->anchor_scale;
  if (config->head != CREAM_DETECT_NONE) return cream_detect_check(spec, "detect", err);
  return cream_fail(err, CREAM_BAD_CONFIG,
                    "detect.head: got none, expected the head of a detector: retina or lite");
}

static cream_status out_of_range(const char *section, const char *key, int value, const char *expected,
                                 cream_error *err) {
  return cream_fail(err, CREAM_BAD_CONFIG, "%s.%s: got %d, expected %s", section, key, value, expected);
}

cream_status cream_detect_check(const cream_detect_spec *spec, const char *section, cream_error *err) {
  const bool lite = spec->kind == CREAM_DETECT_LITE;
  if (spec->channels < 8 || spec->channels > 1024 || spec->channels % 8)
    return out_of_range(section, "channels", spec->channels, "a multiple of 8 up to 1024", err);
  if (spec->levels < CREAM_DETECT_FEATURES || spec->levels > CREAM_DETECT_LEVELS)
    return out_of_range(section, "levels", spec->levels, "3 to 5", err);
  if (lite && (spec->cells < 1 || spec->cells > CREAM_DETECT_CELLS))
    return out_of_range(section, "cells", spec->cells, "1 to 8", err);
  if (spec->convs < 1 || spec->convs > CREAM_DETECT_CELLS)
    return out_of_range(section, "convs", spec->convs, "1 to 8", err);
  if (!lite && spec->act != CREAM_ACT_RELU)
    return cream_fail(err, CREAM_BAD_CONFIG, "%s.act: a retina detector has relu", section);
  if (spec->octaves < 1 || spec->octaves > CREAM_DETECT_OCTAVES)
    return out_of_range(section, "octaves", spec->octaves, "1 to 4", err);
  if (spec->n_ratios < 1 || spec->n_ratios > CREAM_DETECT_RATIOS)
    return out_of_range(section, "ratios", spec->n_ratios, "1 to 5 of them", err);
  for (int i = 0; i < spec->n_ratios; i++)
    if (!(spec->ratios[i] >= 0.01 && spec->ratios[i] <= 100))
      return cream_fail(err, CREAM_BAD_CONFIG, "%s.ratios: got %g, expected 0.01 to 100", section,
                        spec->ratios[i]);
  if (!(spec->scale >= 0.1 && spec->scale <= 100))
    return cream_fail(err, CREAM_BAD_CONFIG, "%s.scale: got %g, expected 0.1 to 100", section, spec->scale);
  return CREAM_OK;
}
