#include "study.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "core/proxy/proxy.h"
#include "core/space/budget.h"
#include "io/base/file.h"
#include "io/config/field.h"
#include "io/config/settings.h"
#include "study_endpoint_read.h"
#include "truth.h"

const char *const cream_study_unit_names[CREAM_STUDY_UNITS] = {
#define NAME(unit, key) [CREAM_STUDY_##unit] = key,
    CREAM_STUDY_UNIT_LIST(NAME)
#undef NAME
};

/* The keys of a study that have plain values. */
typedef struct study_head {
  char name[CREAM_STUDY_MAX_NAME], config[CREAM_MAX_FILE_NAME], table[sizeof((cream_config *)0)->rank.truth];
  int rank;
  bool retrain;
} study_head;

static const cream_field fields[] = {
    {.key = "name", CREAM_FIELD(study_head, name), .required = true},
    {.key = "config", CREAM_FIELD(study_head, config)},
    {.key = "rank", CREAM_FIELD(study_head, rank), .min = 0, .max = 1000},
    {.key = "table", CREAM_FIELD(study_head, table)},
    {.key = "retrain", CREAM_FIELD(study_head, retrain)},
    {.key = "settings", .type = CREAM_FIELD_MAP},
    {.key = "budget", .type = CREAM_FIELD_MAP},
    {.key = "seeds", .type = CREAM_FIELD_LIST, .required = true},
    {.key = "arms", .type = CREAM_FIELD_MAP, .required = true},
    {.key = "endpoint", .type = CREAM_FIELD_MAP},
};

static cream_status check_name(const cream_yaml_value *value, const char *name, cream_error *err) {
  bool good = *name && strlen(name) < CREAM_STUDY_MAX_NAME && *name != '.';
  for (const char *c = name; *c; c++) good &= isalnum((unsigned char)*c) || strchr("-_.", *c);
  if (good) return CREAM_OK;
  return cream_yaml_fail(
      value, err, "not a valid name, expected 1 to %d letters, digits, -, _ and ., not beginning with .",
      CREAM_STUDY_MAX_NAME - 1);
}

/* Completes a name that is relative to the study's folder. */
static cream_status file_of(const cream_yaml_value *root, const char *key, const char *file, char *path,
                            size_t size, cream_error *err) {
  const char *name = cream_yaml_name(root->yaml), *slash = strrchr(name, '/');
  int folder = slash && file[0] != '/' ? (int)(slash + 1 - name) : 0;
  if ((size_t)snprintf(path, size, "%.*s%s", folder, name, file) < size) return CREAM_OK;
  return cream_fail(err, CREAM_BAD_CONFIG,
                    "%s: key `%s`: the name is longer than %zu bytes; choose a shorter one", name, key,
                    size - 1);
}

/* Reads the settings file that the study names. */
static cream_status load_base(cream_study *study, const cream_yaml_value *root, const char *config,
                              cream_error *err) {
  char path[CREAM_MAX_FILE_NAME];
  if (!config[0]) return CREAM_OK;
  cream_status status = file_of(root, "config", config, path, sizeof path, err);
  return status ? status : cream_settings_load(&study->base, path, err);
}

/* The table of trained paths that the supernets are ranked by. */
static cream_status read_table(cream_study *study, const cream_yaml_value *root, const char *table,
                               cream_error *err) {
  cream_yaml_value rank = cream_yaml_find(root, "rank");
  char *path = study->base.rank.truth;
  if (!table[0]) return CREAM_OK;
  if (rank.node)
    return cream_yaml_fail(&rank, err, "given beside `table`, whose paths are ranked; expected one of them");
  cream_status status = file_of(root, "table", table, path, sizeof study->base.rank.truth, err);
  return status ? status : cream_truth_count(path, &study->rank, err);
}

static cream_status read_budget(cream_study *study, const cream_yaml_value *map, cream_error *err) {
  if (!map->node) return CREAM_OK;
#define WORD(unit, key) ", " key
  static const char list[] = CREAM_STUDY_UNIT_LIST(WORD);
#undef WORD
  const char *words = list + strlen(", ");
  if (cream_yaml_count(map) != 1)
    return cream_yaml_fail(map, err, "got %d keys, expected one of %s", cream_yaml_count(map), words);
  cream_status status;
  const char *key;
  cream_yaml_value value = cream_yaml_pair(map, 0, &key);
  for (int kind = 0; kind < CREAM_STUDY_UNITS; kind++) {
    if (!key || strcmp(key, cream_study_unit_names[kind])) continue;
    bool whole = kind != CREAM_STUDY_SECONDS;
    int number = 0;
    const cream_field count = {
        .key = key, .type = CREAM_FIELD_INT, .size = sizeof number, .min = 1, .max = 1e9};
    const cream_field time = {
        .key = key, .type = CREAM_FIELD_DOUBLE, .size = sizeof(double), .min = 0.001, .max = 1e9};
    status = whole ? cream_field_read(&count, &value, &number, err)
                   : cream_field_read(&time, &value, &study->budget.amount, err);
    if (whole) study->budget.amount = number;
    study->budget.kind = (cream_study_unit)kind;
    return status;
  }
  return cream_yaml_fail(&value, err, "no such budget, expected one of %s", words);
}

