#include "space_fields.h"

#include <string.h>

#define BLOCKS(X)                                                                                            \
  X(CREAM_BLOCK_MBCONV, "mbconv")                                                                            \
  X(CREAM_BLOCK_SEPARABLE, "separable") X(CREAM_BLOCK_BOTTLENECK, "bottleneck") X(CREAM_BLOCK_SKIP, "skip")
CREAM_WORDS(cream_block_words, CREAM_BLOCK_COUNT, BLOCKS);

#define PADDING_WORD(name, word) [CREAM_PADDING_##name] = word,
const char *const cream_padding_words[] = {CREAM_PADDINGS(PADDING_WORD) NULL};

#define ACT_WORD(name, word) [CREAM_ACT_##name] = word,
const char *const cream_act_words[] = {CREAM_ACTS(ACT_WORD) NULL};

#define NUMBER(owner, name, member, low, high)                                                               \
  { .key = name, CREAM_FIELD(owner, member), .min = low, .max = high, .required = true }
#define OPTION(owner, name, member, low, high)                                                               \
  { .key = name, CREAM_FIELD(owner, member), .min = low, .max = high }
#define WORD(owner, name, member, list)                                                                      \
  { .key = name, CREAM_FIELD(owner, member), .words = list }

const cream_field cream_op_fields[CREAM_OP_FIELDS] = {
    {.key = "block", CREAM_FIELD(cream_op, kind), .words = cream_block_words, .required = true},
    OPTION(cream_op, "kernel", kernel, 1, CREAM_MAX_KERNEL),
    OPTION(cream_op, "dilation", dilation, 1, 8),
    OPTION(cream_op, "expand", expand, 0, 64),
    WORD(cream_op, "act", act, cream_act_words),
    OPTION(cream_op, "se", se, 0, 1),
    OPTION(cream_op, "se_of_input", se_of_input, 0, 0),
    WORD(cream_op, "se_act", se_act, cream_act_words),
    WORD(cream_op, "se_gate", se_gate, cream_act_words),
};

const cream_field cream_stem_fields[CREAM_STEM_FIELDS] = {
    NUMBER(cream_space, "channels", stem.channels, 1, CREAM_MAX_CHANNELS),
    NUMBER(cream_space, "kernel", stem.kernel, 1, CREAM_MAX_KERNEL),
    NUMBER(cream_space, "stride", stem.stride, 1, CREAM_MAX_STRIDE),
    WORD(cream_space, "act", stem.act, cream_act_words),
};

#define HEAD_CHANNELS NUMBER(cream_space, "channels", head.channels, 1, CREAM_MAX_CHANNELS)
#define HEAD_FEATURES NUMBER(cream_space, "features", head.features, 0, CREAM_MAX_CHANNELS)
#define HEAD_ACT      WORD(cream_space, "act", head.act, cream_act_words)

const cream_field cream_head_fields[CREAM_HEAD_FIELDS] = {
    HEAD_CHANNELS, HEAD_FEATURES, NUMBER(cream_space, "classes", head.classes, 1, CREAM_MAX_CLASSES),
    HEAD_ACT};
const cream_field cream_arch_head_fields[CREAM_ARCH_HEAD_FIELDS] = {HEAD_CHANNELS, HEAD_FEATURES, HEAD_ACT};

const cream_field cream_net_fields[CREAM_NET_FIELDS] = {CREAM_NET_FIELD_LIST(cream_space)};

bool cream_net_field_usual(const cream_field *field, const cream_space *space) {
  static const cream_space usual = {CREAM_NET_DEFAULTS};
  return !memcmp((const char *)space + field->offset, (const char *)&usual + field->offset, field->size);
}

cream_status cream_space_read_op(const cream_yaml_value *value, const cream_space *space, int *op,
                                 cream_error *err) {
  const char *name = cream_yaml_text(value);
  *op = name ? cream_space_find_op(space, name) : -1;
  if (*op >= 0) return CREAM_OK;
  cream_nearest nearest = cream_nearest_to(name ? name : "");
  for (int i = 0; i < space->n_ops; i++) cream_nearest_offer(&nearest, space->ops[i].name);
  return cream_yaml_unexpected(value, "an op of `ops`", nearest.best, err);
}
