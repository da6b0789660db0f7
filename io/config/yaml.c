#include "yaml.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>
#include <yaml.h>

#include "io/base/file.h"
#include "io/base/words.h"

/* libyaml's time is quadratic in the nesting of brackets, in the anchors and in the directives. */
static const char costly[] = "[{&%";
enum { MAX_COSTLY = 4096 };

struct cream_yaml {
  yaml_document_t document;
  char name[200];
};

/* ---- loading ----------------------------------------------------------------------------------------- */

/* A long name is cut at its beginning: its end says more. */
static void copy_name(char *to, size_t size, const char *name) {
  size_t length = strlen(name);
  if (length < size)
    memcpy(to, name, length + 1);
  else
    snprintf(to, size, "...%s", name + length - (size - 4));
}

static bool indented_by_tab(const char *text, size_t size, size_t line) {
  size_t i = 0;
  for (; line > 0 && i < size; i++) line -= text[i] == '\n';
  while (i < size && text[i] == ' ') i++;
  return i < size && text[i] == '\t';
}

static cream_status fail_syntax(const yaml_parser_t *parser, const char *name, const char *text, size_t size,
                                cream_error *err) {
  if (parser->error == YAML_MEMORY_ERROR) return cream_fail_memory(err, size, "a YAML document");
  size_t line = parser->problem_mark.line;
  if (parser->error == YAML_READER_ERROR) {
    line = 0;
    for (size_t i = 0; i < parser->problem_offset && i < size; i++) line += text[i] == '\n';
  }
  const char *problem = parser->problem ? parser->problem : "unknown problem";
  const char *hint = indented_by_tab(text, size, line) ? " (a tab; indent with spaces)" : "";
  if (!name[0]) return cream_fail(err, CREAM_BAD_CONFIG, "not YAML: %s%s", problem, hint);
  return cream_fail(err, CREAM_BAD_CONFIG, "%s:%zu: not YAML: %s%s", name, line + 1, problem, hint);
}

/* Loads the next document of the stream; at the end of the stream it has no root. */
static cream_status load(yaml_parser_t *parser, yaml_document_t *document, const char *name, const char *text,
                         size_t size, cream_error *err) {
  if (yaml_parser_load(parser, document)) return CREAM_OK;
  *document = (yaml_document_t){0};
  return fail_syntax(parser, name, text, size, err);
}

cream_status cream_yaml_parse(const char *name, const char *text, size_t size, cream_yaml **out,
                              cream_error *err) {
  if (size > CREAM_YAML_MAX_BYTES)
    return cream_fail(err, CREAM_BAD_CONFIG, "%s: got %zu bytes, expected at most %d", name, size,
                      CREAM_YAML_MAX_BYTES);
  size_t count = 0;
  for (size_t i = 0; i < size; i++) count += text[i] && strchr(costly, text[i]);
  if (count > MAX_COSTLY)
    return cream_fail(err, CREAM_BAD_CONFIG, "%s: got %zu of the characters %s, expected at most %d", name,
                      count, costly, MAX_COSTLY);
  yaml_parser_t parser;
  yaml_document_t second = {0};
  cream_yaml *yaml = calloc(1, sizeof *yaml);
  if (!yaml || !yaml_parser_initialize(&parser)) {
    free(yaml);
    return cream_fail_memory(err, size, "a YAML document");
  }
  copy_name(yaml->name, sizeof yaml->name, name);
  yaml_parser_set_input_string(&parser, (const unsigned char *)text, size);
  cream_status status = load(&parser, &yaml->document, yaml->name, text, size, err);
  if (!status && yaml_document_get_root_node(&yaml->document)) {
    status = load(&parser, &second, yaml->name, text, size, err);
    const yaml_node_t *root = yaml_document_get_root_node(&second);
    if (root)
      status = cream_fail(err, CREAM_BAD_CONFIG, "%s:%zu: got a second document, expected one", yaml->name,
                          root->start_mark.line + 1);
    yaml_document_delete(&second);
  }
  yaml_parser_delete(&parser);
  if (status)
    cream_yaml_free(yaml);
  else
    *out = yaml;
  return status;
}

cream_status cream_yaml_read(const char *path, cream_yaml **out, cream_error *err) {
  char *text;
  size_t size;
  cream_status status = cream_file_read(path, CREAM_YAML_MAX_BYTES, &text, &size, err);
  if (status) return status;
  status = cream_yaml_parse(path, text, size, out, err);
  free(text);
  return status;
}

void cream_yaml_free(cream_yaml *yaml) {
  if (!yaml) return;
  yaml_document_delete(&yaml->document);
  free(yaml);
}

const char *cream_yaml_name(const cream_yaml *yaml) {
  return yaml->name;
}

/* ---- values ------------------------------------------------------------------------------------------ */

static yaml_node_t *node_at(const cream_yaml *yaml, int node) {
  return yaml_document_get_node((yaml_document_t *)&yaml->document, node);
}

