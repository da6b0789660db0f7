#include "space.h"

#include <string.h>

int cream_make_divisible(double v) {
  const int divisor = 8;
  int rounded = (int)(v + divisor / 2.0) / divisor * divisor;
  if (rounded < divisor) rounded = divisor;
  return rounded < 0.9 * v ? rounded + divisor : rounded;
}

int cream_space_find_op(const cream_space *space, const char *name) {
  for (int i = 0; i < space->n_ops; i++)
    if (strcmp(space->ops[i].name, name) == 0) return i;
  return -1;
}

/* ---- validation -------------------------------------------------------------------------------------- */

enum { MAX_CHANNELS = 8192, MAX_KERNEL = 31, MAX_STRIDE = 4, MAX_SIDE = 4096 };

static cream_status check_int(const char *key, int value, int low, int high, cream_error *err) {
  if (value >= low && value <= high) return CREAM_OK;
  return cream_fail(err, CREAM_BAD_CONFIG, "%s: got %d, expected %d to %d", key, value, low, high);
}

static cream_status check_kernel(const char *key, int kernel, cream_error *err) {
  if (kernel >= 1 && kernel <= MAX_KERNEL && kernel % 2 == 1) return CREAM_OK;
  return cream_fail(err, CREAM_BAD_CONFIG, "%s: got %d, expected an odd number from 1 to %d", key, kernel,
                    MAX_KERNEL);
}

static cream_status validate_op(const cream_op *op, cream_error *err) {
  char key[80];
  cream_status status;
  if (!op->name[0]) return cream_fail(err, CREAM_BAD_CONFIG, "ops: an op has no name");
  snprintf(key, sizeof key, "ops.%s.kernel", op->name);
  if ((status = check_kernel(key, op->kernel, err))) return status;
  snprintf(key, sizeof key, "ops.%s.dilation", op->name);
  if ((status = check_int(key, op->dilation, 1, 8, err))) return status;
  bool expands = op->kind == CREAM_BLOCK_MBCONV || op->kind == CREAM_BLOCK_BOTTLENECK;
  if (expands && !(op->expand > 0 && op->expand <= 64))
    return cream_fail(err, CREAM_BAD_CONFIG, "ops.%s.expand: got %g, expected more than 0, at most 64",
                      op->name, op->expand);
  if (!(op->se >= 0 && op->se <= 1))
    return cream_fail(err, CREAM_BAD_CONFIG, "ops.%s.se: got %g, expected 0 (none) to 1", op->name, op->se);
  return CREAM_OK;
}

static cream_status validate_stage(const cream_space *space, int s, cream_error *err) {
  const cream_stage *stage = &space->stages[s];
  char key[80];
  cream_status status;
  snprintf(key, sizeof key, "stages[%d].channels", s);
  if ((status = check_int(key, stage->channels, 1, MAX_CHANNELS, err))) return status;
  snprintf(key, sizeof key, "stages[%d].stride", s);
  if ((status = check_int(key, stage->stride, 1, MAX_STRIDE, err))) return status;
  snprintf(key, sizeof key, "stages[%d].depth", s);
  if ((status = check_int(key, stage->depth_min, 1, CREAM_MAX_LAYERS, err))) return status;
  if ((status = check_int(key, stage->depth_max, stage->depth_min, CREAM_MAX_LAYERS, err))) return status;
  snprintf(key, sizeof key, "stages[%d].choices: number of ops", s);
  if ((status = check_int(key, stage->n_choices, 1, CREAM_MAX_OPS, err))) return status;
  for (int i = 0; i < stage->n_choices; i++) {
    if (stage->choices[i] >= space->n_ops)
      return cream_fail(err, CREAM_BAD_CONFIG, "stages[%d].choices[%d]: no such op", s, i);
    for (int j = 0; j < i; j++)
      if (stage->choices[i] == stage->choices[j])
        return cream_fail(err, CREAM_BAD_CONFIG, "stages[%d].choices: `%s` is a duplicate", s,
                          space->ops[stage->choices[i]].name);
  }
  if (stage->base < -1 || stage->base >= space->n_ops)
    return cream_fail(err, CREAM_BAD_CONFIG, "stages[%d].base: no such op", s);
  return CREAM_OK;
}

