#include "path_log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "io/base/file.h"
#include "io/config/settings.h"
#include "run.h"

enum { MOST_BYTES = 64 << 20 };

static const char format[] = "cream-paths", expected_head[] = "the first line of a cream-paths file";

/* ---- reading ----------------------------------------------------------------------------------------- */

static cream_status fail_line(const char *name, int line, cream_error *err, const char *expected) {
  return cream_fail(err, CREAM_BAD_DATA, "%s:%d: expected %s", name, line, expected);
}

static bool read_score(const json_t *json, cream_score *score) {
  *score = (cream_score){0};
  if (!json) return true;
  const json_t *top1 = json_object_get(json, "top1"), *top5 = json_object_get(json, "top5");
  const json_t *loss = json_object_get(json, "loss"), *count = json_object_get(json, "count");
  if (!json_is_number(top1) || !json_is_number(top5) || !json_is_integer(count)) return false;
  *score =
      (cream_score){.top1 = json_number_value(top1),
                    .top5 = json_number_value(top5),
                    .loss = json_is_null(loss) ? (double)NAN : json_number_value(loss), /* not finite: null */
                    .count = (size_t)json_integer_value(count)};
  return (json_is_number(loss) || json_is_null(loss)) && json_integer_value(count) > 0 && score->top1 >= 0 &&
         score->top1 <= 1;
}

static bool read_choices(const json_t *json, const cream_skeleton *skeleton, cream_path *path) {
  *path = (cream_path){.n_layers = skeleton->n_layers};
  if (json_array_size(json) != (size_t)skeleton->n_layers) return false;
  for (int l = 0; l < skeleton->n_layers; l++) {
    const json_t *item = json_array_get(json, (size_t)l);
    json_int_t choice = json_integer_value(item);
    if (!json_is_integer(item) || choice < 0 || choice >= skeleton->layers[l].n_options) return false;
    path->choice[l] = (uint8_t)choice;
  }
  return true;
}

/* Those that are there; null: not finite. */
static bool read_proxies(const json_t *json, cream_proxy_values *proxies) {
  *proxies = (cream_proxy_values){0};
  for (int i = 0; i < CREAM_PROXY_COUNT; i++) {
    const json_t *value = json_object_get(json, cream_proxy_words[i]);
    if (!value) continue;
    if (!json_is_number(value) && !json_is_null(value)) return false;
    proxies->known[i] = true;
    proxies->value[i] = json_is_null(value) ? (double)NAN : json_number_value(value);
  }
  return true;
}

static cream_status add(cream_path_log *log, const cream_path_scores *scores, cream_error *err) {
  if (log->count == log->room) {
    int room = log->room ? 2 * log->room : 64;
    cream_path_scores *lines = realloc(log->lines, (size_t)room * sizeof *lines);
    if (!lines) return cream_fail_memory(err, (size_t)room * sizeof *lines, "scores of paths");
    log->lines = lines;
    log->room = room;
  }
  log->lines[log->count++] = *scores;
  return CREAM_OK;
}

static cream_status read_scores(const char *name, const json_t *json, int line,
                                const cream_skeleton *skeleton, cream_path_scores *scores, cream_error *err) {
  if (!read_choices(json_object_get(json, "path"), skeleton, &scores->path))
    return fail_line(name, line, err, "a path of the supernet, with a choice for every layer");
  if (!read_score(json_object_get(json, "heldout"), &scores->heldout) ||
      !read_score(json_object_get(json, "test"), &scores->test))
    return fail_line(name, line, err, "scores with top1, top5, loss and count");
  if (!read_proxies(json_object_get(json, "proxies"), &scores->proxies))
    return fail_line(name, line, err, "proxies that are numbers or null");
  return CREAM_OK;
}

static cream_status read_line(cream_path_log *log, const json_t *json, int line,
                              const cream_skeleton *skeleton, cream_error *err) {
  cream_path_scores scores;
  cream_status status = read_scores(log->name, json, line, skeleton, &scores, err);
  return status ? status : add(log, &scores, err);
}

