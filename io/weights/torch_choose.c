#include "torch_choose.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "prefix.h"

enum { MOST_PLACES = 64, PATH_LENGTH = 200, NAMED = 6 };

/* A dict with tensors. */
typedef struct place {
  cream_pickle_ref dict;
  uint32_t tensors, dotted; /* tensors in it; those whose names have a dot */
  char path[PATH_LENGTH];   /* the keys to it, joined by dots; empty for the whole object */
} place;

typedef struct chooser {
  const char *file;
  const cream_pickle *p;
  const cream_torch_choice *choice;
  int count; /* dicts found; the first MOST_PLACES are in the list */
  place places[MOST_PLACES];
  cream_error *err;
} chooser;

/* ---- text for messages and paths ---------------------------------------------------------------------- */

static void put(char *text, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));
static void put(char *text, size_t size, const char *format, ...) {
  size_t used = strlen(text);
  va_list args;
  va_start(args, format);
  if (used < size) vsnprintf(text + used, size - used, format, args);
  va_end(args);
}

/* Appends a text of the file; characters that are not printable become question marks. */
static void put_shown(char *text, size_t size, const cream_pickle_value *value) {
  size_t used = strlen(text);
  for (size_t i = 0; i < value->text.length && i < 80 && used + 1 < size; i++) {
    char c = value->text.bytes[i];
    text[used++] = c >= ' ' && c <= '~' ? c : '?';
  }
  if (used < size) text[used] = 0;
}

/* Appends the class of an object: module.name. */
static void put_class(char *text, size_t size, const cream_pickle *p, const cream_pickle_value *object) {
  put_shown(text, size, cream_pickle_item(p, object, 0));
  put(text, size, ".");
  put_shown(text, size, cream_pickle_item(p, object, 1));
}

/* ---- the dicts of tensors ------------------------------------------------------------------------------ */

/* How the walk through the graph came to a value. */
typedef struct step {
  cream_pickle_ref from; /* the container; 0 (None) for the root and for values that were not reached */
  uint32_t key;          /* of a dict: the ref of the key; of a list: the index */
} step;

/* Writes the keys that lead to a value. */
static void write_path(const cream_pickle *p, const step *steps, cream_pickle_ref ref,
                       char path[PATH_LENGTH]) {
  enum { DEEPEST = 8 };
  cream_pickle_ref way[DEEPEST];
  int depth = 0;
  for (; ref != cream_pickle_root(p) && depth < DEEPEST; ref = steps[ref].from) way[depth++] = ref;
  path[0] = 0;
  if (ref != cream_pickle_root(p)) put(path, PATH_LENGTH, "...");
  while (depth-- > 0) {
    const step *s = &steps[way[depth]];
    const cream_pickle_value *key = cream_pickle_at(p, s->key);
    if (path[0]) put(path, PATH_LENGTH, ".");
    if (cream_pickle_at(p, s->from)->kind != CREAM_PICKLE_DICT)
      put(path, PATH_LENGTH, "%u", (unsigned)s->key);
    else if (key->kind == CREAM_PICKLE_TEXT)
      put_shown(path, PATH_LENGTH, key);
    else if (key->kind == CREAM_PICKLE_INT)
      put(path, PATH_LENGTH, "%jd", (intmax_t)key->integer);
    else
      put(path, PATH_LENGTH, "?");
  }
}

/* Counts the tensors of a dict and the names with dots. */
static void count_tensors(const cream_pickle *p, const cream_pickle_value *dict, place *found) {
  for (uint32_t walk = dict->items.first; walk;) {
    const cream_pickle_value *key = cream_pickle_at(p, cream_pickle_next(p, &walk));
    const cream_pickle_value *value = cream_pickle_at(p, cream_pickle_next(p, &walk));
    if (!torch_is_tensor(value) || key->kind != CREAM_PICKLE_TEXT) continue;
    found->tensors++;
    found->dotted += memchr(key->text.bytes, '.', key->text.length) != NULL;
  }
}

