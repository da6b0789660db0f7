/* Tables (field.h) for the parts that space files and architecture files have in common. */
#ifndef CREAM_IO_SPACE_FIELDS_H
#define CREAM_IO_SPACE_FIELDS_H

#include "core/space/space.h"
#include "field.h"

enum {
  CREAM_MAX_CHANNELS = 8192,
  CREAM_MAX_KERNEL = 31,
  CREAM_MAX_STRIDE = 4,
  CREAM_MAX_SIDE = 4096,
  CREAM_MAX_CLASSES = 1 << 20
};
enum {
  CREAM_OP_FIELDS = 9,
  CREAM_STEM_FIELDS = 4,
  CREAM_HEAD_FIELDS = 4,
  CREAM_ARCH_HEAD_FIELDS = 3,
  CREAM_NET_FIELDS = 2
};

/* Fields of cream_op. Space files require `block` alone, the first one. */
extern const cream_field cream_op_fields[CREAM_OP_FIELDS];
/* Fields of cream_space. Architecture files give the number of classes at the top level instead of in the head. Space
 * files require all but the activations. */
extern const cream_field cream_stem_fields[CREAM_STEM_FIELDS];
extern const cream_field cream_head_fields[CREAM_HEAD_FIELDS], cream_arch_head_fields[CREAM_ARCH_HEAD_FIELDS];

/* The words of cream_block_kind, cream_act and cream_padding (io/base/words.h). */
extern const char *const cream_block_words[], *const cream_act_words[], *const cream_padding_words[];

/* What holds for all layers, at the top level of both files. A key that is not given has the value of
 * CREAM_NET_DEFAULTS, and such values are not written. `owner` has the members. */
#define CREAM_NET_FIELD_LIST(owner)                                                                          \
  {.key = "padding", CREAM_FIELD(owner, padding), .words = cream_padding_words}, {                           \
    .key = "bn_eps", CREAM_FIELD(owner, bn_eps), .min = 1e-12, .max = 1                                      \
  }
#define CREAM_NET_DEFAULTS .padding = CREAM_PADDING_SYMMETRIC, .bn_eps = CREAM_BN_EPS
extern const cream_field cream_net_fields[CREAM_NET_FIELDS]; /* of cream_space */
/* Whether the space has the default value of one of these fields. */
bool cream_net_field_usual(const cream_field *, const cream_space *);

/* Sets *op to the index of the op with that name. CREAM_BAD_CONFIG, with the nearest name, if the space has none. */
cream_status cream_space_read_op(const cream_yaml_value *, const cream_space *, int *op, cream_error *);

#endif