cream_status cream_space_validate(const cream_space *space, cream_error *err) {
  cream_status status;
  if (!space->name[0]) return cream_fail(err, CREAM_BAD_CONFIG, "name: a space needs one");
  if (!(space->bn_eps > 0 && space->bn_eps <= 1))
    return cream_fail(err, CREAM_BAD_CONFIG, "bn_eps: got %g, expected more than 0, at most 1",
                      space->bn_eps);
  if ((status = check_int("ops: number", space->n_ops, 1, CREAM_MAX_OPS, err))) return status;
  for (int i = 0; i < space->n_ops; i++) {
    if ((status = validate_op(&space->ops[i], err))) return status;
    if (cream_space_find_op(space, space->ops[i].name) != i)
      return cream_fail(err, CREAM_BAD_CONFIG, "ops: `%s` is defined twice", space->ops[i].name);
  }
  if ((status = check_int("stem.channels", space->stem.channels, 1, MAX_CHANNELS, err))) return status;
  if ((status = check_kernel("stem.kernel", space->stem.kernel, err))) return status;
  if ((status = check_int("stem.stride", space->stem.stride, 1, MAX_STRIDE, err))) return status;
  if ((status = check_int("stages: number", space->n_stages, 1, CREAM_MAX_STAGES, err))) return status;
  int layers = 0;
  for (int s = 0; s < space->n_stages; s++) {
    if ((status = validate_stage(space, s, err))) return status;
    layers += space->stages[s].depth_max;
  }
  if ((status = check_int("stages: layers at the largest depths", layers, 1, CREAM_MAX_LAYERS, err)))
    return status;
  if ((status = check_int("head.channels", space->head.channels, 1, MAX_CHANNELS, err))) return status;
  if ((status = check_int("head.features", space->head.features, 0, MAX_CHANNELS, err))) return status;
  if ((status = check_int("head.classes", space->head.classes, 1, 1 << 20, err))) return status;
  int low = space->resolution.min, high = space->resolution.max;
  if ((status = check_int("resolution.min", low, 8, MAX_SIDE, err))) return status;
  if ((status = check_int("resolution.max", high, low, MAX_SIDE, err))) return status;
  if ((status = check_int("resolution.step", space->resolution.step, 1, MAX_SIDE, err))) return status;
  if ((status = check_int("resolution.scale_at", space->resolution.scale_at, 1, MAX_SIDE, err)))
    return status;
  if (!(space->resolution.scale_flops > 0))
    return cream_fail(err, CREAM_BAD_CONFIG, "resolution.scale_flops: got %g, expected more than 0 (M FLOPs)",
                      space->resolution.scale_flops);
  return CREAM_OK;
}

/* ---- skeletons and paths ----------------------------------------------------------------------------- */

cream_status cream_skeleton_init(cream_skeleton *skeleton, const cream_space *space, const int *depth,
                                 int resolution, int classes, cream_error *err) {
  cream_status status = cream_space_validate(space, err);
  if (status) return status;
  if (classes < 1) return cream_fail(err, CREAM_BAD_CONFIG, "classes: got %d, expected at least 1", classes);
  if (resolution < space->resolution.min || resolution > space->resolution.max ||
      (resolution - space->resolution.min) % space->resolution.step != 0)
    return cream_fail(
        err, CREAM_BAD_CONFIG, "resolution: got %d, expected %d to %d in steps of %d, as space `%s` allows",
        resolution, space->resolution.min, space->resolution.max, space->resolution.step, space->name);
  for (int s = 0; s < space->n_stages; s++)
    if (depth[s] < space->stages[s].depth_min || depth[s] > space->stages[s].depth_max)
      return cream_fail(err, CREAM_BAD_CONFIG, "depth[%d]: got %d, expected %d to %d, as space `%s` allows",
                        s, depth[s], space->stages[s].depth_min, space->stages[s].depth_max, space->name);

  *skeleton = (cream_skeleton){.space = *space, .resolution = resolution, .classes = classes};
  int channels = space->stem.channels;
  for (int s = 0; s < space->n_stages; s++) {
    const cream_stage *stage = &space->stages[s];
    skeleton->depth[s] = depth[s];
    for (int i = 0; i < depth[s]; i++) {
      cream_layer *layer = &skeleton->layers[skeleton->n_layers++];
      *layer = (cream_layer){.stage = s, .index = i, .cin = channels, .cout = stage->channels};
      layer->stride = i == 0 ? stage->stride : 1;
      if (depth[s] == 1 && stage->base >= 0) {
        layer->n_options = 1;
        layer->options[0] = (uint8_t)stage->base;
      } else {
        layer->n_options = stage->n_choices;
        memcpy(layer->options, stage->choices, sizeof layer->options);
      }
      channels = stage->channels;
    }
  }
  return CREAM_OK;
}

