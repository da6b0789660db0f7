#include "pickle.h"

#include <string.h>

/* The stack machine that runs the opcodes. */
typedef struct machine {
  const char *name;
  const unsigned char *data;
  size_t at, size; /* position of the next byte; end of the data */
  size_t opcode;   /* position of the current opcode */
  const cream_pickle_global *globals;
  cream_pickle *pickle;
  cream_pickle_ref *stack;
  uint32_t depth, stack_room;
  uint32_t *memo; /* value + 1; 0: not set */
  uint32_t memo_room;
  uint32_t n_memo; /* number of writes to the memo */
  cream_error *err;
} machine;

enum { NONE_VALUE, TRUE_VALUE, FALSE_VALUE, MARK_VALUE, EMPTY_TUPLE_VALUE, N_CONSTANTS };

/* ---- memory -------------------------------------------------------------------------------------- */

static cream_status fail(const machine *m, const char *what) {
  unsigned char opcode = m->data[m->opcode];
  if (opcode > ' ' && opcode < 0x7f)
    return cream_fail(m->err, CREAM_BAD_DATA, "%.200s: byte %zu: opcode `%c`: %s", m->name, m->opcode, opcode,
                      what);
  return cream_fail(m->err, CREAM_BAD_DATA, "%.200s: byte %zu: opcode 0x%02x: %s", m->name, m->opcode, opcode,
                    what);
}

/* Grows an array, to `limit` items at most, so that it has item `index`. New items are 0. */
static cream_status grow(const machine *m, void **array, uint32_t *room, uint32_t index, uint32_t limit,
                         size_t item, const char *what) {
  if (index < *room) return CREAM_OK;
  if (index >= limit) {
    char text[80];
    snprintf(text, sizeof text, "got more than %u %s, too many for a checkpoint", (unsigned)limit, what);
    return fail(m, text);
  }
  uint32_t wanted = *room ? *room : 64;
  while (wanted <= index) wanted *= 2;
  if (wanted > limit) wanted = limit;
  void *grown = realloc(*array, wanted * item);
  if (!grown) return cream_fail_memory(m->err, wanted * item, "a pickle");
  memset((char *)grown + *room * item, 0, (wanted - *room) * item);
  *array = grown;
  *room = wanted;
  return CREAM_OK;
}

static cream_status push(machine *m, cream_pickle_ref value) {
  cream_status status = grow(m, (void **)&m->stack, &m->stack_room, m->depth, CREAM_PICKLE_MAX_VALUES,
                             sizeof *m->stack, "values on the stack");
  if (!status) m->stack[m->depth++] = value;
  return status;
}

static cream_status make(machine *m, cream_pickle_value value, cream_pickle_ref *ref) {
  cream_pickle *p = m->pickle;
  cream_status status = grow(m, (void **)&p->values, &p->values_room, p->n_values, CREAM_PICKLE_MAX_VALUES,
                             sizeof *p->values, "values");
  if (status) return status;
  value.at = m->opcode;
  p->values[p->n_values] = value;
  *ref = p->n_values++;
  return CREAM_OK;
}

static cream_status push_new(machine *m, cream_pickle_value value) {
  cream_pickle_ref ref;
  cream_status status = make(m, value, &ref);
  return status ? status : push(m, ref);
}

/* Appends to a container. This may move the cells, but not the values. */
static cream_status append(machine *m, cream_pickle_ref container, cream_pickle_ref item) {
  cream_pickle *p = m->pickle;
  cream_status status = grow(m, (void **)&p->cells, &p->cells_room, p->n_cells, CREAM_PICKLE_MAX_VALUES,
                             sizeof *p->cells, "items");
  if (status) return status;
  cream_pickle_value *value = &p->values[container];
  uint32_t added = p->n_cells++;
  p->cells[added].value = item;
  if (value->items.count++)
    p->cells[value->items.last].next = added;
  else
    value->items.first = added;
  value->items.last = added;
  return CREAM_OK;
}

