/* `list:FILE[,val=SHARE][,seed=N][,labels=names]`: one image per line,
 *
 *   PATH LABEL                separated by the last space of the line, or
 *   PATH<TAB>LABEL            separated by a tab, or
 *   PATH<TAB>LABEL<TAB>PART   with the part: train, val, test, or a synonym.
 *
 * A path without a leading slash is relative to the folder of the list; its bytes are used unchanged. Labels are
 * integers from 0 without gaps, or names, sorted by their bytes; with `labels=names` integers are names too. Without
 * parts a share is set aside for testing.
 */
#define _GNU_SOURCE /* qsort_r */
#include "list.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "formats.h"
#include "io/base/file.h"
#include "io/base/name.h"

/* A distinct label of the list. */
typedef struct label_text {
  const char *text; /* in the list */
  char *composed;   /* the same in Unicode's composed form; equal for labels that are written alike */
  size_t line;      /* of its first use */
  int64_t value;    /* as an integer, or NOT_A_NUMBER */
} label_text;

enum { NOT_A_NUMBER = -1, TOO_LARGE = INT32_MAX };

typedef struct parser {
  const cream_fileset_place *place;
  cream_fileset *set;
  char shown[300]; /* the path of the list for messages */
  label_text *labels;
  uint32_t *table; /* [slots]: hash table of 1 + index in `labels`; 0: empty */
  size_t count, capacity, slots;
  size_t line;
  bool parts; /* lines have a part */
} parser;

static cream_status fail_at(const parser *self, size_t line, const char *problem, const char *value,
                            cream_error *err) {
  char text[80];
  return cream_fail(err, CREAM_BAD_DATA, "%s:%zu: %s%s%s%s", self->shown, line, problem, value ? " '" : "",
                    value ? cream_name_show(value, text, sizeof text) : "", value ? "'" : "");
}

/* ---- labels ----------------------------------------------------------------------------------------- */

static int64_t number(const char *text) {
  int64_t value = 0;
  for (const char *at = text; *at; at++) {
    if (*at < '0' || *at > '9') return NOT_A_NUMBER;
    if (value < TOO_LARGE) value = 10 * value + (*at - '0');
  }
  return value < TOO_LARGE ? value : TOO_LARGE;
}

static void place_label(parser *self, size_t entry) {
  const char *text = self->labels[entry].composed;
  size_t slot = XXH3_64bits(text, strlen(text)) & (self->slots - 1);
  while (self->table[slot]) slot = (slot + 1) & (self->slots - 1);
  self->table[slot] = (uint32_t)entry + 1;
}

static cream_status grow_labels(parser *self, cream_error *err) {
  size_t capacity = self->capacity ? 2 * self->capacity : 1024;
  label_text *labels = realloc(self->labels, capacity * sizeof *labels);
  if (labels) self->labels = labels;
  uint32_t *table = calloc(2 * capacity, sizeof *table);
  if (!labels || !table) {
    free(table);
    return cream_fail_memory(err, capacity * sizeof *labels, "the labels");
  }
  free(self->table);
  self->table = table;
  self->capacity = capacity;
  self->slots = 2 * capacity;
  for (size_t i = 0; i < self->count; i++) place_label(self, i);
  return CREAM_OK;
}

/* Finds a label by its composed form. */
static bool find_label(const parser *self, const char *composed, int32_t *entry) {
  *entry = 0;
  if (self->count == 0) return false;
  size_t slot = XXH3_64bits(composed, strlen(composed)) & (self->slots - 1);
  for (; self->table[slot]; slot = (slot + 1) & (self->slots - 1)) {
    *entry = (int32_t)(self->table[slot] - 1);
    if (strcmp(self->labels[*entry].composed, composed) == 0) return true;
  }
  return false;
}

/* Finds or adds a label; *entry: its index in `labels`. */
static cream_status intern(parser *self, const char *text, int32_t *entry, cream_error *err) {
  if (find_label(self, text, entry)) return CREAM_OK;
  char *composed = cream_name_composed(text);
  if (!composed) return cream_fail_memory(err, strlen(text), "the labels");
  if (find_label(self, composed, entry)) {
    free(composed);
    return CREAM_OK;
  }
  cream_status status = self->count == self->capacity ? grow_labels(self, err) : CREAM_OK;
  if (status) {
    free(composed);
    return status;
  }
  *entry = (int32_t)self->count;
  self->labels[self->count] = (label_text){text, composed, self->line, number(text)};
  place_label(self, self->count++);
  return CREAM_OK;
}

