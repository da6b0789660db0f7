#include "naming.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Layers whose tensors have a name in a scheme. */
enum part {
  STEM,
  STEM_BN,
  EXPAND,
  EXPAND_BN,
  DEPTHWISE,
  DEPTHWISE_BN,
  SE_REDUCE,
  SE_EXPAND,
  PROJECT,
  PROJECT_BN,
  HEAD,
  HEAD_BN,
  FEATURES,
  CLASSIFIER,
  PARTS
};

/* The names of layers. A pattern may have {s}, {l} and {b}, stage, layer in the stage and block in the network, {n} and
 * {m}, the number of stages and of blocks, and {i}, the place of a layer in its block, where those that the block lacks
 * are not counted; {s+1} is one more. NULL: a network with such a layer does not have these names. */
typedef struct scheme {
  const char *plain, *block; /* what comes before names in blocks without and with expansion */
  const char *parts[PARTS];
  bool known;
  cream_padding padding;
  double bn_eps;
  const char *interpolation;
} scheme;

/* All patterns, in the order of the enum: one that is forgotten is an error. */
#define PATTERNS(stem, stem_bn, expand, expand_bn, depthwise, depthwise_bn, se_reduce, se_expand, project,   \
                 project_bn, head, head_bn, features, classifier)                                            \
  .parts = {[STEM] = stem,           [STEM_BN] = stem_bn,                                                    \
            [EXPAND] = expand,       [EXPAND_BN] = expand_bn,                                                \
            [DEPTHWISE] = depthwise, [DEPTHWISE_BN] = depthwise_bn,                                          \
            [SE_REDUCE] = se_reduce, [SE_EXPAND] = se_expand,                                                \
            [PROJECT] = project,     [PROJECT_BN] = project_bn,                                              \
            [HEAD] = head,           [HEAD_BN] = head_bn,                                                    \
            [FEATURES] = features,   [CLASSIFIER] = classifier}

/* This program's own names; timm's tf_* networks have them too, and compute something else. */
static const scheme of_TIMM = {.plain = "blocks.", .block = "blocks."};

static const scheme of_EFFICIENTNET_PYTORCH = {
    .plain = "_blocks.{b}.",
    .block = "_blocks.{b}.",
    PATTERNS("_conv_stem", "_bn0", "_expand_conv", "_bn0", "_depthwise_conv", "_bn1", "_se_reduce",
             "_se_expand", "_project_conv", "_bn2", "_conv_head", "_bn1", NULL, "_fc"),
    .known = true,
    .padding = CREAM_PADDING_SAME,
    .bn_eps = 1e-3,
    .interpolation = "bicubic"};

static const scheme of_TORCHVISION_EFFICIENTNET = {
    .plain = "features.{s+1}.{l}.block.",
    .block = "features.{s+1}.{l}.block.",
    PATTERNS("features.0.0", "features.0.1", "{i}.0", "{i}.1", "{i}.0", "{i}.1", "{i}.fc1", "{i}.fc2",
             "{i}.0", "{i}.1", "features.{n+1}.0", "features.{n+1}.1", NULL, "classifier.1"),
    .known = true,
    .bn_eps = 1e-5,
    .interpolation = "bicubic"};

static const scheme of_TORCHVISION_MOBILENET_V3 = {
    .plain = "features.{b+1}.block.",
    .block = "features.{b+1}.block.",
    PATTERNS("features.0.0", "features.0.1", "{i}.0", "{i}.1", "{i}.0", "{i}.1", "{i}.fc1", "{i}.fc2",
             "{i}.0", "{i}.1", "features.{m+1}.0", "features.{m+1}.1", "classifier.0", "classifier.3"),
    .known = true,
    .bn_eps = 1e-3,
    .interpolation = "bilinear"};

static const scheme of_TORCHVISION_MOBILENET_V2 = {
    .plain = "features.{b+1}.conv.",
    .block = "features.{b+1}.conv.",
    PATTERNS("features.0.0", "features.0.1", "{i}.0", "{i}.1", "{i}.0", "{i}.1", NULL, NULL, "{i}", "{i+1}",
             "features.{m+1}.0", "features.{m+1}.1", NULL, "classifier.1"),
    .known = true,
    .bn_eps = 1e-5,
    .interpolation = "bilinear"};