/* ---- arguments of opcodes ------------------------------------------------------------------------- */

/* Takes the next `count` bytes. */
static cream_status take(machine *m, uint64_t count, const unsigned char **bytes) {
  if (count > m->size - m->at) {
    char text[120];
    snprintf(text, sizeof text, "it needs %ju bytes, got %zu; the file may be truncated", (uintmax_t)count,
             m->size - m->at);
    return fail(m, text);
  }
  *bytes = m->data + m->at;
  m->at += (size_t)count;
  return CREAM_OK;
}

/* Takes a little-endian number of `width` bytes. */
static cream_status take_number(machine *m, int width, uint64_t *number) {
  const unsigned char *bytes = NULL;
  cream_status status = take(m, (uint64_t)width, &bytes);
  *number = 0;
  for (int i = width - 1; i >= 0 && !status; i--) *number = *number << 8 | bytes[i];
  return status;
}

/* Takes a length of `width` bytes, then that many bytes. */
static cream_status take_counted(machine *m, int width, const unsigned char **bytes, size_t *length) {
  uint64_t count;
  cream_status status = take_number(m, width, &count);
  if (!status) status = take(m, count, bytes);
  *length = (size_t)count;
  return status;
}

/* Takes text up to the end of the line. */
static cream_status take_line(machine *m, const char **text, size_t *length) {
  const unsigned char *end = memchr(m->data + m->at, '\n', m->size - m->at);
  if (!end) return fail(m, "its line does not end; the file may be truncated");
  *text = (const char *)m->data + m->at;
  *length = (size_t)(end - m->data) - m->at;
  m->at += *length + 1;
  return CREAM_OK;
}

static cream_status push_text(machine *m, int width, cream_pickle_kind kind) {
  const unsigned char *bytes = NULL;
  size_t length = 0;
  cream_status status = take_counted(m, width, &bytes, &length);
  if (status) return status;
  return push_new(m, (cream_pickle_value){.kind = kind, .text = {(const char *)bytes, length}});
}

static cream_status push_int(machine *m, int64_t value) {
  return push_new(m, (cream_pickle_value){.kind = CREAM_PICKLE_INT, .integer = value});
}

static cream_status push_long(machine *m, int width) {
  const unsigned char *bytes = NULL;
  size_t length = 0;
  cream_status status = take_counted(m, width, &bytes, &length);
  if (status) return status;
  if (length > 8)
    return push_new(
        m, (cream_pickle_value){.kind = CREAM_PICKLE_BIG_INT, .text = {(const char *)bytes, length}});
  uint64_t value = length && bytes[length - 1] & 0x80 ? UINT64_MAX : 0;
  for (size_t i = length; i-- > 0;) value = value << 8 | bytes[i];
  return push_int(m, (int64_t)value);
}

static cream_status push_float(machine *m) {
  const unsigned char *bytes = NULL;
  cream_status status = take(m, 8, &bytes);
  if (status) return status;
  uint64_t bits = 0;
  for (int i = 0; i < 8; i++) bits = bits << 8 | bytes[i];
  cream_pickle_value value = {.kind = CREAM_PICKLE_FLOAT};
  memcpy(&value.number, &bits, sizeof bits);
  return push_new(m, value);
}

/* ---- the stack ------------------------------------------------------------------------------------ */

static cream_status need(const machine *m, uint32_t count) {
  if (m->depth < count) return fail(m, "it needs more values than are on the stack");
  for (uint32_t i = 0; i < count; i++)
    if (m->stack[m->depth - 1 - i] == MARK_VALUE) return fail(m, "it needs values, got a mark");
  return CREAM_OK;
}

static cream_pickle_ref pop(machine *m) {
  return m->stack[--m->depth];
}

/* *first: the index of the first value above the last mark. */
static cream_status find_mark(const machine *m, uint32_t *first) {
  uint32_t i = m->depth;
  while (i > 0 && m->stack[i - 1] != MARK_VALUE) i--;
  *first = i;
  return i ? CREAM_OK : fail(m, "there is no mark on the stack");
}

