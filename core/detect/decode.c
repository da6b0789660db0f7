#include "decode.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/elementary.h"

cream_detect_limits cream_detect_limits_default(void) {
  return (cream_detect_limits){.score = 0.05f, .candidates = 1000, .overlap = 0.5f, .detections = 100};
}

/* A class of an anchor. */
typedef struct candidate {
  float score;
  size_t place; /* anchor * classes + class */
} candidate;

static int by_score(const void *a, const void *b) {
  const candidate *p = a, *q = b;
  if (p->score != q->score) return p->score > q->score ? -1 : 1;
  return p->place < q->place ? -1 : p->place > q->place;
}

/* Grows *list, which has room for *room, to `count` + 1. */
static bool grow(candidate **list, size_t *room, size_t count) {
  if (count < *room) return true;
  const size_t more = *room ? 2 * *room : 1024;
  candidate *grown = realloc(*list, more * sizeof **list);
  if (!grown) return false;
  *list = grown;
  *room = more;
  return true;
}

/* Appends the candidates of a level of image i, best first, at most limits->candidates. */
static cream_status collect_level(const cream_detect_outputs *out, const cream_detect_limits *limits,
                                  int level, int i, candidate **list, size_t *room, size_t *count,
                                  cream_error *err) {
  const cream_detect_grid *grid = out->grid;
  const size_t classes = (size_t)out->classes, start = *count;
  size_t end = start;
  /* Most logits are far below this one, and need no exponential. */
  const double least = limits->score > 0 && limits->score < 1
                           ? cream_log(limits->score / (1 - limits->score)) - 0.01
                           : -INFINITY;
  for (size_t a = grid->first[level]; a < grid->first[level + 1]; a++) {
    const float *logits = out->logits + cream_detect_entry(grid, level, a, i, out->n) * classes;
    for (size_t c = 0; c < classes; c++) {
      if (logits[c] < least) continue;
      const float score = (float)(1 / (1 + cream_exp(-(double)logits[c])));
      if (!(score > limits->score)) continue;
      if (!grow(list, room, end))
        return cream_fail_memory(err, 2 * *room * sizeof **list, "the candidates of detections");
      (*list)[end++] = (candidate){score, a * classes + c};
    }
  }
  if (end > start) qsort(*list + start, end - start, sizeof **list, by_score);
  *count = end - start > (size_t)limits->candidates ? start + (size_t)limits->candidates : end;
  return CREAM_OK;
}

static cream_box box_of(const cream_detect_outputs *out, const candidate *from, int i, float width,
                        float height) {
  const cream_detect_grid *grid = out->grid;
  const size_t anchor = from->place / (size_t)out->classes;
  int level = 0;
  while (anchor >= grid->first[level + 1]) level++;
  float box[4];
  cream_detect_decode(out->anchors[anchor], out->deltas[cream_detect_entry(grid, level, anchor, i, out->n)],
                      box);
  for (int k = 0; k < 4; k++) box[k] = fminf(fmaxf(box[k], 0), k % 2 ? height : width);
  return (cream_box){.x1 = box[0],
                     .y1 = box[1],
                     .x2 = box[2],
                     .y2 = box[3],
                     .label = (int32_t)(from->place % (size_t)out->classes),
                     .score = from->score};
}

static bool suppressed(const cream_box *kept, int n, const cream_box *box, float overlap) {
  const float own[4] = {box->x1, box->y1, box->x2, box->y2};
  for (int i = 0; i < n; i++) {
    const float other[4] = {kept[i].x1, kept[i].y1, kept[i].x2, kept[i].y2};
    if (kept[i].label == box->label && cream_detect_iou(own, other) > overlap) return true;
  }
  return false;
}

int cream_detect_suppress(cream_box *boxes, int count, float overlap, int most) {
  int n = 0;
  for (int i = 0; i < count && n < most; i++)
    if (!suppressed(boxes, n, &boxes[i], overlap)) boxes[n++] = boxes[i];
  return n;
}

cream_status cream_detect_decode_image(const cream_detect_outputs *out, const cream_detect_limits *limits,
                                       int i, float width, float height, cream_box *boxes, int *count,
                                       cream_error *err) {
  candidate *list = NULL;
  size_t room = 0, n = 0;
  cream_status status = CREAM_OK;
  for (int l = 0; l < out->grid->levels && !status; l++)
    status = collect_level(out, limits, l, i, &list, &room, &n, err);
  *count = 0;
  if (!status && n > 0) {
    qsort(list, n, sizeof *list, by_score);
    for (size_t k = 0; k < n && *count < limits->detections; k++) {
      const cream_box box = box_of(out, &list[k], i, width, height);
      if (!suppressed(boxes, *count, &box, limits->overlap)) boxes[(*count)++] = box;
    }
  }
  free(list);
  return status;
}
