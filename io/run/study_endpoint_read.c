#include "study_endpoint_read.h"

#include <string.h>

#include "io/config/field.h"

/* The keys with plain values. */
typedef struct endpoint_head {
  cream_study_endpoint endpoint;
  char against[sizeof((cream_study_row *)0)->name];
} endpoint_head;

static const cream_field fields[] = {
    {.key = "measure",
     CREAM_FIELD(endpoint_head, endpoint.measure),
     .words = cream_study_measure_keys,
     .required = true},
    {.key = "against", CREAM_FIELD(endpoint_head, against)},
    {.key = "arms", .type = CREAM_FIELD_LIST},
    {.key = "test", CREAM_FIELD(endpoint_head, endpoint.test), .words = cream_test_words},
    {.key = "correction", CREAM_FIELD(endpoint_head, endpoint.correction), .words = cream_correction_words},
    {.key = "alpha", CREAM_FIELD(endpoint_head, endpoint.alpha), .min = 1e-6, .max = 0.5},
    {.key = "power", CREAM_FIELD(endpoint_head, endpoint.power), .min = 0.05, .max = 0.999},
    {.key = "deviation", CREAM_FIELD(endpoint_head, endpoint.deviation), .min = 0, .max = 1e9},
};

/* The row of the table with the value's name. */
static cream_status read_row(const cream_study *study, const cream_yaml_value *value, int *row,
                             cream_error *err) {
  const char *name = cream_yaml_text(value);
  for (int r = 0; r < study->n_rows && name; r++) {
    if (strcmp(study->rows[r].name, name) != 0) continue;
    *row = r;
    return CREAM_OK;
  }
  return cream_yaml_unexpected(value, "an arm of the study (ARM@BUDGET of an arm with several budgets)", NULL,
                               err);
}

static cream_status read_rows(cream_study *study, const cream_yaml_value *list, cream_error *err) {
  cream_study_endpoint *e = &study->endpoint;
  int n = list->node ? cream_yaml_count(list) : study->n_rows;
  if (list->node && (n < 1 || n > CREAM_STUDY_MAX_ARMS))
    return cream_yaml_fail(list, err, "got %d arms, expected 1 to %d", n, CREAM_STUDY_MAX_ARMS);
  for (int i = 0; i < n; i++) {
    int row = i;
    cream_yaml_value item = *list;
    if (list->node) item = cream_yaml_item(list, i);
    cream_status status = list->node ? read_row(study, &item, &row, err) : CREAM_OK;
    if (status) return status;
    if (row == e->against && !list->node) continue;
    if (row == e->against || e->n == CREAM_STUDY_MAX_ARMS)
      return cream_yaml_fail(&item, err, "expected up to %d arms other than `%s`", CREAM_STUDY_MAX_ARMS,
                             study->rows[e->against].name);
    for (int k = 0; k < e->n; k++)
      if (e->rows[k] == row) return cream_yaml_fail(&item, err, "duplicate arm, expected different ones");
    e->rows[e->n++] = row;
  }
  return CREAM_OK;
}

cream_status cream_study_read_endpoint(cream_study *study, const cream_yaml_value *map, cream_error *err) {
  cream_study_endpoint *e = &study->endpoint;
  endpoint_head head = {.endpoint = {.alpha = 0.05, .power = 0.8}};
  cream_yaml_value against = cream_yaml_find(map, "against"), arms = cream_yaml_find(map, "arms");
  cream_status status = cream_fields_read(fields, sizeof fields / sizeof *fields, map, &head, err);
  *e = head.endpoint;
  if (!status && against.node) status = read_row(study, &against, &e->against, err);
  if (!status) status = read_rows(study, &arms, err);
  if (!status && e->n == 0)
    status = cream_yaml_fail(map, err, "nothing to compare: expected a study of two or more arms");
  e->given = !status;
  return status;
}

char *cream_study_endpoint_text(const cream_study *study, char *text, size_t size) {
  const cream_study_endpoint *e = &study->endpoint;
  if (!e->given) {
    snprintf(text, size, "none");
    return text;
  }
  int used = snprintf(text, size, "%s of ", cream_study_measures[e->measure].key);
  for (int i = 0; i < e->n && (size_t)used < size; i++)
    used += snprintf(text + used, size - (size_t)used, "%s%s", i ? ", " : "", study->rows[e->rows[i]].name);
  if ((size_t)used < size)
    snprintf(text + used, size - (size_t)used, " against %s; %s, correction %s, alpha %g",
             study->rows[e->against].name, cream_test_words[e->test], cream_correction_words[e->correction],
             e->alpha);
  return text;
}