/* Checks in the first line that the scores belong to the owner. */
static cream_status read_owner(const cream_path_log *log, const json_t *json,
                               const cream_path_log_owner *owner, cream_error *err) {
  const char *kind = json_string_value(json_object_get(json, "format"));
  const char *text = json_string_value(json_object_get(json, "config"));
  const char *hash = json_string_value(json_object_get(json, "supernet"));
  if (!kind || strcmp(kind, format) || !text || !hash) return fail_line(log->name, 1, err, expected_head);
  if (json_integer_value(json_object_get(json, "version")) != 1)
    return fail_line(log->name, 1, err, "version 1");
  cream_config *config = malloc(sizeof *config);
  if (!config) return cream_fail_memory(err, sizeof *config, "settings");
  cream_config_defaults(config);
  cream_status status = cream_settings_parse(config, log->name, text, strlen(text), err);
  /* Rankings of version 0.1 wrote 0 for the resolution of the run. */
  if (!config->resolution) config->resolution = owner->config->resolution;
  const char *key = status ? NULL : cream_settings_differ(config, owner->config, owner->free);
  if (key) {
    char was[128], is[128];
    status = cream_fail(
        err, CREAM_BAD_CONFIG,
        "%s: %s was %s in this ranking and is %s now; restore the setting, or start over with --force",
        log->name, key, cream_settings_get(config, key, was, sizeof was),
        cream_settings_get(owner->config, key, is, sizeof is));
  }
  free(config);
  char expected[17] = "";
  if (owner->weights) snprintf(expected, sizeof expected, "%016" PRIx64, *owner->weights);
  if (!status && strcmp(hash, expected))
    status =
        cream_fail(err, CREAM_BAD_CONFIG,
                   "%s: the supernet has other weights than when this ranking began; start over with --force",
                   log->name);
  return status;
}

cream_status cream_path_log_parse(cream_path_log *log, const char *text, size_t size,
                                  const cream_path_log_owner *owner, size_t *whole, cream_error *err) {
  const char *end;
  *whole = 0;
  for (int line = 1; (end = memchr(text + *whole, '\n', size - *whole)); line++) {
    size_t length = (size_t)(end - text) - *whole;
    json_t *json = json_loadb(text + *whole, length, 0, NULL);
    cream_status status = !json_is_object(json) ? fail_line(log->name, line, err, "a JSON object")
                          : line == 1           ? read_owner(log, json, owner, err)
                                                : read_line(log, json, line, owner->skeleton, err);
    json_decref(json);
    if (status != CREAM_OK) return status;
    *whole += length + 1;
  }
  return *whole ? CREAM_OK : fail_line(log->name, 1, err, expected_head);
}

/* ---- writing ----------------------------------------------------------------------------------------- */

/* Creates the file with its first line. */
static cream_status begin(const char *name, const cream_path_log_owner *owner, cream_error *err) {
  cream_file file;
  char hash[17] = "", *text = cream_settings_text(owner->config);
  if (!text) return cream_fail_memory(err, sizeof *owner->config, "the settings of a ranking");
  cream_status status = cream_file_create(&file, name, err);
  if (!status) {
    if (owner->weights) snprintf(hash, sizeof hash, "%016" PRIx64, *owner->weights);
    cream_json json = cream_json_to(file.stream);
    cream_json_object(&json, NULL, false);
    cream_json_string(&json, "format", format);
    cream_json_integer(&json, "version", 1);
    cream_json_string(&json, "supernet", hash);
    cream_json_string(&json, "config", text);
    cream_json_end(&json);
    fputc('\n', file.stream);
    status = cream_file_commit(&file, err);
  }
  free(text);
  return status;
}

/* Reads the lines; *whole: bytes up to the end of the last complete one. */
static cream_status read_log(cream_path_log *log, const cream_path_log_owner *owner, size_t *whole,
                             cream_error *err) {
  char *text;
  size_t size;
  cream_status status = cream_file_read(log->name, MOST_BYTES, &text, &size, err);
  if (status != CREAM_OK) return status;
  status = cream_path_log_parse(log, text, size, owner, whole, err);
  free(text);
  return status;
}