/* Replaces the stack's values from `first` on, and their mark if `marked`, by a container of them. */
static cream_status gather(machine *m, cream_pickle_kind kind, uint32_t first, bool marked) {
  cream_pickle_ref ref;
  if (kind == CREAM_PICKLE_DICT && (m->depth - first) % 2) return fail(m, "a key without a value");
  cream_status status = make(m, (cream_pickle_value){.kind = kind}, &ref);
  for (uint32_t i = first; i < m->depth && !status; i++) status = append(m, ref, m->stack[i]);
  m->depth = marked ? first - 1 : first;
  return status ? status : push(m, ref);
}

static cream_status gather_marked(machine *m, cream_pickle_kind kind) {
  uint32_t first;
  cream_status status = find_mark(m, &first);
  return status ? status : gather(m, kind, first, true);
}

static cream_status gather_last(machine *m, uint32_t count) {
  cream_status status = need(m, count);
  return status ? status : gather(m, CREAM_PICKLE_TUPLE, m->depth - count, false);
}

/* Moves the values from `first` on into the container below them, or below their mark if `marked`. */
static cream_status extend(machine *m, cream_pickle_kind kind, uint32_t first, bool marked) {
  uint32_t below = marked ? 2 : 1;
  if (first < below || m->stack[first - below] == MARK_VALUE)
    return fail(m, "there is no container on the stack to add to");
  cream_pickle_ref container = m->stack[first - below];
  cream_pickle_value *value = &m->pickle->values[container];
  if (value->kind == CREAM_PICKLE_OBJECT && (kind == CREAM_PICKLE_LIST || first == m->depth)) {
    m->depth = first - below + 1; /* drops the items of an unknown list */
    return CREAM_OK;
  }
  if (value->kind == CREAM_PICKLE_OBJECT)
    *value = (cream_pickle_value){.kind = CREAM_PICKLE_DICT, .at = value->at};
  if (value->kind != kind)
    return fail(m, kind == CREAM_PICKLE_LIST ? "it needs a list to add to" : "it needs a dict to add to");
  if (kind == CREAM_PICKLE_DICT && (m->depth - first) % 2) return fail(m, "a key without a value");
  cream_status status = CREAM_OK;
  for (uint32_t i = first; i < m->depth && !status; i++) status = append(m, container, m->stack[i]);
  m->depth = first - below + 1;
  return status;
}

static cream_status extend_marked(machine *m, cream_pickle_kind kind) {
  uint32_t first;
  cream_status status = find_mark(m, &first);
  return status ? status : extend(m, kind, first, true);
}

static cream_status extend_last(machine *m, cream_pickle_kind kind, uint32_t count) {
  cream_status status = need(m, count);
  return status ? status : extend(m, kind, m->depth - count, false);
}

static cream_status pop_mark(machine *m) {
  uint32_t first;
  cream_status status = find_mark(m, &first);
  if (!status) m->depth = first - 1;
  return status;
}

/* ---- the memo ------------------------------------------------------------------------------------- */

static cream_status memo_put(machine *m, uint64_t index) {
  cream_status status = need(m, 1);
  if (status) return status;
  if (index > UINT32_MAX - 1) index = UINT32_MAX - 1;
  /* Writers number the memo from 0 or 1; gaps come from optimisers that remove unused puts. */
  if (index > m->at) return fail(m, "its memo index is larger than the number of bytes before it");
  status = grow(m, (void **)&m->memo, &m->memo_room, (uint32_t)index, CREAM_PICKLE_MAX_MEMO, sizeof *m->memo,
                "entries in the memo");
  if (status) return status;
  m->memo[index] = m->stack[m->depth - 1] + 1;
  m->n_memo++;
  return CREAM_OK;
}

