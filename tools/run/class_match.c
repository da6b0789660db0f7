#include "class_match.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/base/name.h"
#include "io/weights/weights_info.h"

typedef struct named {
  char *name; /* composed */
  int label;
} named;

typedef struct match {
  cream_weights_info info;
  int *label_of; /* [classes of the data]: the label of the network, or -1 */
  int known;     /* classes of the data that the network has */
  int foreign,
      foreign_here; /* the first class of the network that the data lacks; of the data that it lacks; -1 */
  bool same;        /* all names, in the same order */
} match;

/* Whether all names are numbers, or all are WordNet codes as n01440764: they belong to another list of names. */
static bool are_codes(const char *const *names, int n) {
  bool numbers = true, wordnet = true;
  for (int i = 0; i < n; i++) {
    size_t digits = strspn(names[i], "0123456789");
    numbers = numbers && digits && !names[i][digits];
    wordnet = wordnet && names[i][0] == 'n' && strspn(names[i] + 1, "0123456789") == 8 && !names[i][9];
  }
  return numbers || wordnet;
}

static int by_name(const void *a, const void *b) {
  return strcmp(((const named *)a)->name, ((const named *)b)->name);
}

static void free_named(named *list, int n) {
  for (int i = 0; list && i < n; i++) free(list[i].name);
  free(list);
}

/* The names in their composed form, sorted; NULL: out of memory. */
static named *sorted(const char *const *names, int n) {
  named *list = calloc((size_t)n + 1, sizeof *list);
  for (int i = 0; list && i < n; i++) {
    list[i] = (named){cream_name_composed(names[i]), i};
    if (list[i].name) continue;
    free_named(list, n);
    return NULL;
  }
  if (list) qsort(list, (size_t)n, sizeof *list, by_name);
  return list;
}

/* Fills in all of the match but `info`. */
static cream_status compare(match *m, const cream_dataset *data, cream_error *err) {
  int n = data->classes, n_network = m->info.n_classes;
  named *ours = sorted(data->class_names, n),
        *network = sorted((const char *const *)m->info.class_names, n_network);
  m->label_of = malloc(((size_t)n + 1) * sizeof *m->label_of);
  cream_status status = ours && network && m->label_of
                            ? CREAM_OK
                            : cream_fail_memory(err, (size_t)n * sizeof *ours, "the names of the classes");
  m->foreign = m->foreign_here = -1;
  m->same = n == n_network;
  for (int i = 0, j = 0; !status && (i < n || j < n_network);) {
    int order = i == n ? 1 : j == n_network ? -1 : strcmp(ours[i].name, network[j].name);
    if (order == 0) {
      m->label_of[ours[i].label] = network[j].label;
      m->known++;
      m->same = m->same && ours[i].label == network[j].label;
    } else if (order < 0) {
      m->label_of[ours[i].label] = -1;
      m->foreign_here = ours[i].label;
    } else {
      m->foreign = network[j].label;
    }
    if (order <= 0) i++;
    if (order >= 0) j++;
  }
  free_named(ours, n);
  free_named(network, n_network);
  m->same = m->same && m->known == n;
  return status;
}

/* *known: the names of both sides are known and belong to one list. */
static cream_status open_match(match *m, const char *weights, const run_data *data, bool *known,
                               cream_error *err) {
  const cream_dataset *dataset = data->dataset;
  *m = (match){0};
  *known = false;
  if (!*weights || access(weights, R_OK)) return CREAM_OK; /* reported where they are loaded */
  cream_status status = cream_weights_info_load(weights, &m->info, err);
  if (status || !m->info.n_classes) return status;
  *known = true;
  status = compare(m, dataset, err);
  if (!status && m->known == 0 &&
      (are_codes(dataset->class_names, dataset->classes) ||
       are_codes((const char *const *)m->info.class_names, m->info.n_classes)))
    *known = false;
  return status;
}

static void close_match(match *m) {
  cream_weights_info_free(&m->info);
  free(m->label_of);
}

static cream_status contradict(const match *m, const char *weights, const run_data *data, cream_error *err) {
  return cream_fail(
      err, CREAM_BAD_DATA,
      "the classes of %.200s and of the data contradict each other: the network has the class '%.60s', "
      "which the data lacks, and the data the class '%.60s', which the network lacks; expected one to "
      "have all classes of the other",
      weights, m->info.class_names[m->foreign], data->dataset->class_names[m->foreign_here]);
}

cream_status class_match_test(const cream_config *config, run_data *data, cream_error *err) {
  match m;
  bool known;
  cream_status status = open_match(&m, config->weights, data, &known, err);
  if (!status && known && !m.same) {
    int n = data->dataset->classes, network = m.info.n_classes;
    if (m.foreign >= 0 && m.foreign_here >= 0)
      status = contradict(&m, config->weights, data, err);
    else
      status = run_data_relabel(data, m.label_of, (const char *const *)m.info.class_names, network, err);
    if (!status)
      fprintf(stderr, "classes: the data has %d, the network %d; they are matched by name%s\n", n, network,
              m.foreign_here >= 0 ? ", and images of other classes are not tested" : "");
  }
  close_match(&m);
  return status;
}

cream_status class_match_train(const char *weights, const run_data *data, int **row_of, cream_error *err) {
  match m;
  bool known;
  cream_status status = open_match(&m, weights, data, &known, err);
  *row_of = NULL;
  if (!status && known && !m.same) {
    *row_of = m.label_of;
    m.label_of = NULL;
  }
  close_match(&m);
  return status;
}