/* Opens and locks the file, reads its lines and cuts off an incomplete one. */
static cream_status resume(cream_path_log *log, const cream_path_log_owner *owner, cream_error *err) {
  size_t whole;
  log->fd = open(log->name, O_RDWR | O_APPEND | O_CLOEXEC);
  if (log->fd < 0) return cream_fail(err, CREAM_FAILED, "cannot write %s: %s", log->name, strerror(errno));
  if (flock(log->fd, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK)
    return cream_fail(err, CREAM_BAD_CONFIG, "%s is in use by another ranking; wait until it ends",
                      log->name);
  cream_status status = read_log(log, owner, &whole, err);
  if (!status && ftruncate(log->fd, (off_t)whole))
    status = cream_fail(err, CREAM_FAILED, "cannot write %s: %s", log->name, strerror(errno));
  return status;
}

static cream_status name_log(cream_path_log *log, const char *name, cream_error *err) {
  *log = (cream_path_log){.fd = -1};
  if ((size_t)snprintf(log->name, sizeof log->name, "%s", name) >= sizeof log->name)
    return cream_fail(err, CREAM_BAD_CONFIG,
                      "%.60s...: the name is longer than %zu bytes; choose a shorter one", name,
                      sizeof log->name - 1);
  return CREAM_OK;
}

cream_status cream_path_log_open(cream_path_log *log, const char *name, const cream_path_log_owner *owner,
                                 bool overwrite, cream_error *err) {
  cream_status status = name_log(log, name, err);
  if (!status && (overwrite || access(name, F_OK))) status = begin(name, owner, err);
  if (!status) status = resume(log, owner, err);
  if (status) cream_path_log_close(log);
  return status;
}

cream_status cream_path_log_read(cream_path_log *log, const char *name, const cream_path_log_owner *owner,
                                 cream_error *err) {
  size_t whole;
  cream_status status = name_log(log, name, err);
  if (!status && !access(name, F_OK)) status = read_log(log, owner, &whole, err);
  if (status) cream_path_log_close(log);
  return status;
}

const cream_path_scores *cream_path_log_find(const cream_path_log *log, const cream_path *path) {
  for (int i = log->count - 1; i >= 0; i--)
    if (cream_path_equal(&log->lines[i].path, path)) return &log->lines[i];
  return NULL;
}

void cream_json_proxies(cream_json *json, const cream_proxy_values *proxies) {
  bool any = false;
  for (int i = 0; i < CREAM_PROXY_COUNT; i++) any |= proxies->known[i];
  if (!any) return;
  cream_json_object(json, "proxies", false);
  for (int i = 0; i < CREAM_PROXY_COUNT; i++)
    if (proxies->known[i]) cream_json_number(json, cream_proxy_words[i], proxies->value[i]);
  cream_json_end(json);
}

enum { LINE = 2048 };

static cream_status write_line(const cream_path_scores *scores, char line[LINE], size_t *size,
                               cream_error *err) {
  FILE *stream = fmemopen(line, LINE, "w");
  if (!stream) return cream_fail_memory(err, LINE, "a line");
  cream_json json = cream_json_to(stream);
  cream_json_object(&json, NULL, false);
  cream_json_array(&json, "path", false);
  for (int l = 0; l < scores->path.n_layers; l++) cream_json_integer(&json, NULL, scores->path.choice[l]);
  cream_json_end(&json);
  cream_json_score(&json, "heldout", scores->heldout.count ? &scores->heldout : NULL);
  cream_json_score(&json, "test", scores->test.count ? &scores->test : NULL);
  cream_json_proxies(&json, &scores->proxies);
  cream_json_end(&json);
  fputc('\n', stream);
  long length = ftell(stream);
  fclose(stream);
  CREAM_ASSERT(length > 0 && length < LINE);
  *size = (size_t)length;
  return CREAM_OK;
}

cream_status cream_path_scores_write(const char *name, const cream_path_scores *scores, cream_error *err) {
  char line[LINE];
  size_t size;
  cream_status status = write_line(scores, line, &size, err);
  return status ? status : cream_file_write(name, line, size, err);
}

cream_status cream_path_scores_read(const char *name, const cream_skeleton *skeleton,
                                    cream_path_scores *scores, cream_error *err) {
  char *text;
  size_t size;
  cream_status status = cream_file_read(name, LINE, &text, &size, err);
  if (status) return status;
  json_t *json = json_loadb(text, size, 0, NULL);
  free(text);
  status = json_is_object(json) ? read_scores(name, json, 1, skeleton, scores, err)
                                : fail_line(name, 1, err, "a JSON object");
  json_decref(json);
  return status;
}

cream_status cream_path_log_append(cream_path_log *log, const cream_path_scores *scores, cream_error *err) {
  char line[LINE];
  size_t size;
  cream_path_scores whole = *scores;
  const cream_path_scores *before = cream_path_log_find(log, &scores->path);
  for (int i = 0; before && i < CREAM_PROXY_COUNT; i++)
    if (!whole.proxies.known[i] && before->proxies.known[i]) {
      whole.proxies.known[i] = true;
      whole.proxies.value[i] = before->proxies.value[i];
    }
  cream_status status = write_line(&whole, line, &size, err);
  if (status) return status;
  if (write(log->fd, line, size) != (ssize_t)size || fsync(log->fd))
    return cream_fail(err, CREAM_FAILED, "cannot write %s: %s", log->name, strerror(errno));
  return add(log, &whole, err);
}

void cream_path_log_close(cream_path_log *log) {
  if (log->name[0] && log->fd >= 0) close(log->fd);
  free(log->lines);
  *log = (cream_path_log){.fd = -1};
}