static cream_status memo_get(machine *m, uint64_t index) {
  if (index >= m->memo_room || !m->memo[index]) return fail(m, "its memo index was not set");
  return push(m, m->memo[index] - 1);
}

static cream_status put_numbered(machine *m, int width) {
  uint64_t index;
  cream_status status = take_number(m, width, &index);
  return status ? status : memo_put(m, index);
}

static cream_status get_numbered(machine *m, int width) {
  uint64_t index;
  cream_status status = take_number(m, width, &index);
  return status ? status : memo_get(m, index);
}

/* ---- globals and calls ----------------------------------------------------------------------------- */

/* Makes bytes printable for a message: blanks, control characters and non-ASCII become question marks. */
static const char *shown(const char *bytes, size_t length, char text[64]) {
  size_t n = length < 63 ? length : 63;
  for (size_t i = 0; i < n; i++) text[i] = bytes[i] > ' ' && bytes[i] < 0x7f ? bytes[i] : '?';
  text[n] = 0;
  return text;
}

static cream_status push_object(machine *m, const char *module, size_t module_length, const char *name,
                                size_t name_length) {
  cream_pickle_ref text[2], object;
  cream_status status =
      make(m, (cream_pickle_value){.kind = CREAM_PICKLE_TEXT, .text = {module, module_length}}, &text[0]);
  if (!status)
    status = make(m, (cream_pickle_value){.kind = CREAM_PICKLE_TEXT, .text = {name, name_length}}, &text[1]);
  if (!status) status = make(m, (cream_pickle_value){.kind = CREAM_PICKLE_OBJECT}, &object);
  for (int i = 0; i < 2 && !status; i++) status = append(m, object, text[i]);
  return status ? status : push(m, object);
}

/* Whether a name of the caller's list, or its "*", is this name. */
static bool listed(const char *listed_name, const char *name, size_t length) {
  return strcmp(listed_name, "*") == 0 || cream_pickle_equal(listed_name, name, length);
}

static cream_status push_global(machine *m, const char *module, size_t module_length, const char *name,
                                size_t name_length) {
  uint32_t g = 0;
  while (m->globals[g].module && !(listed(m->globals[g].module, module, module_length) &&
                                   listed(m->globals[g].name, name, name_length)))
    g++;
  if (m->globals[g].module && m->globals[g].use == CREAM_PICKLE_SKIPPED)
    return push_object(m, module, module_length, name, name_length);
  if (m->globals[g].module && m->globals[g].use != CREAM_PICKLE_REFUSED)
    return push_new(m, (cream_pickle_value){.kind = CREAM_PICKLE_NAME, .items = {.global = g}});
  char text[280], module_text[64], name_text[64];
  snprintf(
      text, sizeof text,
      "it names `%s.%s`, expected only tensors and containers; nothing was run; do not load this file in "
      "PyTorch, which would run it",
      shown(module, module_length, module_text), shown(name, name_length, name_text));
  return fail(m, text);
}

static cream_status global_lines(machine *m) {
  const char *module = NULL, *name = NULL;
  size_t module_length = 0, name_length = 0;
  cream_status status = take_line(m, &module, &module_length);
  if (!status) status = take_line(m, &name, &name_length);
  return status ? status : push_global(m, module, module_length, name, name_length);
}

static cream_status global_stacked(machine *m) {
  cream_status status = need(m, 2);
  if (status) return status;
  const cream_pickle_value *name = &m->pickle->values[pop(m)], *module = &m->pickle->values[pop(m)];
  if (name->kind != CREAM_PICKLE_TEXT || module->kind != CREAM_PICKLE_TEXT)
    return fail(m, "the name of a global is not text");
  return push_global(m, module->text.bytes, module->text.length, name->text.bytes, name->text.length);
}

static bool is_pair(const cream_pickle_value *value) {
  return (value->kind == CREAM_PICKLE_LIST || value->kind == CREAM_PICKLE_TUPLE) && value->items.count == 2;
}