static cream_status read_seeds(cream_study *study, const cream_yaml_value *list, cream_error *err) {
  cream_status status;
  int n = cream_yaml_count(list);
  if (n < 1 || n > CREAM_MAX_PAIRS)
    return cream_yaml_fail(list, err, "got %d seeds, expected 1 to %d", n, CREAM_MAX_PAIRS);
  static const cream_field seed = {.key = "seeds", .type = CREAM_FIELD_UINT64, .size = sizeof(uint64_t)};
  for (int i = 0; i < n; i++) {
    cream_yaml_value item = cream_yaml_item(list, i);
    if ((status = cream_field_read(&seed, &item, &study->seeds[i], err))) return status;
    for (int j = 0; j < i; j++)
      if (study->seeds[i] == study->seeds[j])
        return cream_yaml_fail(&item, err, "duplicate seed, expected different ones");
  }
  study->n_seeds = n;
  return CREAM_OK;
}

static cream_status read_arms(cream_study *study, const cream_yaml_value *map, cream_error *err) {
  cream_status status = CREAM_OK;
  int n = cream_yaml_count(map);
  if (n < 1 || n > CREAM_STUDY_MAX_ARMS)
    return cream_yaml_fail(map, err, "got %d arms, expected 1 to %d", n, CREAM_STUDY_MAX_ARMS);
  study->arms = calloc((size_t)n, sizeof *study->arms);
  if (!study->arms) return cream_fail_memory(err, (size_t)n * sizeof *study->arms, "the arms of a study");
  for (int i = 0; i < n && !status; i++) {
    const char *name;
    cream_yaml_value value = cream_yaml_pair(map, i, &name);
    cream_study_arm *arm = &study->arms[study->n_arms++];
    arm->config = study->base;
    if (!(status = cream_yaml_check_key(map, i, err))) status = check_name(&value, name, err);
    if (status) return status;
    strcpy(arm->name, name);
    status = cream_yaml_expect(&value, CREAM_YAML_MAP, err);
    if (!status) status = cream_settings_read(&arm->config, &value, err);
  }
  return status;
}

static cream_status make_rows(cream_study *study, cream_error *err) {
  size_t most = (size_t)study->n_arms * CREAM_MAX_BUDGETS;
  study->rows = calloc(most, sizeof *study->rows);
  if (!study->rows) return cream_fail_memory(err, most * sizeof *study->rows, "the table of a study");
  for (int a = 0; a < study->n_arms; a++) {
    const cream_study_arm *arm = &study->arms[a];
    cream_budget budgets[CREAM_MAX_BUDGETS];
    int n;
    cream_status status = cream_budgets_parse(arm->config.search.budgets, 0, budgets, &n, err);
    if (status) return status;
    for (int b = 0; b < (n ? n : 1); b++) {
      cream_study_row *row = &study->rows[study->n_rows++];
      row->arm = a;
      if (n) snprintf(row->budget, sizeof row->budget, "%s", budgets[b].label);
      snprintf(row->name, sizeof row->name, "%s%s%s", arm->name, n ? "@" : "", row->budget);
    }
  }
  return CREAM_OK;
}

static cream_status read_study(cream_study *study, const cream_yaml_value *root, cream_error *err) {
  study_head head = {.retrain = true};
  cream_status status = cream_fields_read(fields, sizeof fields / sizeof *fields, root, &head, err);
  if (status) return status;
  cream_yaml_value name = cream_yaml_find(root, "name"), settings = cream_yaml_find(root, "settings"),
                   budget = cream_yaml_find(root, "budget"), seeds = cream_yaml_find(root, "seeds"),
                   arms = cream_yaml_find(root, "arms"), endpoint = cream_yaml_find(root, "endpoint");
  if ((status = check_name(&name, head.name, err))) return status;
  strcpy(study->name, head.name);
  study->rank = head.rank;
  study->retrain = head.retrain;
  if (study->rank == 1) {
    cream_yaml_value rank = cream_yaml_find(root, "rank");
    return cream_yaml_fail(&rank, err, "got 1, expected 2 or more paths, or 0 for no ranking");
  }
  status = load_base(study, root, head.config, err);
  if (!status) status = read_table(study, root, head.table, err);
  if (!status && settings.node) status = cream_settings_read(&study->base, &settings, err);
  if (!status) status = read_budget(study, &budget, err);
  if (!status) status = read_seeds(study, &seeds, err);
  if (!status) status = read_arms(study, &arms, err);
  if (!status) status = make_rows(study, err);
  bool wanted[CREAM_PROXY_COUNT];
  for (int a = 0; study->rank && a < study->n_arms && !status; a++)
    status = cream_proxies_parse("rank.proxies", study->arms[a].config.rank.proxies, wanted, err);
  return status || !endpoint.node ? status : cream_study_read_endpoint(study, &endpoint, err);
}

static cream_status read_document(cream_study *study, cream_yaml *yaml, cream_error *err) {
  *study = (cream_study){0};
  cream_config_defaults(&study->base);
  cream_yaml_value root = cream_yaml_root(yaml);
  cream_status status = cream_yaml_expect(&root, CREAM_YAML_MAP, err);
  if (!status) status = read_study(study, &root, err);
  cream_yaml_free(yaml);
  if (status) cream_study_free(study);
  return status;
}

cream_status cream_study_load(const char *path, cream_study *study, cream_error *err) {
  cream_yaml *yaml;
  cream_status status = cream_yaml_read(path, &yaml, err);
  return status ? status : read_document(study, yaml, err);
}

cream_status cream_study_parse(const char *name, const char *text, size_t size, cream_study *study,
                               cream_error *err) {
  cream_yaml *yaml;
  cream_status status = cream_yaml_parse(name, text, size, &yaml, err);
  return status ? status : read_document(study, yaml, err);
}

void cream_study_free(cream_study *study) {
  free(study->rows);
  free(study->arms);
  study->rows = NULL;
  study->arms = NULL;
  study->n_rows = study->n_arms = 0;
}
