#include "coco_eval.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "coco_index.h"

enum { MOST = 100 }; /* detections of a class in an image that count */

/* A detection of the class being measured. */
typedef struct row {
  double score;
  uint32_t box, rank; /* index in the input; place among those of its image, best first */
} row;

/* Of a detection, in a range of areas: by threshold, a bit. */
typedef struct marks {
  uint16_t matched, ignored;
} marks;

typedef struct evaluator {
  const cream_coco_input *input;
  double thresholds[CREAM_COCO_THRESHOLDS];
  coco_index truth, found;
  row *rows;                           /* [n_rows]: of the class, by image, best first */
  uint32_t *order;                     /* [n_rows]: all images together, best first */
  marks *marks[CREAM_COCO_AREA_COUNT]; /* [n_rows] */
  size_t n_rows;
  size_t objects[CREAM_COCO_AREA_COUNT]; /* of the class that count */
  double *overlap;                       /* [MOST, objects of the class in an image] */
  uint32_t *sorted;                      /* [objects of the class in an image]: those that count first */
  uint8_t *taken;                        /* [objects of the class]; during the matching, of an image */
  double sums[CREAM_COCO_COUNT];
  size_t terms[CREAM_COCO_COUNT];
} evaluator;

static const double area_from[] = {
#define FROM(id, from, to) [CREAM_COCO_AREA_##id] = from,
    CREAM_COCO_AREAS(FROM)
#undef FROM
};
static const double area_to[] = {
#define TO(id, from, to) [CREAM_COCO_AREA_##id] = to,
    CREAM_COCO_AREAS(TO)
#undef TO
};
static const uint32_t limits[] = {
#define LIMIT(id, number) [CREAM_COCO_LIMIT_##id] = number,
    CREAM_COCO_LIMITS(LIMIT)
#undef LIMIT
};

