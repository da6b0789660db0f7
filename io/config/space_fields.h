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
enum { CREAM_OP_FIELDS = 9, CREAM_STEM_FIELDS = 4, CREAM_HEAD_FIELDS = 4, CREAM_ARCH_HEAD_FIELDS = 3 };

/* Fields of cream_op. Space files require `block` alone, the first one. */
extern const cream_field cream_op_fields[CREAM_OP_FIELDS];
/* Fields of cream_space. Architecture files give the number of classes at the top level instead of in the head. Space
 * files require all but the activations. */
extern const cream_field cream_stem_fields[CREAM_STEM_FIELDS];
extern const cream_field cream_head_fields[CREAM_HEAD_FIELDS], cream_arch_head_fields[CREAM_ARCH_HEAD_FIELDS];

/* The words of cream_block_kind and cream_act (io/base/words.h). */
extern const char *const cream_block_words[], *const cream_act_words[];

/* Sets *op to the index of the op with that name. CREAM_BAD_CONFIG, with the nearest name, if the space has none. */
cream_status cream_space_read_op(const cream_yaml_value *, const cream_space *, int *op, cream_error *);

#endif