/* Pushes the container that a call makes: empty, or with the pairs of its only argument (Python 2's OrderedDict). */
static cream_status push_container(machine *m, const cream_pickle_value *args) {
  cream_pickle *p = m->pickle;
  uint32_t walk = 0;
  if (args->items.count == 1) {
    const cream_pickle_value *list = cream_pickle_item(p, args, 0);
    if (list->kind == CREAM_PICKLE_LIST) walk = list->items.first;
  }
  cream_pickle_ref ref;
  cream_status status = make(m, (cream_pickle_value){.kind = CREAM_PICKLE_DICT}, &ref);
  while (walk && !status) {
    const cream_pickle_value *pair = cream_pickle_at(p, cream_pickle_next(p, &walk));
    if (!is_pair(pair)) break;
    uint32_t inner = pair->items.first;
    status = append(m, ref, cream_pickle_next(p, &inner));
    if (!status) status = append(m, ref, cream_pickle_next(p, &inner));
  }
  return status ? status : push(m, ref);
}

static cream_status call(machine *m) {
  cream_status status = need(m, 2);
  if (status) return status;
  cream_pickle_ref arguments = pop(m), function = pop(m);
  const cream_pickle_value *args = &m->pickle->values[arguments], *name = &m->pickle->values[function];
  if (name->kind != CREAM_PICKLE_NAME && name->kind != CREAM_PICKLE_OBJECT)
    return fail(m, "it calls a value that is not a global");
  if (args->kind != CREAM_PICKLE_TUPLE) return fail(m, "the arguments of its call are not a tuple");
  if (name->kind == CREAM_PICKLE_OBJECT) return push_new(m, *name);
  const cream_pickle_global *global = &m->globals[name->items.global];
  if (global->use == CREAM_PICKLE_NAMED) {
    char text[160];
    snprintf(text, sizeof text, "it calls `%s.%s`, which may only be named; nothing was run", global->module,
             global->name);
    return fail(m, text);
  }
  if (global->use == CREAM_PICKLE_HOLDS) return push_container(m, args);
  cream_pickle_value made = {.kind = CREAM_PICKLE_CALL, .items = args->items};
  made.items.global = name->items.global;
  return push_new(m, made);
}

/* The same with a dict of named arguments, which are dropped. */
static cream_status call_named(machine *m) {
  cream_status status = need(m, 3);
  if (status) return status;
  pop(m);
  return call(m);
}

/* Drops the state of an object. */
static cream_status build(machine *m) {
  cream_status status = need(m, 2);
  if (status) return status;
  pop(m);
  return CREAM_OK;
}

static cream_status persistent(machine *m) {
  cream_status status = need(m, 1);
  if (status) return status;
  cream_pickle_ref id = pop(m), ref;
  status = make(m, (cream_pickle_value){.kind = CREAM_PICKLE_PERSISTENT}, &ref);
  if (!status) status = append(m, ref, id);
  return status ? status : push(m, ref);
}

/* ---- opcodes -------------------------------------------------------------------------------------- */

static cream_status protocol(machine *m) {
  uint64_t version;
  cream_status status = take_number(m, 1, &version);
  if (!status && (version < 2 || version > 5)) return fail(m, "unsupported protocol, expected 2, 3, 4 or 5");
  return status;
}

/* Frames only group the opcodes for buffered reading. */
static cream_status frame(machine *m) {
  uint64_t length;
  cream_status status = take_number(m, 8, &length);
  if (!status && length > m->size - m->at)
    return fail(m, "its frame ends after the data; the file may be truncated");
  return status;
}

/* A little-endian number of `width` bytes; of 4 bytes it is signed. */
static cream_status push_number(machine *m, int width) {
  uint64_t number;
  cream_status status = take_number(m, width, &number);
  return status ? status : push_int(m, width == 4 ? (int64_t)(int32_t)number : (int64_t)number);
}

static cream_status pop_any(machine *m) {
  if (!m->depth) return fail(m, "the stack is empty");
  pop(m);
  return CREAM_OK;
}

