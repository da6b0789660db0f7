#include "match.h"

#include <math.h>

/* Set in match[] while boxes are compared: a box has no better anchor. */
enum { BEST_OF_A_BOX = 1 << 30 };

static bool apart(const float a[4], const float b[4]) {
  return a[2] <= b[0] || b[2] <= a[0] || a[3] <= b[1] || b[3] <= a[1];
}

/* Box b: match[] where it is the largest IoU so far (best[]), and the mark of its own best anchors. */
static void match_box(const float (*anchors)[4], size_t n_anchors, const float box[4], int32_t b,
                      int32_t *match, float *best) {
  float most = 0;
  for (size_t a = 0; a < n_anchors; a++) {
    if (apart(anchors[a], box)) continue;
    const float iou = cream_detect_iou(anchors[a], box);
    if (iou > most) most = iou;
    if (iou <= best[a]) continue;
    best[a] = iou;
    match[a] = b | (match[a] & BEST_OF_A_BOX);
  }
  if (most == 0) return;
  for (size_t a = 0; a < n_anchors; a++)
    if (!apart(anchors[a], box) && cream_detect_iou(anchors[a], box) == most) match[a] |= BEST_OF_A_BOX;
}

/* Whether half of the anchor lies in the box. */
static bool half_inside(const float anchor[4], const float box[4]) {
  if (apart(anchor, box)) return false;
  const float w = fminf(anchor[2], box[2]) - fmaxf(anchor[0], box[0]);
  const float h = fminf(anchor[3], box[3]) - fmaxf(anchor[1], box[1]);
  return w * h >= 0.5f * (anchor[2] - anchor[0]) * (anchor[3] - anchor[1]);
}

void cream_detect_match(const cream_detect_matching *matching, const float (*anchors)[4], size_t n_anchors,
                        const cream_box *boxes, size_t n_boxes, int32_t *match, float *scratch) {
  for (size_t a = 0; a < n_anchors; a++) match[a] = 0, scratch[a] = 0;
  for (size_t b = 0; b < n_boxes; b++) {
    const float box[4] = {boxes[b].x1, boxes[b].y1, boxes[b].x2, boxes[b].y2};
    if (!boxes[b].crowd) match_box(anchors, n_anchors, box, (int32_t)b, match, scratch);
  }
  for (size_t a = 0; a < n_anchors; a++) {
    if (match[a] & BEST_OF_A_BOX)
      match[a] &= ~BEST_OF_A_BOX;
    else if (scratch[a] < matching->background || scratch[a] == 0)
      match[a] = CREAM_MATCH_BACKGROUND;
    else if (scratch[a] < matching->foreground)
      match[a] = CREAM_MATCH_IGNORED;
  }
  for (size_t b = 0; b < n_boxes; b++) {
    const float box[4] = {boxes[b].x1, boxes[b].y1, boxes[b].x2, boxes[b].y2};
    for (size_t a = 0; boxes[b].crowd && a < n_anchors; a++)
      if (match[a] == CREAM_MATCH_BACKGROUND && half_inside(anchors[a], box)) match[a] = CREAM_MATCH_IGNORED;
  }
}

size_t cream_detect_targets(const cream_detect_grid *grid, const float (*anchors)[4], const cream_box *boxes,
                            const int32_t *match, int i, int n, int32_t *labels,
                            float (*targets)[CREAM_DETECT_TARGET]) {
  const size_t count = cream_detect_anchor_count(grid);
  size_t foreground = 0;
  for (size_t a = 0; a < count; a++) foreground += match[a] >= 0;
  const float factor = 1.0f / ((float)n * (float)(foreground ? foreground : 1));
  for (int l = 0; l < grid->levels; l++)
    for (size_t a = grid->first[l]; a < grid->first[l + 1]; a++) {
      const size_t entry = cream_detect_entry(grid, l, a, i, n);
      float *target = targets[entry];
      for (int k = 0; k < 4; k++) target[k] = 0;
      target[4] = match[a] == CREAM_MATCH_IGNORED ? 0 : factor;
      labels[entry] = CREAM_MATCH_BACKGROUND;
      if (match[a] < 0) continue;
      const cream_box *to = &boxes[match[a]];
      const float box[4] = {to->x1, to->y1, to->x2, to->y2};
      cream_detect_encode(anchors[a], box, target);
      labels[entry] = to->label;
    }
  return foreground;
}