/* The first block's layers stand beside the stem's. */
static const scheme of_TORCHVISION_MNASNET = {
    .plain = "",
    .block = "layers.{s+7}.{l}.",
    PATTERNS("layers.0", "layers.1", "layers.0", "layers.1", "layers.3", "layers.4", NULL, NULL, "layers.6",
             "layers.7", "layers.{n+7}", "layers.{n+8}", NULL, "classifier.1"),
    .known = true,
    .bn_eps = 1e-5,
    .interpolation = "bilinear"};

#define SCHEME(name, word) [CREAM_NAMING_##name] = &of_##name,
static const scheme *const schemes[] = {CREAM_NAMINGS(SCHEME)};
#define WORD(name, word) [CREAM_NAMING_##name] = word,
static const char *const words[] = {CREAM_NAMINGS(WORD)};

const char *cream_naming_word(cream_naming naming) {
  return words[naming];
}

/* ---- own names ------------------------------------------------------------------------------------------ */

/* Where a parameter is. */
typedef struct place {
  enum part part;
  int stage, layer, block; /* of a part of a block */
  int index;               /* {i} */
  bool in_block, expanded;
  const char *tensor; /* "weight" */
} place;

typedef struct own_name {
  const char *layer;
  enum part part;
} own_name;

static const own_name outer_names[] = {
    {"conv_stem.", STEM}, {"bn1.", STEM_BN}, {"bn2.", HEAD_BN}, {"classifier.", CLASSIFIER}};
static const own_name expanded_names[] = {{"conv_pw.", EXPAND},           {"bn1.", EXPAND_BN},
                                          {"conv_dw.", DEPTHWISE},        {"bn2.", DEPTHWISE_BN},
                                          {"se.conv_reduce.", SE_REDUCE}, {"se.conv_expand.", SE_EXPAND},
                                          {"conv_pwl.", PROJECT},         {"bn3.", PROJECT_BN}};
static const own_name plain_names[] = {{"conv_dw.", DEPTHWISE},        {"bn1.", DEPTHWISE_BN},
                                       {"se.conv_reduce.", SE_REDUCE}, {"se.conv_expand.", SE_EXPAND},
                                       {"conv_pw.", PROJECT},          {"bn2.", PROJECT_BN}};
static const own_name head_names[] = {{"conv.", HEAD}, {"bn1.", HEAD_BN}};

/* Finds the layer with which a name begins. */
static bool look_up(const own_name *names, size_t count, const char *name, place *at) {
  for (size_t i = 0; i < count; i++) {
    size_t length = strlen(names[i].layer);
    if (strncmp(name, names[i].layer, length) != 0) continue;
    at->part = names[i].part;
    at->tensor = name + length;
    return true;
  }
  return false;
}
#define LOOK_UP(names, name, at) look_up(names, sizeof(names) / sizeof *(names), name, at)

static int index_of(const place *at, bool se) {
  int before = at->expanded;
  switch (at->part) {
  case DEPTHWISE:
  case DEPTHWISE_BN:
    return before;
  case SE_REDUCE:
  case SE_EXPAND:
    return before + 1;
  case PROJECT:
  case PROJECT_BN:
    return before + 1 + se;
  case STEM:
  case STEM_BN:
  case EXPAND:
  case EXPAND_BN:
  case HEAD:
  case HEAD_BN:
  case FEATURES:
  case CLASSIFIER:
  case PARTS:
    return 0;
  }
  abort();
}

/* Finds where a parameter of a fixed network is; false: in a layer that only this program's scheme has. */
static bool find_place(const cream_skeleton *net, const char *own, place *at) {
  int used = 0;
  *at = (place){0};
  if (strncmp(own, "conv_head.", 10) == 0) {
    at->part = net->space.head.features ? FEATURES : HEAD;
    at->tensor = own + 10;
    return true;
  }
  if (sscanf(own, "blocks.%d.%d.%n", &at->stage, &at->layer, &used) != 2 || !used)
    return LOOK_UP(outer_names, own, at);
  if (at->stage == net->space.n_stages) return LOOK_UP(head_names, own + used, at);
  while (at->block < net->n_layers &&
         (net->layers[at->block].stage != at->stage || net->layers[at->block].index != at->layer))
    at->block++;
  if (at->block == net->n_layers || !net->fixed) return false;
  const cream_op *op = &net->space.ops[net->layers[at->block].options[0]];
  at->in_block = true;
  at->expanded = op->kind == CREAM_BLOCK_MBCONV;
  bool found = op->kind == CREAM_BLOCK_MBCONV
                   ? LOOK_UP(expanded_names, own + used, at)
                   : op->kind == CREAM_BLOCK_SEPARABLE && LOOK_UP(plain_names, own + used, at);
  if (found) at->index = index_of(at, op->se > 0);
  return found;
}