static yaml_node_t *node_of(const cream_yaml_value *value) {
  return value->node ? node_at(value->yaml, value->node) : NULL;
}

cream_yaml_value cream_yaml_root(const cream_yaml *yaml) {
  cream_yaml_value root = {.yaml = yaml, .line = 1};
  const yaml_node_t *node = node_at(yaml, 1);
  if (!node) return root;
  bool empty = node->type == YAML_SCALAR_NODE && node->data.scalar.length == 0 &&
               node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
  root.line = (int)node->start_mark.line + 1;
  root.node = empty ? 0 : 1;
  return root;
}

cream_yaml_kind cream_yaml_kind_of(const cream_yaml_value *value) {
  const yaml_node_t *node = node_of(value);
  if (!node) return CREAM_YAML_ABSENT;
  if (node->type == YAML_SEQUENCE_NODE) return CREAM_YAML_LIST;
  return node->type == YAML_MAPPING_NODE ? CREAM_YAML_MAP : CREAM_YAML_TEXT;
}

int cream_yaml_count(const cream_yaml_value *value) {
  const yaml_node_t *node = node_of(value);
  if (!node) return 0;
  if (node->type == YAML_SEQUENCE_NODE)
    return (int)(node->data.sequence.items.top - node->data.sequence.items.start);
  if (node->type == YAML_MAPPING_NODE)
    return (int)(node->data.mapping.pairs.top - node->data.mapping.pairs.start);
  return 0;
}

/* Sets the key to that of `whole`, the separator and `part`, cut to its size. */
static void extend_key(cream_yaml_value *value, const cream_yaml_value *whole, const char *separator,
                       const char *part) {
  const char *pieces[] = {whole->key, whole->key[0] ? separator : "", part};
  size_t length = 0;
  for (int i = 0; i < 3; i++)
    for (const char *c = pieces[i]; *c && length + 1 < sizeof value->key; c++) value->key[length++] = *c;
  value->key[length] = '\0';
}

cream_yaml_value cream_yaml_item(const cream_yaml_value *list, int i) {
  CREAM_ASSERT(cream_yaml_kind_of(list) == CREAM_YAML_LIST && i < cream_yaml_count(list));
  cream_yaml_value item = {.yaml = list->yaml, .node = node_of(list)->data.sequence.items.start[i]};
  item.line = (int)node_of(&item)->start_mark.line + 1;
  char index[16];
  snprintf(index, sizeof index, "[%d]", i);
  extend_key(&item, list, "", index);
  return item;
}

/* Whether text can be printed and read again unchanged: it has no C0, DEL, C1, line or paragraph separator, byte order
 * mark, U+FFFE or U+FFFF. The text is valid UTF-8. */
static bool printable(const unsigned char *s) {
  for (; *s; s++) {
    if (*s < 0x20 || *s == 0x7f) return false;
    if (*s == 0xc2 && s[1] < 0xa0) return false;
    if (*s == 0xe2 && s[1] == 0x80 && (s[2] == 0xa8 || s[2] == 0xa9)) return false;
    if (*s == 0xef && ((s[1] == 0xbb && s[2] == 0xbf) || (s[1] == 0xbf && s[2] >= 0xbe))) return false;
  }
  return true;
}

static const char *node_text(const yaml_node_t *node) {
  if (!node || node->type != YAML_SCALAR_NODE) return NULL;
  const unsigned char *text = node->data.scalar.value;
  if (strlen((const char *)text) != node->data.scalar.length || !printable(text)) return NULL;
  return (const char *)text;
}

const char *cream_yaml_text(const cream_yaml_value *value) {
  return node_text(node_of(value));
}

cream_yaml_value cream_yaml_pair(const cream_yaml_value *map, int i, const char **key) {
  CREAM_ASSERT(cream_yaml_kind_of(map) == CREAM_YAML_MAP && i < cream_yaml_count(map));
  yaml_node_pair_t pair = node_of(map)->data.mapping.pairs.start[i];
  const yaml_node_t *key_node = node_at(map->yaml, pair.key);
  cream_yaml_value value = {
      .yaml = map->yaml, .node = pair.value, .line = (int)key_node->start_mark.line + 1};
  *key = node_text(key_node);
  extend_key(&value, map, ".", *key ? *key : "?");
  return value;
}

cream_yaml_value cream_yaml_find(const cream_yaml_value *map, const char *key) {
  const char *other;
  for (int i = 0; i < cream_yaml_count(map); i++) {
    cream_yaml_value value = cream_yaml_pair(map, i, &other);
    if (other && strcmp(key, other) == 0) return value;
  }
  cream_yaml_value absent = {.yaml = map->yaml, .line = map->line};
  extend_key(&absent, map, ".", key);
  return absent;
}

/* ---- errors ------------------------------------------------------------------------------------------ */

/* Copies the beginning of a text as one line, cut between characters. */
static void shorten(char *to, size_t size, const char *text, size_t length) {
  size_t n = 0;
  for (; n < length && n + 4 < size; n++) to[n] = (unsigned char)text[n] < 0x20 ? '?' : text[n];
  if (n < length) {
    while (n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80) n--;
    memcpy(to + n, "...", 3);
    n += 3;
  }
  to[n] = '\0';
}

