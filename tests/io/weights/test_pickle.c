#include "tests/io/scratch.h"

#include "io/weights/pickle.h"

static const cream_pickle_global globals[] = {
    {"own", "call", CREAM_PICKLE_CALLED}, {"own", "name", CREAM_PICKLE_NAMED},
    {"own", "box", CREAM_PICKLE_HOLDS},   {"any", "bad", CREAM_PICKLE_REFUSED},
    {"any", "*", CREAM_PICKLE_SKIPPED},   {NULL, NULL, CREAM_PICKLE_NAMED}};

static cream_status read_bytes(const char *bytes, size_t size, cream_pickle **pickle, cream_error *err) {
  size_t end = 0;
  *pickle = NULL;
  cream_status status = cream_pickle_read("x", bytes, size, 0, globals, &end, pickle, err);
  if (status) assert_null(*pickle);
  assert_true(status || end <= size);
  return status;
}

/* Reads a pickle from a literal; returns its root. */
#define READ(literal, pickle) read_good(literal, sizeof literal - 1, pickle)
static const cream_pickle_value *read_good(const char *bytes, size_t size, cream_pickle **pickle) {
  cream_error err;
  if (read_bytes(bytes, size, pickle, &err)) fail_msg("%s", err.text);
  return cream_pickle_at(*pickle, cream_pickle_root(*pickle));
}

#define REFUSE(literal, part) refuse(literal, sizeof literal - 1, part)
static void refuse(const char *bytes, size_t size, const char *part) {
  cream_pickle *pickle;
  cream_error error;
  assert_fails(read_bytes(bytes, size, &pickle, &error), CREAM_BAD_DATA, error, part);
}

static void scalars(void **state) {
  (void)state;
  cream_pickle *p;
  const struct {
    const char *bytes;
    size_t size;
    cream_pickle_kind kind;
    int64_t integer;
  } cases[] = {
#define CASE(literal, kind, value) {literal, sizeof literal - 1, kind, value}
      CASE("\x80\x02K\xff.", CREAM_PICKLE_INT, 255),
      CASE("M\x01\x02.", CREAM_PICKLE_INT, 513),
      CASE("J\xfe\xff\xff\xff.", CREAM_PICKLE_INT, -2),
      CASE("\x8a\x00.", CREAM_PICKLE_INT, 0),
      CASE("\x8a\x02\x00\x80.", CREAM_PICKLE_INT, -32768),
      CASE("\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f.", CREAM_PICKLE_INT, INT64_MAX),
      CASE("\x8b\x02\x00\x00\x00\xff\x00.", CREAM_PICKLE_INT, 255),
      CASE("\x88.", CREAM_PICKLE_BOOL, 1),
      CASE("\x89.", CREAM_PICKLE_BOOL, 0),
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const cream_pickle_value *value = read_good(cases[i].bytes, cases[i].size, &p);
    assert_int_equal(value->kind, cases[i].kind);
    assert_true(value->integer == cases[i].integer);
    cream_pickle_free(p);
  }
  assert_int_equal(READ("N.", &p)->kind, CREAM_PICKLE_NONE);
  cream_pickle_free(p);
  const cream_pickle_value *value = READ("G\x40\x51\xd0\x00\x00\x00\x00\x00.", &p);
  assert_true(value->kind == CREAM_PICKLE_FLOAT && value->number == 71.25);
  cream_pickle_free(p);
  value = READ("\x8a\x09\x01\x02\x03\x04\x05\x06\x07\x08\x09.", &p);
  assert_int_equal(value->kind, CREAM_PICKLE_BIG_INT);
  assert_int_equal(value->text.length, 9);
  cream_pickle_free(p);
  static const char *const words[] = {"X\x03\0\0\0abc.",
                                      "\x8c\x03"
                                      "abc.",
                                      "U\x03"
                                      "abc.",
                                      "T\x03\0\0\0abc.", "\x8d\x03\0\0\0\0\0\0\0abc."};
  static const size_t sizes[] = {9, 6, 6, 9, 13};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    value = read_good(words[i], sizes[i], &p);
    assert_int_equal(value->kind, CREAM_PICKLE_TEXT);
    assert_true(cream_pickle_is(value, "abc") && !cream_pickle_is(value, "ab"));
    cream_pickle_free(p);
  }
}