static bool is_container(const cream_pickle_value *value) {
  return value->kind == CREAM_PICKLE_DICT || value->kind == CREAM_PICKLE_LIST ||
         value->kind == CREAM_PICKLE_TUPLE;
}

/* Lists the dicts with tensors, nearest to the root first. Each container is visited once. */
static cream_status find_places(chooser *c) {
  const cream_pickle *p = c->p;
  uint32_t values = cream_pickle_count(p), head = 0, tail = 0;
  step *steps = calloc(values, sizeof *steps);
  cream_pickle_ref *queue = calloc(values, sizeof *queue), root = cream_pickle_root(p);
  if (!steps || !queue) {
    free(steps);
    free(queue);
    return cream_fail_memory(c->err, values * sizeof *steps, "the way to the tensors");
  }
  if (is_container(cream_pickle_at(p, root))) queue[tail++] = root;
  while (head < tail) {
    cream_pickle_ref ref = queue[head++];
    const cream_pickle_value *value = cream_pickle_at(p, ref);
    bool dict = value->kind == CREAM_PICKLE_DICT;
    place found = {.dict = ref};
    if (dict) count_tensors(p, value, &found);
    if (found.tensors && c->count < MOST_PLACES) {
      write_path(p, steps, ref, found.path);
      c->places[c->count] = found;
    }
    c->count += found.tensors > 0;
    uint32_t index = 0;
    for (uint32_t walk = value->items.first; walk; index++) {
      uint32_t key = dict ? cream_pickle_next(p, &walk) : index;
      cream_pickle_ref item = cream_pickle_next(p, &walk);
      if (!is_container(cream_pickle_at(p, item)) || steps[item].from || item == root) continue;
      steps[item] = (step){.from = ref, .key = key};
      queue[tail++] = item;
    }
  }
  free(steps);
  free(queue);
  if (c->count > MOST_PLACES) c->count = MOST_PLACES;
  return CREAM_OK;
}

/* ---- choosing among them --------------------------------------------------------------------------------- */

typedef bool (*place_test)(const chooser *, const place *);

/* Removes the places that fail a test, unless all of them do. */
static void prefer(chooser *c, place_test test) {
  int passed = 0, kept = 0;
  for (int i = 0; i < c->count; i++) passed += test(c, &c->places[i]);
  if (!passed) return;
  for (int i = 0; i < c->count; i++)
    if (test(c, &c->places[i])) c->places[kept++] = c->places[i];
  c->count = kept;
}

/* Whether one of the words of a path begins with one of these. Words are separated by anything but letters. */
static bool has_word(const char *path, const char *const *words) {
  for (const char *at = path; *at; at++) {
    if (!isalpha((unsigned char)*at) || (at > path && isalpha((unsigned char)at[-1]))) continue;
    for (const char *const *word = words; *word; word++)
      if (strncasecmp(at, *word, strlen(*word)) == 0) return true;
  }
  return false;
}

static bool is_averaged(const chooser *c, const place *at) {
  static const char *const words[] = {"ema", "averag", "shadow", "swa", "polyak", NULL};
  (void)c;
  return has_word(at->path, words);
}

static bool is_not_averaged(const chooser *c, const place *at) {
  return !is_averaged(c, at);
}

static bool is_dotted(const chooser *c, const place *at) {
  (void)c;
  return at->dotted > 0;
}

static bool is_not_training(const chooser *c, const place *at) {
  static const char *const words[] = {"optim", "sched", "lr",    "scaler", "rng",  "random",
                                      "grad",  "loss",  "metri", "callba", "loop", NULL};
  (void)c;
  return !has_word(at->path, words);
}

