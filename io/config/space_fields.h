/* The parts of a network that space files and architecture files have in common: tables for field.h. */
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

/* Of cream_op; `block`, the first, is the only one that spaces require. */
extern const cream_field cream_op_fields[CREAM_OP_FIELDS];
/* Of cream_space. Architecture files have the number of classes at their top, not in the head. The
 * activations are what spaces do not require. */
extern const cream_field cream_stem_fields[CREAM_STEM_FIELDS];
extern const cream_field cream_head_fields[CREAM_HEAD_FIELDS], cream_arch_head_fields[CREAM_ARCH_HEAD_FIELDS];

/* The words of files for cream_block_kind and cream_act, indexed by them, NULL at the end. */
extern const char *const cream_block_words[], *const cream_act_words[];

/* Index of the op that a value names; an error offers the nearest of the space's. */
cream_status cream_space_read_op(const cream_yaml_value *, const cream_space *, int *op, cream_error *);

#endif