static void containers(void **state) {
  (void)state;
  cream_pickle *p;
  const cream_pickle_value *value = READ("(K\x01K\x02K\x03t.", &p);
  assert_int_equal(value->kind, CREAM_PICKLE_TUPLE);
  assert_int_equal(value->items.count, 3);
  assert_true(cream_pickle_item(p, value, 2)->integer == 3);
  uint32_t walk = value->items.first;
  int64_t sum = 0;
  while (walk) sum = 10 * sum + cream_pickle_at(p, cream_pickle_next(p, &walk))->integer;
  assert_true(sum == 123);
  cream_pickle_free(p);

  value = READ("K\x01K\x02K\x03\x87.", &p);
  assert_true(value->items.count == 3 && cream_pickle_item(p, value, 0)->integer == 1);
  cream_pickle_free(p);
  value = READ("](K\x01K\x02"
               "eK\x03"
               "a.",
               &p);
  assert_int_equal(value->kind, CREAM_PICKLE_LIST);
  assert_true(value->items.count == 3 && cream_pickle_item(p, value, 2)->integer == 3);
  cream_pickle_free(p);

  /* The last of equal keys counts; a key that is not text is skipped. */
  value = READ("}(K\x01K\x09X\x01\0\0\0aK\x02uX\x01\0\0\0aK\x03s.", &p);
  assert_int_equal(value->kind, CREAM_PICKLE_DICT);
  assert_int_equal(value->items.count, 6);
  assert_true(cream_pickle_find(p, value, "a")->integer == 3);
  assert_null(cream_pickle_find(p, value, "b"));
  cream_pickle_free(p);
}

static void calls(void **state) {
  (void)state;
  cream_pickle *p;
  const cream_pickle_value *value;
  /* A call becomes a value; a container is empty and can be filled; state is dropped. */
  value = READ("cown\ncall\n(K\x05"
               "cown\nname\ntR.",
               &p);
  assert_int_equal(value->kind, CREAM_PICKLE_CALL);
  assert_int_equal(value->items.global, 0);
  assert_true(cream_pickle_item(p, value, 0)->integer == 5);
  assert_int_equal(cream_pickle_item(p, value, 1)->kind, CREAM_PICKLE_NAME);
  assert_int_equal(cream_pickle_item(p, value, 1)->items.global, 1);
  cream_pickle_free(p);
  value = READ("\x8c\x03own\x8c\x03"
               "box\x93)\x81}\x8c\x01kK\x01sb\x8c\x01kK\x02s.",
               &p);
  assert_int_equal(value->kind, CREAM_PICKLE_DICT);
  assert_int_equal(value->items.count, 2);
  assert_true(cream_pickle_find(p, value, "k")->integer == 2);
  cream_pickle_free(p);
  value = READ("cown\nbox\n](]\x8c\x01kaK\x05"
               "a\x8c\x01jK\x06\x86"
               "e\x85R.",
               &p);
  assert_int_equal(value->kind, CREAM_PICKLE_DICT);
  assert_true(cream_pickle_find(p, value, "k")->integer == 5);
  assert_true(cream_pickle_find(p, value, "j")->integer == 6);
  cream_pickle_free(p);
  value = READ("cown\nbox\n]K\x05"
               "a\x85R.",
               &p);
  assert_true(value->kind == CREAM_PICKLE_DICT && value->items.count == 0);
  cream_pickle_free(p);
  value = READ("K\x07Q.", &p);
  assert_int_equal(value->kind, CREAM_PICKLE_PERSISTENT);
  assert_true(cream_pickle_item(p, value, 0)->integer == 7);
  cream_pickle_free(p);
}

