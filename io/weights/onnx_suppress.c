#include "onnx_suppress.h"

#include <math.h>

void onnx_suppress_init(onnx_suppress *s, onnx_model *onnx, const cream_detect_limits *limits, size_t anchors,
                        int classes) {
  const int64_t all = (int64_t)anchors * classes;
  *s = (onnx_suppress){.onnx = onnx,
                       .limits = *limits,
                       .candidates = limits->candidates,
                       .detections = limits->detections < all ? limits->detections : all,
                       .flat = {0, -1},
                       .rows = {0, -1, classes},
                       .axis = {1, 2},
                       .anchors = (int64_t)anchors,
                       .none = -1,
                       .nothing = -INFINITY};
}

/* An initializer of the list, added where it is first needed. */
static char *add_value(onnx_suppress *s, const char *name, Onnx__TensorProto__DataType type, int count,
                       const void *values, size_t bytes) {
  char *known = onnx_find_initializer(s->onnx, name);
  return known ? known : onnx_add_tensor(s->onnx, name, "", type, count > 0, &count, values, bytes);
}

/* count 0: a number, not a list. */
static char *add_ints(onnx_suppress *s, const char *name, int count, const int64_t *values) {
  return add_value(s, name, ONNX__TENSOR_PROTO__DATA_TYPE__INT64, count, values,
                   (size_t)(count ? count : 1) * sizeof *values);
}

static char *add_float(onnx_suppress *s, const char *name, int count, const float *value) {
  return add_value(s, name, ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT, count, value, sizeof *value);
}

static char *add_binary(onnx_suppress *s, const char *op, const char *name, char *a, char *b) {
  onnx_node *n = onnx_add_named(s->onnx, op, "%s", name);
  onnx_add_input(n, a);
  onnx_add_input(n, b);
  return n->output;
}

static char *add_where(onnx_suppress *s, const char *name, char *condition, char *a, char *b) {
  onnx_node *n = onnx_add_named(s->onnx, "Where", "%s", name);
  onnx_add_input(n, condition);
  onnx_add_input(n, a);
  onnx_add_input(n, b);
  return n->output;
}

/* The k largest of each image, best first; *places: where they were. */
static char *add_top(onnx_suppress *s, const char *name, char *flat, char *k, char **places) {
  onnx_node *n = onnx_add_named(s->onnx, "TopK", "%s", name);
  onnx_add_input(n, flat);
  onnx_add_input(n, k);
  onnx_add_int(n, "axis", 1);
  *places = onnx_add_output(n, "places");
  return n->output;
}

char *onnx_suppress_level(onnx_suppress *s, int level, char *logits) {
  char name[ONNX_NAME], *places;
  snprintf(name, sizeof name, "suppress/P%d.flat", level + 3);
  char *flat = add_binary(s, "Reshape", name, logits, add_ints(s, "suppress/flat", 2, s->flat));
  snprintf(name, sizeof name, "suppress/P%d.best", level + 3);
  char *best = add_top(s, name, flat, add_ints(s, "suppress/candidates", 1, &s->candidates), &places);
  snprintf(name, sizeof name, "suppress/P%d.least", level + 3);
  onnx_node *least = onnx_add_named(s->onnx, "ReduceMin", "%s", name);
  onnx_add_input(least, best);
  onnx_add_ints(least, "axes", 1, 1);
  snprintf(name, sizeof name, "suppress/P%d.candidate", level + 3);
  char *candidate = add_binary(s, "GreaterOrEqual", name, flat, least->output);
  snprintf(name, sizeof name, "suppress/P%d.candidates", level + 3);
  char *kept = add_where(s, name, candidate, flat, add_float(s, "suppress/nothing", 0, &s->nothing));
  snprintf(name, sizeof name, "suppress/P%d", level + 3);
  return add_binary(s, "Reshape", name, kept, add_ints(s, "suppress/rows", 3, s->rows));
}