/* Whether the dict has all names of the network, with any prefix. */
static bool is_of_network(const chooser *c, const place *at) {
  char *text = NULL;
  size_t size = 0;
  FILE *stream = open_memstream(&text, &size);
  const char **names = calloc((size_t)at->tensors + 1, sizeof *names);
  cream_prefixes *found = calloc(1, sizeof *found);
  cream_naming naming;
  int count = 0;
  for (uint32_t walk = cream_pickle_at(c->p, at->dict)->items.first; walk && stream && names;) {
    const cream_pickle_value *key = cream_pickle_at(c->p, cream_pickle_next(c->p, &walk));
    const cream_pickle_value *value = cream_pickle_at(c->p, cream_pickle_next(c->p, &walk));
    if (!torch_is_tensor(value) || key->kind != CREAM_PICKLE_TEXT) continue;
    fwrite(key->text.bytes, 1, key->text.length, stream);
    fputc(0, stream);
    count++;
  }
  bool good = stream && !ferror(stream);
  if (stream) good = fclose(stream) == 0 && good;
  size_t length = 0;
  for (int i = 0; good && names && i < count && length < size; i++) {
    names[i] = text + length;
    length += strlen(text + length) + 1; /* a name with a 0 in it is no name of the network */
  }
  for (int i = 0; names && i < count; i++)
    if (!names[i]) names[i] = "";
  good = good && names && found &&
         !cream_prefixes_find_any(names, count, c->choice->net, c->choice->params, c->choice->n_params, found,
                                  &naming, NULL) &&
         found->count > 0;
  free(found);
  free(names);
  free(text);
  return good;
}

/* ---- messages -------------------------------------------------------------------------------------------- */

static cream_status fail_whole_object(const chooser *c, const cream_pickle_value *object) {
  char name[170] = "";
  put_class(name, sizeof name, c->p, object);
  if (strncmp(name, "__torch__", 9) == 0)
    return cream_fail(c->err, CREAM_BAD_DATA,
                      "%s: got a TorchScript module, `%s`, expected its weights; write them in PyTorch with "
                      "torch.save(torch.jit.load(IN).state_dict(), OUT)",
                      c->file, name);
  return cream_fail(c->err, CREAM_BAD_DATA,
                    "%s: got a whole object of class `%s`, expected tensors; if it is a module, write its "
                    "weights in PyTorch, where its class is installed, with torch.save(torch.load(IN, "
                    "weights_only=False).state_dict(), OUT)",
                    c->file, name);
}

/* Lists the keys of a dict: "epoch (a number), model (an object of class models.Model)". */
static void put_keys(const chooser *c, const cream_pickle_value *dict, char *text, size_t size) {
  uint32_t shown = 0;
  for (uint32_t walk = dict->items.first; walk;) {
    const cream_pickle_value *key = cream_pickle_at(c->p, cream_pickle_next(c->p, &walk));
    const cream_pickle_value *value = cream_pickle_at(c->p, cream_pickle_next(c->p, &walk));
    if (shown++ >= NAMED) continue;
    put(text, size, shown > 1 ? ", `" : "`");
    if (key->kind == CREAM_PICKLE_TEXT)
      put_shown(text, size, key);
    else
      put(text, size, "(%s)", cream_pickle_kind_name(key->kind));
    put(text, size, "` (%s", cream_pickle_kind_name(value->kind));
    if (value->kind == CREAM_PICKLE_OBJECT) {
      put(text, size, " of class ");
      put_class(text, size, c->p, value);
    }
    put(text, size, ")");
  }
  if (shown > NAMED) put(text, size, ", and %u more", (unsigned)(shown - NAMED));
  if (!shown) put(text, size, "none");
}