/* Objects of which only the class is known. */
static void objects(void **state) {
  (void)state;
  cream_pickle *p;
  const cream_pickle_value *value;
  static const struct {
    const char *bytes;
    size_t size;
  } cases[] = {
#define BYTES(literal) {literal, sizeof literal - 1}
      BYTES("cany\nthing\n."),   /* the class */
      BYTES("cany\nthing\n)R."), /* a call */
      BYTES("\x8c\x03"
            "any\x8c\x05"
            "thing\x93)\x81."),      /* another opcode */
      BYTES("cany\nthing\n)}\x92."), /* with named arguments */
      BYTES("cany\nthing\n)RK\x05"
            "b."),                 /* with a state */
      BYTES("cany\nthing\n)R)R."), /* a call of what it returned */
      BYTES("cany\nthing\n)R(K\x01K\x02"
            "e."),                              /* a list */
      BYTES("cany\nthing\n)R(K\x01K\x02\x90."), /* a set */
      BYTES("cany\nthing\n)R(u."),              /* an empty dict */
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    value = read_good(cases[i].bytes, cases[i].size, &p);
    assert_int_equal(value->kind, CREAM_PICKLE_OBJECT);
    assert_int_equal(value->items.count, 2);
    assert_true(cream_pickle_is(cream_pickle_item(p, value, 0), "any"));
    assert_true(cream_pickle_is(cream_pickle_item(p, value, 1), "thing"));
    cream_pickle_free(p);
  }
  /* One that is filled as a dict is a dict; the class and other objects of it stay. */
  value = READ("(cany\nthing\nq\x00)R}\x8c\x01kK\x01sh\x00)R\x8c\x01jK\x02sh\x00t.", &p);
  assert_int_equal(cream_pickle_item(p, value, 0)->kind, CREAM_PICKLE_OBJECT);
  assert_true(cream_pickle_find(p, cream_pickle_item(p, value, 2), "j")->integer == 2);
  assert_int_equal(cream_pickle_item(p, value, 3)->kind, CREAM_PICKLE_OBJECT);
  cream_pickle_free(p);
  REFUSE("cany\nbad\n.", "it names `any.bad`, expected only tensors and containers; nothing was run");
  REFUSE("cany\nthing\n]R.", "not a tuple");
  REFUSE("cany\nthing\n)\x92.", "more values than are on the stack");
  REFUSE("cany\nthing\n)R(K\x01u.", "a key without a value");
  /* Sets and byte arrays. */
  value = READ("\x8f(K\x01K\x02\x90.", &p);
  assert_true(value->kind == CREAM_PICKLE_LIST && value->items.count == 2);
  cream_pickle_free(p);
  value = READ("(K\x01\x91.", &p);
  assert_true(value->kind == CREAM_PICKLE_TUPLE && value->items.count == 1);
  cream_pickle_free(p);
  value = READ("\x96\x02\0\0\0\0\0\0\0ab.", &p);
  assert_true(value->kind == CREAM_PICKLE_BYTES && cream_pickle_is(value, "ab"));
  cream_pickle_free(p);
}

static void memo(void **state) {
  (void)state;
  cream_pickle *p;
  const cream_pickle_value *value = READ("(K\x01q\x00K\x02\x94h\x00h\x01t.", &p);
  assert_int_equal(value->items.count, 4);
  assert_true(cream_pickle_item(p, value, 2)->integer == 1);
  assert_true(cream_pickle_item(p, value, 3)->integer == 2);
  cream_pickle_free(p);
  /* A list that contains itself. */
  value = READ("]q\x00h\x00"
               "a.",
               &p);
  assert_int_equal(value->items.count, 1);
  assert_ptr_equal(cream_pickle_item(p, value, 0), value);
  cream_pickle_free(p);
  REFUSE("h\x00.", "memo index was not set");
  REFUSE("K\x01q\x00h\x01.", "memo index was not set");
  REFUSE("K\x01r\xff\xff\xff\xff.", "larger than the number of bytes before it");
  REFUSE("j\xff\xff\xff\xff.", "memo index was not set");
  REFUSE("q\x00.", "more values than are on the stack");
}

static void hostile(void **state) {
  (void)state;
  REFUSE("cos\nsystem\n(X\x02\0\0\0lstR.", "byte 0: opcode `c`: it names `os.system`");
  REFUSE("\x80\x04\x8c\x05posix\x8c\x06system\x93.", "`posix.system`");
  REFUSE("c__builtin__\neval\n.", "`__builtin__.eval`");
  REFUSE("cown\nname\n)R.", "`own.name`, which may only be named; nothing was run");
  REFUSE("cown\ncall\x01\n)R.", "`own.call?`");
  REFUSE("(iown\ncall\n.", "opcode `i`");  /* INST */
  REFUSE("(cown\ncall\no.", "opcode `o`"); /* OBJ */
  REFUSE("\x82\x01.", "opcode 0x82");      /* EXT1 */
  REFUSE("P1\n.", "opcode `P`");
  REFUSE("I1\n.", "opcode `I`");
  REFUSE("K\x01)R.", "it calls a value that is not a global");
  REFUSE("cown\ncall\n]R.", "the arguments of its call are not a tuple");
  REFUSE("\x80\x09N.", "protocol");
  REFUSE("\x80\x01N.", "protocol");
}