static cream_status duplicate(machine *m) {
  cream_status status = need(m, 1);
  return status ? status : push(m, m->stack[m->depth - 1]);
}

/* The opcodes X(name in pickletools, byte, action), except STOP. All others are refused. */
#define OPCODES(X)                                                                                           \
  X(PROTO, 0x80, protocol(m))                                                                                \
  X(FRAME, 0x95, frame(m))                                                                                   \
  X(NONE, 'N', push(m, NONE_VALUE))                                                                          \
  X(NEWTRUE, 0x88, push(m, TRUE_VALUE))                                                                      \
  X(NEWFALSE, 0x89, push(m, FALSE_VALUE))                                                                    \
  X(BININT1, 'K', push_number(m, 1))                                                                         \
  X(BININT2, 'M', push_number(m, 2))                                                                         \
  X(BININT, 'J', push_number(m, 4))                                                                          \
  X(LONG1, 0x8a, push_long(m, 1))                                                                            \
  X(LONG4, 0x8b, push_long(m, 4))                                                                            \
  X(BINFLOAT, 'G', push_float(m))                                                                            \
  X(SHORT_BINSTRING, 'U', push_text(m, 1, CREAM_PICKLE_TEXT))                                                \
  X(BINSTRING, 'T', push_text(m, 4, CREAM_PICKLE_TEXT))                                                      \
  X(SHORT_BINUNICODE, 0x8c, push_text(m, 1, CREAM_PICKLE_TEXT))                                              \
  X(BINUNICODE, 'X', push_text(m, 4, CREAM_PICKLE_TEXT))                                                     \
  X(BINUNICODE8, 0x8d, push_text(m, 8, CREAM_PICKLE_TEXT))                                                   \
  X(SHORT_BINBYTES, 'C', push_text(m, 1, CREAM_PICKLE_BYTES))                                                \
  X(BINBYTES, 'B', push_text(m, 4, CREAM_PICKLE_BYTES))                                                      \
  X(BINBYTES8, 0x8e, push_text(m, 8, CREAM_PICKLE_BYTES))                                                    \
  X(BYTEARRAY8, 0x96, push_text(m, 8, CREAM_PICKLE_BYTES))                                                   \
  X(MARK, '(', push(m, MARK_VALUE))                                                                          \
  X(POP, '0', pop_any(m))                                                                                    \
  X(POP_MARK, '1', pop_mark(m))                                                                              \
  X(DUP, '2', duplicate(m))                                                                                  \
  X(EMPTY_TUPLE, ')', push(m, EMPTY_TUPLE_VALUE))                                                            \
  X(TUPLE, 't', gather_marked(m, CREAM_PICKLE_TUPLE))                                                        \
  X(TUPLE1, 0x85, gather_last(m, 1))                                                                         \
  X(TUPLE2, 0x86, gather_last(m, 2))                                                                         \
  X(TUPLE3, 0x87, gather_last(m, 3))                                                                         \
  X(EMPTY_SET, 0x8f, push_new(m, (cream_pickle_value){.kind = CREAM_PICKLE_LIST}))                           \
  X(ADDITEMS, 0x90, extend_marked(m, CREAM_PICKLE_LIST))                                                     \
  X(FROZENSET, 0x91, gather_marked(m, CREAM_PICKLE_TUPLE))                                                   \
  X(EMPTY_LIST, ']', push_new(m, (cream_pickle_value){.kind = CREAM_PICKLE_LIST}))                           \
  X(LIST, 'l', gather_marked(m, CREAM_PICKLE_LIST))                                                          \
  X(EMPTY_DICT, '}', push_new(m, (cream_pickle_value){.kind = CREAM_PICKLE_DICT}))                           \
  X(DICT, 'd', gather_marked(m, CREAM_PICKLE_DICT))                                                          \
  X(APPEND, 'a', extend_last(m, CREAM_PICKLE_LIST, 1))                                                       \
  X(APPENDS, 'e', extend_marked(m, CREAM_PICKLE_LIST))                                                       \
  X(SETITEM, 's', extend_last(m, CREAM_PICKLE_DICT, 2))                                                      \
  X(SETITEMS, 'u', extend_marked(m, CREAM_PICKLE_DICT))                                                      \
  X(BINPUT, 'q', put_numbered(m, 1))                                                                         \
  X(LONG_BINPUT, 'r', put_numbered(m, 4))                                                                    \
  X(MEMOIZE, 0x94, memo_put(m, m->n_memo))                                                                   \
  X(BINGET, 'h', get_numbered(m, 1))                                                                         \
  X(LONG_BINGET, 'j', get_numbered(m, 4))                                                                    \
  X(GLOBAL, 'c', global_lines(m))                                                                            \
  X(STACK_GLOBAL, 0x93, global_stacked(m))                                                                   \
  X(REDUCE, 'R', call(m))                                                                                    \
  X(NEWOBJ, 0x81, call(m))                                                                                   \
  X(NEWOBJ_EX, 0x92, call_named(m))                                                                          \
  X(BUILD, 'b', build(m))                                                                                    \
  X(BINPERSID, 'Q', persistent(m))