cream_skeleton cream_skeleton_fix(const cream_skeleton *skeleton, const cream_path *path) {
  cream_skeleton fixed = *skeleton;
  CREAM_ASSERT(path->n_layers == skeleton->n_layers);
  for (int l = 0; l < fixed.n_layers; l++) {
    CREAM_ASSERT(path->choice[l] < fixed.layers[l].n_options);
    fixed.layers[l].options[0] = skeleton->layers[l].options[path->choice[l]];
    fixed.layers[l].n_options = 1;
  }
  fixed.fixed = true;
  return fixed;
}

cream_path cream_skeleton_first_path(const cream_skeleton *skeleton) {
  return (cream_path){.n_layers = skeleton->n_layers};
}

bool cream_path_equal(const cream_path *a, const cream_path *b) {
  return a->n_layers == b->n_layers && memcmp(a->choice, b->choice, (size_t)a->n_layers) == 0;
}

char *cream_path_format(const cream_skeleton *skeleton, const cream_path *path, char *text, size_t size) {
  size_t used = 0;
  if (size) text[0] = 0;
  for (int l = 0; l < path->n_layers && used < size; l++) {
    const cream_layer *layer = &skeleton->layers[l];
    const char *separator = l == 0 ? "" : layer->index == 0 ? " " : "-";
    const char *name = skeleton->space.ops[layer->options[path->choice[l]]].name;
    int n = snprintf(text + used, size - used, "%s%s", separator, name);
    used += (size_t)n;
  }
  return text;
}

/* ---- blocks ------------------------------------------------------------------------------------------ */

static cream_unit_shape unit(int cin, int cout, int kernel, int stride, int dilation, cream_act act,
                             const char *conv, const char *bn) {
  return (cream_unit_shape){.cin = cin,
                            .cout = cout,
                            .kernel = kernel,
                            .stride = stride,
                            .pad = dilation * (kernel - 1) / 2,
                            .dilation = dilation,
                            .act = act,
                            .conv = conv,
                            .bn = bn};
}

/* Rounded to the nearest whole number, as in EfficientNet. */
static int se_of_input(double channels) {
  return channels < 1 ? 1 : (int)(channels + 0.5);
}

static int block_units(const cream_op *op, const cream_layer *layer, cream_unit_shape units[CREAM_MAX_UNITS],
                       bool *residual) {
  int cin = layer->cin, cout = layer->cout, n = 0;
  bool same = cin == cout && layer->stride == 1;
  *residual = same && op->kind != CREAM_BLOCK_SKIP;
  switch (op->kind) {
  case CREAM_BLOCK_MBCONV:
  case CREAM_BLOCK_SEPARABLE: {
    bool expands = op->kind == CREAM_BLOCK_MBCONV;
    int mid = expands ? cream_make_divisible(cin * op->expand) : cin;
    if (expands) units[n++] = unit(cin, mid, 1, 1, 1, op->act, "conv_pw", "bn1");
    cream_unit_shape *depthwise = &units[n++];
    *depthwise =
        unit(mid, mid, op->kernel, layer->stride, op->dilation, op->act, "conv_dw", expands ? "bn2" : "bn1");
    depthwise->depthwise = true;
    if (op->se > 0)
      depthwise->se = op->se_of_input ? se_of_input(cin * op->se) : cream_make_divisible(mid * op->se);
    units[n++] = expands ? unit(mid, cout, 1, 1, 1, CREAM_ACT_NONE, "conv_pwl", "bn3")
                         : unit(mid, cout, 1, 1, 1, CREAM_ACT_NONE, "conv_pw", "bn2");
    return n;
  }
  case CREAM_BLOCK_BOTTLENECK: {
    int mid = cream_make_divisible(cout * op->expand);
    units[n++] = unit(cin, mid, 1, 1, 1, op->act, "conv1", "bn1");
    units[n++] = unit(mid, mid, op->kernel, layer->stride, op->dilation, op->act, "conv2", "bn2");
    units[n++] = unit(mid, cout, 1, 1, 1, CREAM_ACT_NONE, "conv3", "bn3");
    return n;
  }
  case CREAM_BLOCK_SKIP:
    if (!same) units[n++] = unit(cin, cout, 1, layer->stride, 1, CREAM_ACT_NONE, "conv", "bn1");
    return n;
  case CREAM_BLOCK_COUNT:
    break;
  }
  CREAM_ASSERT(!"unknown kind of block");
  return 0;
}

int cream_block_units(const cream_space *space, const cream_layer *layer, int op,
                      cream_unit_shape units[CREAM_MAX_UNITS], bool *residual) {
  int n = block_units(&space->ops[op], layer, units, residual);
  for (int i = 0; i < n; i++) units[i].padding = space->padding;
  return n;
}