static void broken(void **state) {
  (void)state;
  REFUSE("", "byte 0: the pickle does not end");
  REFUSE("N", "byte 1: the pickle does not end");
  REFUSE(".", "more values than are on the stack");
  REFUSE("(.", "got a mark");
  REFUSE("K", "the file may be truncated");
  REFUSE("X\xff\xff\xff\xff"
         "abc",
         "needs 4294967295 bytes, got 3");
  REFUSE("\x8d\xff\xff\xff\xff\xff\xff\xff\xff"
         "abc",
         "needs 18446744073709551615 bytes");
  REFUSE("\x8b\xff\xff\xff\xff"
         "abc",
         "the file may be truncated");
  REFUSE("\x95\xff\xff\xff\xff\xff\xff\xff\x7f"
         "abc",
         "its frame ends after the data");
  REFUSE("cown", "its line does not end");
  REFUSE("t.", "there is no mark");
  REFUSE("K\x01"
         "a.",
         "no container on the stack to add to");
  REFUSE("K\x01K\x02"
         "a.",
         "needs a list to add to");
  REFUSE("K\x01K\x02K\x03s.", "needs a dict to add to");
  REFUSE("]K\x01K\x02s.", "needs a dict to add to");
  REFUSE("}(K\x01u.", "a key without a value");
  REFUSE("(K\x01"
         "d.",
         "a key without a value");
  REFUSE("((K\x01"
         "e.",
         "no container on the stack to add to");
  REFUSE("(K\x01"
         "a.",
         "no container on the stack to add to");
  REFUSE("0.", "the stack is empty");
  REFUSE("2.", "more values than are on the stack");
  REFUSE("(2.", "got a mark");
  REFUSE("Q.", "more values than are on the stack");
  REFUSE("K\x01K\x02\x93.", "the name of a global is not text");
}

/* Depth and doubling take no more memory than the bytes that describe them. */
static void bombs(void **state) {
  (void)state;
  enum { DEPTH = 1 << 20 };
  char *bytes = malloc(2 * DEPTH + 16);
  cream_pickle *p;
  assert_non_null(bytes);
  memset(bytes, ']', DEPTH); /* [[[[... */
  memset(bytes + DEPTH, 'a', DEPTH - 1);
  bytes[2 * DEPTH - 1] = '.';
  const cream_pickle_value *value = read_good(bytes, 2 * DEPTH, &p);
  assert_int_equal(value->items.count, 1);
  assert_int_equal(cream_pickle_count(p) > DEPTH, 1);
  cream_pickle_free(p);

  size_t at = 0; /* a = [], a = [a, a], a = [a, a] ... */
  bytes[at++] = ')';
  for (int i = 0; i < 100; i++) {
    bytes[at++] = '2';
    bytes[at++] = '\x86';
  }
  bytes[at++] = '.';
  value = read_good(bytes, at, &p);
  assert_int_equal(value->items.count, 2);
  assert_true(cream_pickle_count(p) < 200);
  cream_pickle_free(p);
  free(bytes);

  enum { MANY = CREAM_PICKLE_MAX_VALUES + 10 };
  bytes = malloc(MANY);
  assert_non_null(bytes);
  memset(bytes, ']', MANY);
  refuse(bytes, MANY, "more than 4194304 values");
  memset(bytes, 'N', MANY);
  refuse(bytes, MANY, "more than 4194304 values on the stack");
  free(bytes);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(scalars), cmocka_unit_test(containers), cmocka_unit_test(calls),
      cmocka_unit_test(objects), cmocka_unit_test(memo),       cmocka_unit_test(hostile),
      cmocka_unit_test(broken),  cmocka_unit_test(bombs),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