/* Scores by class [batch, classes, anchors], 0 where suppressed. */
static char *add_kept(onnx_suppress *s, char *boxes, char *scores) {
  onnx_node *by_class = onnx_add_named(s->onnx, "Transpose", "suppress/by_class");
  onnx_add_input(by_class, scores);
  onnx_add_ints(by_class, "perm", 3, 0);
  by_class->ints[0][1] = 2;
  by_class->ints[0][2] = 1;
  onnx_node *selected = onnx_add_named(s->onnx, "NonMaxSuppression", "suppress/selected");
  onnx_add_input(selected, boxes);
  onnx_add_input(selected, by_class->output);
  onnx_add_input(selected, add_ints(s, "suppress/detections", 1, &s->detections));
  onnx_add_input(selected, add_float(s, "suppress/overlap", 1, &s->limits.overlap));
  onnx_add_input(selected, add_float(s, "suppress/score", 1, &s->limits.score));
  char *values = add_binary(s, "GatherND", "suppress/values", by_class->output, selected->output);
  onnx_node *shape = onnx_add_named(s->onnx, "Shape", "suppress/shape");
  onnx_add_input(shape, by_class->output);
  onnx_node *empty = onnx_add_named(s->onnx, "ConstantOfShape", "suppress/empty"); /* of zeros */
  onnx_add_input(empty, shape->output);
  onnx_node *kept = onnx_add_named(s->onnx, "ScatterND", "suppress/kept");
  onnx_add_input(kept, empty->output);
  onnx_add_input(kept, selected->output);
  onnx_add_input(kept, values);
  return kept->output;
}

static char *add_unsqueezed(onnx_suppress *s, const char *name, char *x) {
  return add_binary(s, "Unsqueeze", name, x, add_ints(s, "suppress/last", 1, &s->axis[1]));
}

/* Boxes of the anchors [batch, n]. */
static char *add_boxes(onnx_suppress *s, char *boxes, char *places, char *found) {
  char *anchor =
      add_binary(s, "Mod", "suppress/anchor", places, add_ints(s, "suppress/anchors", 0, &s->anchors));
  char *rows = add_unsqueezed(s, "suppress/anchor.row", anchor);
  onnx_node *n = onnx_add_named(s->onnx, "GatherND", "suppress/boxes");
  onnx_add_input(n, boxes);
  onnx_add_input(n, rows);
  onnx_add_int(n, "batch_dims", 1);
  char *used = add_unsqueezed(s, "suppress/found.row", found);
  return add_where(s, "suppress/boxes.found", used, n->output, add_float(s, "suppress/zero", 0, &s->zero));
}

/* How many rows of each image are used. */
static char *add_count(onnx_suppress *s, char *found) {
  onnx_node *one = onnx_add_named(s->onnx, "Cast", "suppress/one");
  onnx_add_input(one, found);
  onnx_add_int(one, "to", ONNX__TENSOR_PROTO__DATA_TYPE__INT64);
  onnx_node *n = onnx_add_named(s->onnx, "ReduceSum", "suppress/count");
  onnx_add_input(n, one->output);
  onnx_add_input(n, add_ints(s, "suppress/first", 1, &s->axis[0]));
  onnx_add_int(n, "keepdims", 0);
  return n->output;
}

void onnx_suppress_add(onnx_suppress *s, char *boxes, char *scores,
                       onnx_output outputs[ONNX_SUPPRESS_OUTPUTS]) {
  static char names[ONNX_SUPPRESS_OUTPUTS][8] = {"count", "boxes", "scores", "classes"};
  const int n = (int)s->detections;
  char *places, *all = add_kept(s, boxes, scores);
  char *flat = add_binary(s, "Reshape", "suppress/all", all, add_ints(s, "suppress/flat", 2, s->flat));
  char *best =
      add_top(s, "suppress/best", flat, add_ints(s, "suppress/detections", 1, &s->detections), &places);
  char *found = add_binary(s, "Greater", "suppress/found", best, add_float(s, "suppress/zero", 0, &s->zero));
  char *class =
      add_binary(s, "Div", "suppress/class", places, add_ints(s, "suppress/anchors", 0, &s->anchors));
  class = add_where(s, "suppress/class.found", found, class, add_ints(s, "suppress/none", 0, &s->none));
  char *count = add_count(s, found);
  char *best_boxes = add_boxes(s, boxes, places, found);
  char *values[ONNX_SUPPRESS_OUTPUTS] = {count, best_boxes, best, class};
  for (int i = 0; i < ONNX_SUPPRESS_OUTPUTS; i++) {
    onnx_node *named = onnx_add_named(s->onnx, "Identity", "%s", names[i]);
    onnx_add_input(named, values[i]);
  }
  outputs[0] = (onnx_output){names[0], .integers = true};
  outputs[1] = (onnx_output){names[1], 2, {n, 4}, false};
  outputs[2] = (onnx_output){names[2], 1, {n}, false};
  outputs[3] = (onnx_output){names[3], 1, {n}, true};
}
