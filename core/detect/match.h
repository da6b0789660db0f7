/* Which anchors are to find which boxes, and what a detector is to say about them. */
#ifndef CREAM_CORE_DETECT_MATCH_H
#define CREAM_CORE_DETECT_MATCH_H

#include "anchors.h"

enum {
  CREAM_MATCH_BACKGROUND = -1,
  CREAM_MATCH_IGNORED = -2, /* between both thresholds, or on a crowd: in no loss */
};

typedef struct cream_detect_matching {
  float foreground, background; /* IoU: at least, less than; RetinaNet: 0.5, 0.4 */
} cream_detect_matching;

/* match[anchor] = index of a box, or one of the above: the box of largest IoU (the first of equals) from `foreground` on;
 * and every box keeps the anchors that no other anchor is better for, as torchvision's Matcher with
 * allow_low_quality_matches. Crowds match no anchor; background anchors with at least half of their area in a crowd are
 * ignored. Scratch: [anchors]. */
void cream_detect_match(const cream_detect_matching *, const float (*anchors)[4], size_t n_anchors,
                        const cream_box *boxes, size_t n_boxes, int32_t *match, float *scratch);

/* What cream_box_loss (core/backend.h) reads of one entry: four deltas, then the factor of its losses. */
enum { CREAM_DETECT_TARGET = 5 };

/* Fills labels[entry] (class or CREAM_MATCH_BACKGROUND) and targets[entry] of image i of n. The factor is
 * 1 / (n * foreground anchors of the image), of which there is at least 1; 0 for ignored anchors. Returns the number of
 * foreground anchors. */
size_t cream_detect_targets(const cream_detect_grid *, const float (*anchors)[4], const cream_box *boxes,
                            const int32_t *match, int i, int n, int32_t *labels,
                            float (*targets)[CREAM_DETECT_TARGET]);

#endif