static const struct {
  const char *name, *meaning;
  cream_coco_kind kind;
  int threshold;
  cream_coco_area area;
  cream_coco_limit limit;
} numbers[] = {
#define NUMBER(id, name, kind, threshold, area, limit, meaning)                                              \
  [CREAM_COCO_##                                                                                             \
      id] = {name, meaning, CREAM_COCO_##kind, threshold, CREAM_COCO_AREA_##area, CREAM_COCO_LIMIT_##limit},
    CREAM_COCO_NUMBERS(NUMBER)
#undef NUMBER
};

const char *cream_coco_name(cream_coco_number number) {
  return numbers[number].name;
}

const char *cream_coco_meaning(cream_coco_number number) {
  return numbers[number].meaning;
}

/* ---- overlaps ---------------------------------------------------------------------------------------- */

static double area_of(const cream_box *box) {
  return ((double)box->x2 - (double)box->x1) * ((double)box->y2 - (double)box->y1);
}

/* Intersection over union; with a crowd, over the detection alone. */
static double overlap_of(const cream_box *found, const cream_box *object, bool crowd) {
  double width = fmin(found->x2, object->x2) - fmax(found->x1, object->x1);
  double height = fmin(found->y2, object->y2) - fmax(found->y1, object->y1);
  if (width <= 0 || height <= 0) return 0;
  double both = width * height;
  return both / (crowd ? area_of(found) : area_of(found) + area_of(object) - both);
}

static bool outside(double area, int range) {
  return area < area_from[range] || area > area_to[range];
}

/* Whether an object does not count in a range of areas. */
static bool is_ignored(const evaluator *self, uint32_t object, int range) {
  const cream_coco_input *input = self->input;
  const cream_box *box = &input->truth[object];
  return box->crowd || outside(input->areas ? input->areas[object] : area_of(box), range);
}

/* ---- matching in an image ---------------------------------------------------------------------------- */

/* The object that a detection matches at a threshold, as an index in `sorted`; -1: none. Objects that count, of which
 * the first `counting` are, are preferred to all others. */
static int best_match(const evaluator *self, const uint32_t *objects, const double *overlaps, int n,
                      int counting, double threshold) {
  double least = fmin(threshold, 1 - 1e-10);
  int best = -1;
  for (int i = 0; i < n; i++) {
    uint32_t at = self->sorted[i];
    if (self->taken[at] && !self->input->truth[objects[at]].crowd) continue;
    if (best >= 0 && best < counting && i >= counting) break;
    if (overlaps[at] < least) continue;
    least = overlaps[at];
    best = i;
  }
  return best;
}

/* Marks the detections of an image, `rows` from the first row on, for a range of areas. */
static void match_range(evaluator *self, const uint32_t *objects, int n, size_t first, size_t rows,
                        int range) {
  int counting = 0, used = 0;
  for (int i = 0; i < n; i++)
    if (!is_ignored(self, objects[i], range)) self->sorted[counting++] = (uint32_t)i;
  used = counting;
  for (int i = 0; i < n; i++)
    if (is_ignored(self, objects[i], range)) self->sorted[used++] = (uint32_t)i;
  self->objects[range] += (size_t)counting;
  for (size_t r = 0; r < rows; r++) {
    bool out = outside(area_of(&self->input->found[self->rows[first + r].box]), range);
    self->marks[range][first + r] = (marks){.ignored = out ? UINT16_MAX : 0};
  }
  for (int t = 0; t < CREAM_COCO_THRESHOLDS; t++) {
    memset(self->taken, 0, (size_t)n);
    for (size_t r = 0; r < rows; r++) {
      int best = best_match(self, objects, self->overlap + r * (size_t)n, n, counting, self->thresholds[t]);
      if (best < 0) continue;
      marks *mark = &self->marks[range][first + r];
      uint16_t bit = (uint16_t)(1u << t);
      mark->matched |= bit;
      mark->ignored = best < counting ? mark->ignored & (uint16_t)~bit : mark->ignored | bit;
      self->taken[self->sorted[best]] = 1;
    }
  }
}

static int by_score(const void *a, const void *b) {
  const row *x = a, *y = b;
  if (x->score != y->score) return x->score > y->score ? -1 : 1;
  return x->box < y->box ? -1 : x->box > y->box;
}

/* Appends the best detections of an image, and matches them. */
static void match_image(evaluator *self, const uint32_t *found, size_t n_found, const uint32_t *objects,
                        size_t n_objects) {
  size_t first = self->n_rows;
  row *rows = self->rows + first;
  for (size_t i = 0; i < n_found; i++)
    rows[i] = (row){.score = self->input->found[found[i]].score, .box = found[i]};
  qsort(rows, n_found, sizeof *rows, by_score);
  if (n_found > MOST) n_found = MOST;
  self->n_rows += n_found;
  for (size_t r = 0; r < n_found; r++) {
    rows[r].rank = (uint32_t)r;
    for (size_t i = 0; i < n_objects; i++) {
      const cream_box *object = &self->input->truth[objects[i]];
      self->overlap[r * n_objects + i] = overlap_of(&self->input->found[rows[r].box], object, object->crowd);
    }
  }
  for (int range = 0; range < CREAM_COCO_AREA_COUNT; range++)
    match_range(self, objects, (int)n_objects, first, n_found, range);
}

/* Calls match_image for every image that has an object or a detection of the class. */
static void match_class(evaluator *self, int class) {
  coco_span truth = coco_index_of(&self->truth, class), found = coco_index_of(&self->found, class);
  self->n_rows = 0;
  memset(self->objects, 0, sizeof self->objects);
  while (truth.n || found.n) {
    uint32_t image = coco_first_image(&self->truth, truth, &self->found, found);
    size_t n_truth = coco_take(&self->truth, truth, image), n_found = coco_take(&self->found, found, image);
    match_image(self, found.boxes, n_found, truth.boxes, n_truth);
    truth = coco_rest(truth, n_truth);
    found = coco_rest(found, n_found);
  }
}

/* ---- precision and recall of a class ------------------------------------------------------------------- */

/* Stable: rows of equal scores stay in the order of their images. */
static void sort_rows(evaluator *self, uint32_t *spare) {
  size_t n = self->n_rows;
  for (size_t i = 0; i < n; i++) self->order[i] = (uint32_t)i;
  for (size_t width = 1; width < n; width *= 2) {
    for (size_t from = 0; from < n; from += 2 * width) {
      size_t middle = from + width < n ? from + width : n, end = from + 2 * width < n ? from + 2 * width : n;
      size_t a = from, b = middle;
      for (size_t i = from; i < end; i++) {
        bool left =
            a < middle && (b == end || self->rows[self->order[a]].score >= self->rows[self->order[b]].score);
        spare[i] = self->order[left ? a++ : b++];
      }
    }
    memcpy(self->order, spare, n * sizeof *spare);
  }
}

/* The precision at each of the recalls, `curve`, from the points of a curve (their recalls and precisions, [n], by
 * descending score): the best at that recall or a higher one. */
static void interpolate(const double *recalls, double *precisions, size_t n, double *curve) {
  for (size_t i = n; i > 1; i--)
    if (precisions[i - 1] > precisions[i - 2]) precisions[i - 2] = precisions[i - 1];
  size_t at = 0;
  for (int r = 0; r < CREAM_COCO_RECALLS; r++) {
    double recall = r == CREAM_COCO_RECALLS - 1 ? 1 : r * 0.01;
    while (at < n && recalls[at] < recall) at++;
    curve[r] = at < n ? precisions[at] : 0;
  }
}

/* Returns the highest recall, and writes the curve of precision, CREAM_COCO_RECALLS values. */
static double curve_of(const evaluator *self, int threshold, int range, uint32_t limit, double *points,
                       double *curve) {
  double *recalls = points, *precisions = points + self->n_rows, right = 0, wrong = 0;
  size_t n = 0;
  for (size_t i = 0; i < self->n_rows; i++) {
    if (self->rows[self->order[i]].rank >= limit) continue;
    const marks mark = self->marks[range][self->order[i]];
    bool ignored = mark.ignored >> threshold & 1, matched = mark.matched >> threshold & 1;
    right += !ignored && matched;
    wrong += !ignored && !matched;
    recalls[n] = right / (double)self->objects[range];
    precisions[n++] = right / (wrong + right + 2.220446049250313e-16);
  }
  double last = n ? recalls[n - 1] : 0;
  interpolate(recalls, precisions, n, curve);
  return last;
}

static double sum_of(const double *values, int n) {
  double sum = 0;
  for (int i = 0; i < n; i++) sum += values[i];
  return sum;
}

/* Adds the class to the twelve numbers. */
static void add_class(evaluator *self, double *points, cream_coco_class *out) {
  double curve[CREAM_COCO_RECALLS];
  out->ap = out->ap50 = -1;
  for (int r = 0; r < CREAM_COCO_RECALLS; r++) out->precision[r] = -1;
  out->objects = self->objects[CREAM_COCO_AREA_ALL];
  out->detections = self->n_rows;
  for (int i = 0; i < CREAM_COCO_COUNT; i++) {
    if (!self->objects[numbers[i].area]) continue;
    bool precision = numbers[i].kind == CREAM_COCO_PRECISION;
    double sum = 0;
    size_t terms = 0;
    for (int t = 0; t < CREAM_COCO_THRESHOLDS; t++) {
      if (numbers[i].threshold >= 0 && t != numbers[i].threshold) continue;
      double recall = curve_of(self, t, (int)numbers[i].area, limits[numbers[i].limit], points, curve);
      sum += precision ? sum_of(curve, CREAM_COCO_RECALLS) : recall;
      terms += precision ? CREAM_COCO_RECALLS : 1;
    }
    if (i == CREAM_COCO_AP) out->ap = sum / (double)terms;
    if (i == CREAM_COCO_AP50) {
      out->ap50 = sum / (double)terms;
      memcpy(out->precision, curve, sizeof curve);
    }
    self->sums[i] += sum;
    self->terms[i] += terms;
  }
}

/* ---- Pascal VOC ---------------------------------------------------------------------------------------- */

/* Whether a detection is right (1), wrong (-1), or does not count (0). Takes the object. */
static int voc_match(evaluator *self, coco_span truth, uint32_t box) {
  const cream_box *found = &self->input->found[box];
  size_t from = coco_before(&self->truth, truth, self->found.image_of[box]), best = truth.n;
  double most = -1;
  for (size_t i = from; i < truth.n; i++) {
    if (self->truth.image_of[truth.boxes[i]] != self->found.image_of[box]) break;
    double overlap = overlap_of(found, &self->input->truth[truth.boxes[i]], false);
    if (overlap <= most) continue;
    most = overlap;
    best = i;
  }
  if (best == truth.n || most < 0.5) return -1;
  if (self->input->truth[truth.boxes[best]].crowd) return 0;
  if (self->taken[best]) return -1;
  self->taken[best] = 1;
  return 1;
}

/* The area below the curve of the class; -1 without objects. All detections count. */
static double voc_average(evaluator *self, int class, uint32_t *spare, double *points) {
  coco_span truth = coco_index_of(&self->truth, class), found = coco_index_of(&self->found, class);
  size_t objects = self->objects[CREAM_COCO_AREA_ALL];
  if (!objects) return -1;
  self->n_rows = found.n;
  for (size_t i = 0; i < found.n; i++)
    self->rows[i] = (row){.score = self->input->found[found.boxes[i]].score, .box = found.boxes[i]};
  sort_rows(self, spare);
  memset(self->taken, 0, truth.n);
  double *recalls = points, *precisions = points + found.n, right = 0, wrong = 0, sum = 0;
  size_t n = 0;
  for (size_t i = 0; i < found.n; i++) {
    int match = voc_match(self, truth, self->rows[self->order[i]].box);
    if (!match) continue;
    right += match > 0;
    wrong += match < 0;
    recalls[n] = right / (double)objects;
    precisions[n++] = right / (right + wrong);
  }
  for (size_t i = n; i > 0; i--) {
    if (i < n && precisions[i] > precisions[i - 1]) precisions[i - 1] = precisions[i];
    sum += precisions[i - 1] * (recalls[i - 1] - (i > 1 ? recalls[i - 2] : 0));
  }
  return sum;
}

/* ---- the whole ----------------------------------------------------------------------------------------- */

static void evaluate(evaluator *self, uint32_t *spare, double *points, cream_coco_result *result) {
  double voc = 0;
  int counted = 0;
  for (int class = 0; class < result->classes; class ++) {
    match_class(self, class);
    sort_rows(self, spare);
    cream_coco_class *out = &result->of_class[class];
    add_class(self, points, out);
    out->voc_ap50 = voc_average(self, class, spare, points);
    counted += out->voc_ap50 >= 0;
    voc += out->voc_ap50 >= 0 ? out->voc_ap50 : 0;
  }
  for (int i = 0; i < CREAM_COCO_COUNT; i++)
    result->numbers[i] = self->terms[i] ? self->sums[i] / (double)self->terms[i] : -1;
  result->voc_ap50 = counted ? voc / counted : -1;
}

/* numpy.linspace(0.5, 0.95, 10) */
static void set_thresholds(double *thresholds) {
  const double step = (0.95 - 0.5) / (CREAM_COCO_THRESHOLDS - 1);
  for (int i = 0; i < CREAM_COCO_THRESHOLDS; i++) thresholds[i] = i * step + 0.5;
  thresholds[CREAM_COCO_THRESHOLDS - 1] = 0.95;
}

static void evaluator_free(evaluator *self) {
  coco_index_free(&self->truth);
  coco_index_free(&self->found);
  free(self->rows);
  free(self->order);
  for (int i = 0; i < CREAM_COCO_AREA_COUNT; i++) free(self->marks[i]);
  free(self->overlap);
  free(self->sorted);
  free(self->taken);
}

static bool allocate(evaluator *self) {
  const size_t rows = self->found.most_of_class + 1, objects = self->truth.most_of_image + 1;
  self->rows = malloc(rows * sizeof *self->rows);
  self->order = malloc(rows * sizeof *self->order);
  self->overlap = malloc(MOST * objects * sizeof *self->overlap);
  self->sorted = malloc(objects * sizeof *self->sorted);
  self->taken = malloc(self->truth.most_of_class + 1);
  bool good = self->rows && self->order && self->overlap && self->sorted && self->taken;
  for (int i = 0; i < CREAM_COCO_AREA_COUNT; i++) {
    self->marks[i] = malloc(rows * sizeof *self->marks[i]);
    good = good && self->marks[i];
  }
  return good;
}

cream_status cream_coco_evaluate(const cream_coco_input *input, cream_coco_result *result, cream_error *err) {
  evaluator self = {.input = input};
  *result = (cream_coco_result){.classes = input->classes,
                                .of_class = calloc((size_t)input->classes + 1, sizeof *result->of_class)};
  set_thresholds(self.thresholds);
  bool good = result->of_class &&
              coco_index_make(&self.truth, input->truth, input->first_truth, input->images, input->classes) &&
              coco_index_make(&self.found, input->found, input->first_found, input->images, input->classes) &&
              allocate(&self);
  uint32_t *spare = good ? malloc((self.found.most_of_class + 1) * sizeof *spare) : NULL;
  double *points = good ? malloc(2 * (self.found.most_of_class + 1) * sizeof *points) : NULL;
  cream_status status = CREAM_OK;
  if (spare && points)
    evaluate(&self, spare, points, result);
  else
    status = cream_fail_memory(err, input->first_found[input->images] * sizeof(row), "measuring detections");
  free(spare);
  free(points);
  evaluator_free(&self);
  if (status) cream_coco_result_free(result);
  return status;
}

void cream_coco_result_free(cream_coco_result *result) {
  free(result->of_class);
  *result = (cream_coco_result){0};
}