cream_status cream_yaml_fail(const cream_yaml_value *value, cream_error *err, const char *format, ...) {
  char text[400], place[240] = "", key[100], where[120] = "";
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  if (value->yaml->name[0]) snprintf(place, sizeof place, "%s:%d: ", value->yaml->name, value->line);
  shorten(key, sizeof key, value->key, strlen(value->key));
  if (key[0]) snprintf(where, sizeof where, "key `%s`: ", key);
  return cream_fail(err, CREAM_BAD_CONFIG, "%s%s%s", place, where, text);
}

cream_status cream_yaml_unexpected(const cream_yaml_value *value, const char *expected, const char *nearest,
                                   cream_error *err) {
  char got[64], hint[64] = "";
  const yaml_node_t *node = node_of(value);
  if (nearest) snprintf(hint, sizeof hint, " (did you mean `%s`?)", nearest);
  if (!node) return cream_yaml_fail(value, err, "missing, expected %s", expected);
  if (node->type != YAML_SCALAR_NODE)
    return cream_yaml_fail(value, err, "got %s, expected %s",
                           node->type == YAML_SEQUENCE_NODE ? "a list" : "a map", expected);
  shorten(got, sizeof got, (const char *)node->data.scalar.value, node->data.scalar.length);
  return cream_yaml_fail(value, err, "got `%s`, expected %s%s", got, expected, hint);
}

#define KINDS(X)                                                                                             \
  X(CREAM_YAML_ABSENT, "nothing")                                                                            \
  X(CREAM_YAML_TEXT, "one value") X(CREAM_YAML_LIST, "a list") X(CREAM_YAML_MAP, "a map of keys and values")
static CREAM_WORDS(kind_words, CREAM_YAML_KIND_COUNT, KINDS);

cream_status cream_yaml_expect(const cream_yaml_value *value, cream_yaml_kind kind, cream_error *err) {
  if (cream_yaml_kind_of(value) == kind) return CREAM_OK;
  return cream_yaml_unexpected(value, kind_words[kind], NULL, err);
}

cream_status cream_yaml_check_key(const cream_yaml_value *map, int i, cream_error *err) {
  const char *key, *other;
  cream_yaml_value value = cream_yaml_pair(map, i, &key);
  if (!key) return cream_yaml_fail(&value, err, "got a key that is not plain text, expected plain text");
  for (int j = 0; j < i; j++) {
    cream_yaml_value earlier = cream_yaml_pair(map, j, &other);
    if (other && strcmp(key, other) == 0)
      return cream_yaml_fail(&value, err, "given twice, first on line %d", earlier.line);
  }
  return CREAM_OK;
}

/* ---- printing -------------------------------------------------------------------------------------------- */

void cream_yaml_print_text(const char *text, FILE *file) {
  size_t plain = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-");
  if ((isalnum((unsigned char)text[0]) || text[0] == '/') && !text[plain]) {
    fputs(text, file);
    return;
  }
  fputc('\'', file);
  for (; *text; text++) {
    if (*text == '\'') fputc('\'', file);
    fputc(*text, file);
  }
  fputc('\'', file);
}

/* ---- nearest word ------------------------------------------------------------------------------------ */

enum { MAX_WORD = 63 };

/* Levenshtein distance; MAX_WORD for words that are longer than that. */
static int edit_distance(const char *a, const char *b) {
  int row[MAX_WORD + 1];
  size_t n = strlen(a), m = strlen(b);
  if (n > MAX_WORD || m > MAX_WORD) return MAX_WORD;
  for (size_t j = 0; j <= m; j++) row[j] = (int)j;
  for (size_t i = 1; i <= n; i++) {
    int diagonal = row[0];
    row[0] = (int)i;
    for (size_t j = 1; j <= m; j++) {
      int best = diagonal + (a[i - 1] != b[j - 1]);
      if (row[j] + 1 < best) best = row[j] + 1;
      if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
      diagonal = row[j];
      row[j] = best;
    }
  }
  return row[m];
}

cream_nearest cream_nearest_to(const char *word) {
  int length = (int)strlen(word);
  return (cream_nearest){.word = word, .distance = (length < 6 ? 2 : length / 3) + 1};
}

void cream_nearest_offer(cream_nearest *nearest, const char *candidate) {
  size_t n = strlen(nearest->word), m = strlen(candidate);
  int distance = edit_distance(nearest->word, candidate);
  bool tail = n > 0 && m > n && candidate[m - n - 1] == '.' && strcmp(candidate + m - n, nearest->word) == 0;
  bool front = n > 0 && m > n && candidate[n] == '.' && strncmp(candidate, nearest->word, n) == 0;
  if (tail || front) distance = 1;
  if (distance >= nearest->distance || distance >= (int)n + (n == 0)) return;
  nearest->distance = distance;
  nearest->best = candidate;
}
