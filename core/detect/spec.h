/* What makes a network a detector: the neck and the heads that take the place of its classifier, and its anchors. Plain
 * data, a part of cream_skeleton.
 *
 * The backbone gives features at strides 8, 16 and 32. The neck makes levels P3, P4, ... of `channels` channels of
 * them, level l of stride 8 * 2^l; the heads, whose convolutions all levels share, give logits of all classes and four
 * numbers of a box for every anchor (docs/detection.md).
 *
 *   retina  RetinaNet as torchvision builds it: a feature pyramid, 3x3 convolutions with bias and ReLU
 *   lite    after EfficientDet: `cells` BiFPN cells, separable convolutions with batch norm, in the heads of each level
 *           its own
 */
#ifndef CREAM_CORE_DETECT_SPEC_H
#define CREAM_CORE_DETECT_SPEC_H

#include <stdbool.h>

#include "core/base/activation.h"
#include "core/base/config.h"
#include "core/base/status.h"

enum {
  CREAM_DETECT_FEATURES = 3, /* of the backbone: strides 8, 16, 32 */
  CREAM_DETECT_LEVELS = 5,   /* most levels */
  CREAM_DETECT_OCTAVES = 4,  /* most anchor sizes of a level */
  CREAM_DETECT_RATIOS = 5,
  CREAM_DETECT_CELLS = 8, /* most BiFPN cells, and convolutions of a head before its last */
};

typedef struct cream_detect_spec {
  cream_detect_kind kind;
  int channels;  /* of every level: a multiple of 8 */
  int levels;    /* from P3 on: 3 to 5 */
  int cells;     /* lite: BiFPN cells, at least 1 */
  int convs;     /* convolutions of a head before its last, at least 1 */
  cream_act act; /* lite: of neck and heads; retina: ReLU */
  /* Anchors of a cell: sides scale * stride * 2^(i/octaves) for i < octaves, and ratios height : width. */
  double scale;
  int octaves, n_ratios;
  double ratios[CREAM_DETECT_RATIOS];
} cream_detect_spec;

/* The published sizes: RetinaNet's (256 channels, 4 convolutions), EfficientDet-D0's (64 channels, 3 cells, 3
 * convolutions, swish); both P3..P7, anchors of 4 strides, 3 octaves and ratios 1/2, 1, 2. */
cream_detect_spec cream_detect_default(cream_detect_kind);
/* Of the settings, where 0 stands for the published size. CREAM_BAD_CONFIG as cream_detect_check: the section is
 * "detect". */
cream_status cream_detect_spec_of(const cream_detect_config *, cream_detect_spec *, cream_error *);
/* CREAM_BAD_CONFIG, which names the key after `section` ("detect"), where a value is out of range. */
cream_status cream_detect_check(const cream_detect_spec *, const char *section, cream_error *);
/* By kind: "retina"; "none" for a classifier. The list ends with NULL. */
extern const char *const cream_detect_words[CREAM_DETECT_KIND_COUNT + 1];

static inline int cream_detect_per_cell(const cream_detect_spec *spec) {
  return spec->octaves * spec->n_ratios;
}

#endif