static cream_status fail_no_tensors(const chooser *c) {
  const cream_pickle_value *root = cream_pickle_at(c->p, cream_pickle_root(c->p));
  if (root->kind == CREAM_PICKLE_OBJECT) return fail_whole_object(c, root);
  if (root->kind != CREAM_PICKLE_DICT)
    return cream_fail(c->err, CREAM_BAD_DATA,
                      "%s: got %s, expected a state dict or a checkpoint; save model.state_dict() in PyTorch",
                      c->file, cream_pickle_kind_name(root->kind));
  char keys[260] = "";
  put_keys(c, root, keys, sizeof keys);
  return cream_fail(c->err, CREAM_BAD_DATA,
                    "%s: no dict of tensors in it, its keys are %s; save model.state_dict() in PyTorch",
                    c->file, keys);
}

/* Lists the dicts that are left. */
static void put_places(const chooser *c, char *text, size_t size) {
  for (int i = 0; i < c->count && i < NAMED; i++)
    put(text, size, "%s`%s` (%u tensors)", i ? ", " : "", c->places[i].path, (unsigned)c->places[i].tensors);
  if (c->count > NAMED) put(text, size, ", and %d more", c->count - NAMED);
}

/* ---- the choice -------------------------------------------------------------------------------------------- */

/* The dict under one of the keys of the whole object, if it has tensors. */
static const cream_pickle_value *find_dict(const cream_pickle *p, const char *const *keys) {
  const cream_pickle_value *root = cream_pickle_at(p, cream_pickle_root(p));
  for (; root->kind == CREAM_PICKLE_DICT && *keys; keys++) {
    const cream_pickle_value *found = cream_pickle_find(p, root, *keys);
    place tensors = {0};
    if (!found || found->kind != CREAM_PICKLE_DICT) continue;
    count_tensors(p, found, &tensors);
    if (tensors.tensors) return found;
  }
  return NULL;
}

static cream_status choose(chooser *c, const cream_pickle_value **state, bool *by_key) {
  static const char *const plain[] = {"state_dict", "model", NULL};
  static const char *const averaged[] = {"state_dict_ema", "model_ema", NULL};
  const cream_pickle_value *root = cream_pickle_at(c->p, cream_pickle_root(c->p));
  const char *key = c->choice->key;
  bool ema = c->choice->ema;
  for (int i = 0; key && i < c->count; i++)
    if (strcmp(c->places[i].path, key) == 0) {
      *state = cream_pickle_at(c->p, c->places[i].dict);
      *by_key = true;
      return CREAM_OK;
    }
  if ((*state = find_dict(c->p, ema ? averaged : plain))) return CREAM_OK;
  int averages = 0;
  for (int i = 0; i < c->count; i++) averages += is_averaged(c, &c->places[i]);
  if (ema && !averages)
    return cream_fail(c->err, CREAM_BAD_CONFIG,
                      "%s: no averaged weights (`state_dict_ema`); omit --ema to use the others", c->file);
  if (!c->count) return fail_no_tensors(c);
  *state = root;
  if (!ema && c->places[0].dict == cream_pickle_root(c->p) && 2 * c->places[0].tensors == root->items.count)
    return CREAM_OK;
  prefer(c, ema ? is_averaged : is_not_averaged);
  prefer(c, is_not_training);
  prefer(c, is_dotted);
  if (c->count > 1 && c->choice->params) prefer(c, is_of_network);
  *state = cream_pickle_at(c->p, c->places[0].dict);
  if (c->count == 1) return CREAM_OK;
  char places[260] = "";
  put_places(c, places, sizeof places);
  return cream_fail(c->err, CREAM_BAD_DATA, "%s: got %d dicts of tensors, %s; choose one with --key KEY",
                    c->file, c->count, places);
}

cream_status torch_choose(const char *path, const cream_pickle *p, const cream_torch_choice *choice,
                          const cream_pickle_value **state, bool *by_key, cream_error *err) {
  *by_key = false;
  chooser *c = calloc(1, sizeof *c);
  if (!c) return cream_fail_memory(err, sizeof *c, "the dicts of tensors");
  *c = (chooser){.file = path, .p = p, .choice = choice, .err = err};
  cream_status status = find_places(c);
  if (!status) status = choose(c, state, by_key);
  free(c);
  return status;
}