/* ---- lines ------------------------------------------------------------------------------------------ */

/* Splits a line, which ends in a 0 byte at `end`, into strings; *part: NULL if it has none. Returns the problem, or
 * NULL. */
static const char *split_line(char *line, char *end, char **label, char **part) {
  char *tab = memchr(line, '\t', (size_t)(end - line));
  *part = NULL;
  if (tab) {
    *tab = 0;
    *label = tab + 1;
    *part = strchr(*label, '\t');
    if (*part) *(*part)++ = 0;
    if (*part && strchr(*part, '\t')) return "more than three fields; expected path, label and part";
  } else {
    while (end > line && end[-1] == ' ') *--end = 0;
    *label = strrchr(line, ' ');
    if (!*label) return "no label; expected a path, a tab or a blank, and a label";
    char *path_end = *label;
    while (path_end > line && path_end[-1] == ' ') path_end--;
    *path_end = 0;
    ++*label;
  }
  if (!*line) return "no path before the label";
  if (!**label) return "no label; expected a path, a tab or a blank, and a label";
  if (strlen(line) >= CREAM_MAX_FILE_NAME) return "the path is too long; expected at most 4,095 bytes";
  return NULL;
}

static cream_status read_line(parser *self, char *text, char *line, char *end, cream_error *err) {
  char *label, *word;
  int32_t entry;
  cream_part part = CREAM_PART_TRAIN;
  if (strlen(line) != (size_t)(end - line))
    return fail_at(self, self->line, "a 0 byte; expected text", NULL, err);
  const char *problem = split_line(line, end, &label, &word);
  if (problem) return fail_at(self, self->line, problem, NULL, err);
  int rank;
  if (word && !cream_part_of_word(word, &part, &rank))
    return fail_at(self, self->line, "unknown part; expected train, val, validation, valid or test, got",
                   word, err);
  if (self->count > 0 && self->parts != (word != NULL))
    return fail_at(self, self->line,
                   word ? "a part, unlike in previous lines; expected parts in all lines or none"
                        : "no part, unlike in previous lines; expected parts in all lines or none",
                   NULL, err);
  self->parts = word != NULL;
  cream_status status = intern(self, label, &entry, err);
  return status ? status : cream_fileset_add_at(self->set, part, (size_t)(line - text), entry, err);
}

static cream_status read_lines(parser *self, char *text, size_t size, cream_error *err) {
  cream_status status = CREAM_OK;
  char *line = text, *last = text + size;
  if (size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) line += 3;
  for (self->line = 1; line < last && !status; self->line++) {
    char *end = memchr(line, '\n', (size_t)(last - line));
    if (!end) end = last;
    char *next = end + 1;
    if (end > line && end[-1] == '\r') end--;
    *end = 0;
    if (end > line) status = read_line(self, text, line, end, err);
    line = next;
  }
  return status;
}

/* ---- classes ---------------------------------------------------------------------------------------- */

static int by_text(const void *a, const void *b, void *labels) {
  return strcmp(((label_text *)labels)[*(const uint32_t *)a].text,
                ((label_text *)labels)[*(const uint32_t *)b].text);
}

/* Numbers the labels as names: sets `value` to the position among the sorted texts. */
static cream_status number_names(parser *self, const char **names, cream_error *err) {
  uint32_t *order = malloc((self->count + 1) * sizeof *order);
  if (!order) return cream_fail_memory(err, self->count * sizeof *order, "the labels");
  for (size_t i = 0; i < self->count; i++) order[i] = (uint32_t)i;
  qsort_r(order, self->count, sizeof *order, by_text, self->labels);
  for (size_t i = 0; i < self->count; i++) {
    self->labels[order[i]].value = (int64_t)i;
    names[i] = self->labels[order[i]].text;
  }
  free(order);
  return CREAM_OK;
}