enum opcode {
#define OPCODE(name, byte, action) OPCODE_##name = (byte),
  OPCODES(OPCODE)
#undef OPCODE
      OPCODE_STOP = '.'
};

/* Runs one opcode. */
static cream_status run(machine *m, unsigned char opcode) {
  switch (opcode) {
#define RUN(name, byte, action)                                                                              \
  case OPCODE_##name:                                                                                        \
    return action;
    OPCODES(RUN)
#undef RUN
  }
  return fail(m, "it does not occur in checkpoints; save the file again with torch.save");
}

static cream_status run_all(machine *m) {
  cream_pickle_ref ref;
  static const cream_pickle_value constants[N_CONSTANTS] = {
      [NONE_VALUE] = {.kind = CREAM_PICKLE_NONE},
      [TRUE_VALUE] = {.kind = CREAM_PICKLE_BOOL, .integer = 1},
      [FALSE_VALUE] = {.kind = CREAM_PICKLE_BOOL},
      [MARK_VALUE] = {.kind = CREAM_PICKLE_MARK},
      [EMPTY_TUPLE_VALUE] = {.kind = CREAM_PICKLE_TUPLE},
  };
  cream_status status = CREAM_OK;
  for (int i = 0; i < N_CONSTANTS && !status; i++) status = make(m, constants[i], &ref);
  m->pickle->n_cells = 1;
  while (!status) {
    m->opcode = m->at;
    if (m->at == m->size)
      return cream_fail(m->err, CREAM_BAD_DATA,
                        "%.200s: byte %zu: the pickle does not end; the file may be truncated", m->name,
                        m->at);
    unsigned char opcode = m->data[m->at++];
    if (opcode == OPCODE_STOP) break;
    status = run(m, opcode);
  }
  if (!status) status = need(m, 1);
  if (!status) m->pickle->root = pop(m);
  return status;
}

cream_status cream_pickle_read(const char *name, const void *data, size_t size, size_t from,
                               const cream_pickle_global *globals, size_t *end, cream_pickle **out,
                               cream_error *err) {
  cream_pickle *pickle = calloc(1, sizeof *pickle);
  if (!pickle) return cream_fail_memory(err, sizeof *pickle, "a pickle");
  size_t most = size - from > CREAM_PICKLE_MAX_DATA ? from + CREAM_PICKLE_MAX_DATA : size;
  machine m = {
      .name = name, .data = data, .at = from, .size = most, .globals = globals, .pickle = pickle, .err = err};
  cream_status status = run_all(&m);
  free(m.stack);
  free(m.memo);
  if (status) {
    cream_pickle_free(pickle);
    return status;
  }
  *end = m.at;
  *out = pickle;
  return CREAM_OK;
}