/* ---- the names of schemes ------------------------------------------------------------------------------- */

static int value_of(char letter, const cream_skeleton *net, const place *at) {
  const struct {
    char letter;
    int value;
  } values[] = {{'s', at->stage}, {'l', at->layer},           {'b', at->block},
                {'i', at->index}, {'n', net->space.n_stages}, {'m', net->n_layers}};
  for (size_t i = 0; i < sizeof values / sizeof *values; i++)
    if (values[i].letter == letter) return values[i].value;
  abort();
}

/* Appends a pattern with its values. */
static void put(char *text, size_t size, const char *pattern, const cream_skeleton *net, const place *at) {
  size_t used = strlen(text);
  for (const char *c = pattern; *c && used < size; c++) {
    if (*c != '{') {
      used += (size_t)snprintf(text + used, size - used, "%c", *c);
      continue;
    }
    int value = value_of(c[1], net, at) + (c[2] == '+' ? atoi(c + 3) : 0);
    used += (size_t)snprintf(text + used, size - used, "%d", value);
    c = strchr(c, '}');
  }
}

bool cream_naming_of(cream_naming naming, const cream_skeleton *net, const char *own, char *name,
                     size_t size) {
  const scheme *s = schemes[naming];
  place at;
  if (s == &of_TIMM) {
    snprintf(name, size, "%s", own);
    return true;
  }
  if (!find_place(net, own, &at) || !s->parts[at.part]) return false;
  name[0] = 0;
  if (at.in_block) put(name, size, at.expanded ? s->block : s->plain, net, &at);
  put(name, size, s->parts[at.part], net, &at);
  size_t used = strlen(name);
  return used < size && (size_t)snprintf(name + used, size - used, ".%s", at.tensor) < size - used;
}

static int by_name(const void *a, const void *b) {
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

bool cream_naming_apply(cream_naming naming, const cream_skeleton *net, cream_param *params, int n_params) {
  const char **sorted = calloc((size_t)n_params + 1, sizeof *sorted);
  bool good = sorted != NULL;
  for (int i = 0; good && i < n_params; i++) {
    char name[sizeof params->name];
    good = cream_naming_of(naming, net, params[i].name, name, sizeof name);
    if (good) memcpy(params[i].name, name, sizeof name);
    sorted[i] = params[i].name;
  }
  if (good) qsort(sorted, (size_t)n_params, sizeof *sorted, by_name);
  for (int i = 1; good && i < n_params; i++) good = strcmp(sorted[i - 1], sorted[i]) != 0;
  free(sorted);
  return good;
}

const char *cream_naming_body(cream_naming naming, char *text, size_t size) {
  const char *block = schemes[naming]->block;
  snprintf(text, size, "%.*s", (int)strcspn(block, "{"), block);
  return text;
}

/* ---- what schemes say beside names ---------------------------------------------------------------------- */

/* The lite networks: relu6 and no squeeze-excite. */
static bool is_lite(const cream_skeleton *net) {
  for (int l = 0; l < net->n_layers; l++)
    if (net->space.ops[net->layers[l].options[0]].se > 0) return false;
  return net->space.head.act == CREAM_ACT_RELU6;
}

cream_naming_facts cream_naming_facts_of(cream_naming naming, const cream_skeleton *net) {
  const scheme *s = schemes[naming];
  if (!s->known) return (cream_naming_facts){0};
  cream_naming_facts facts = {.known = true,
                              .padding = s->padding,
                              .bn_eps = s->bn_eps,
                              .mean = {0.485f, 0.456f, 0.406f},
                              .std = {0.229f, 0.224f, 0.225f},
                              .interpolation = s->interpolation};
  for (int c = 0; c < 3 && naming == CREAM_NAMING_EFFICIENTNET_PYTORCH && is_lite(net); c++) {
    facts.mean[c] = 127.0f / 255; /* (pixel - 127) / 128 */
    facts.std[c] = 128.0f / 255;
  }
  return facts;
}