/* *numbers: whether labels are integers. Fails if some are and some are not. */
static cream_status find_label_kind(const parser *self, bool *numbers, cream_error *err) {
  *numbers = !self->place->names && self->count > 0 && self->labels[0].value != NOT_A_NUMBER;
  if (self->place->names) return CREAM_OK;
  for (size_t i = 1; i < self->count; i++) {
    const label_text *label = &self->labels[i];
    if ((label->value != NOT_A_NUMBER) == *numbers) continue;
    return fail_at(
        self, label->line,
        *numbers ? "expected an integer from 0 as a label, as in previous lines (or add ,labels=names), got"
                 : "expected a name as a label, as in previous lines (or add ,labels=names), got",
        label->text, err);
  }
  return CREAM_OK;
}

static cream_status check_numbers(const parser *self, int *classes, cream_error *err) {
  size_t images[CREAM_PARTS], all = 0;
  for (int part = 0; part < CREAM_PARTS; part++) {
    cream_fileset_labels(self->set, (cream_part)part, &images[part]);
    all += images[part];
  }
  int64_t largest = -1;
  for (size_t i = 0; i < self->count; i++) {
    if (self->labels[i].value >= (int64_t)all)
      return fail_at(self, self->labels[i].line,
                     "label out of range; expected numbers from 0 without gaps, got", self->labels[i].text,
                     err);
    if (self->labels[i].value > largest) largest = self->labels[i].value;
  }
  *classes = (int)largest + 1;
  return CREAM_OK;
}

/* Replaces the labels of the images, indices in `labels`, by classes. */
static void renumber(parser *self) {
  for (int part = 0; part < CREAM_PARTS; part++) {
    size_t count;
    int32_t *labels = cream_fileset_labels(self->set, (cream_part)part, &count);
    for (size_t i = 0; i < count; i++) labels[i] = (int32_t)self->labels[labels[i]].value;
  }
}

static cream_status finish(parser *self, cream_dataset **out, cream_error *err) {
  if (self->count == 0)
    return cream_fail(err, CREAM_BAD_DATA, "%s: no images; expected one per line", self->shown);
  if (self->parts && self->place->split)
    return cream_fail(err, CREAM_BAD_CONFIG,
                      "%s: the list has parts, expected neither val= nor seed=; remove them", self->shown);
  bool numbers;
  int classes = (int)self->count;
  cream_status status = find_label_kind(self, &numbers, err);
  if (!status && numbers) status = check_numbers(self, &classes, err);
  if (status) return status;
  const char **names = calloc(self->count + 1, sizeof *names);
  if (!names) return cream_fail_memory(err, self->count * sizeof *names, "the classes");
  if (!numbers) status = number_names(self, names, err);
  if (!status) renumber(self);
  if (!status && !self->parts) status = cream_fileset_split(self->set, classes, self->place, err);
  if (!status)
    status = cream_fileset_finish(self->set, self->shown, numbers ? NULL : names, classes, out, err);
  free(names);
  return status;
}

/* ---- the data set ----------------------------------------------------------------------------------- */

static cream_fileset *create_set(const char *path) {
  char folder[CREAM_MAX_FILE_NAME];
  strcpy(folder, path);
  char *slash = strrchr(folder, '/');
  if (slash)
    slash[slash == folder] = 0;
  else
    folder[0] = 0;
  return cream_fileset_create("list", folder);
}

cream_status cream_list_parse(const cream_fileset_place *place, char *text, size_t size, cream_dataset **out,
                              cream_error *err) {
  parser self = {.place = place, .set = create_set(place->path)};
  if (!self.set) {
    free(text);
    return cream_fail_memory(err, size, "a data set");
  }
  cream_name_show(place->path, self.shown, sizeof self.shown);
  cream_fileset_give_names(self.set, text, size + 1);
  cream_status status = read_lines(&self, text, size, err);
  if (!status) status = finish(&self, out, err);
  if (status) cream_fileset_free(self.set);
  for (size_t i = 0; i < self.count; i++) free(self.labels[i].composed);
  free(self.labels);
  free(self.table);
  return status;
}

cream_status cream_list_open(const char *place, cream_dataset **out, cream_error *err) {
  cream_fileset_place read;
  char *text;
  size_t size;
  cream_status status = cream_fileset_parse("list", place, &read, err);
  if (!status) status = cream_file_read_text(read.path, UINT32_MAX - 1, &text, &size, err);
  return status ? status : cream_list_parse(&read, text, size, out, err);
}
