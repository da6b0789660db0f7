#include "checkpoint_file.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#include "io/base/file.h"
#include "io/config/settings.h"
#include "io/weights/safetensors.h"
#include "io/weights/weights_info.h"

static const char format[] = "cream-checkpoint", checksum_name[] = "checksum";

enum { MOST_PAIRS = 9 + CREAM_LOGS, NUMBER = 32 };

static cream_st_dtype dtype_of(cream_state_kind kind) {
  switch (kind) {
  case CREAM_STATE_F32:
    return CREAM_ST_F32;
  case CREAM_STATE_U64:
    return CREAM_ST_U64;
  case CREAM_STATE_F64:
    return CREAM_ST_F64;
  }
  CREAM_ASSERT(!"a kind of state");
  return CREAM_ST_F64;
}

/* ---- writing ----------------------------------------------------------------------------------------- */

/* The metadata of the file's header, and the memory of their texts. */
typedef struct metadata {
  cream_pair pairs[MOST_PAIRS];
  int n;
  char texts[MOST_PAIRS][NUMBER];
  char names[CREAM_LOGS][80];
  char *config;
  cream_weights_metadata normalisation;
} metadata;

static void put(metadata *m, const char *key, const char *value) {
  m->pairs[m->n++] = (cream_pair){key, value};
}

static void put_number(metadata *m, const char *key, const char *number_format, ...)
    __attribute__((format(printf, 3, 4)));
static void put_number(metadata *m, const char *key, const char *number_format, ...) {
  va_list args;
  va_start(args, number_format);
  vsnprintf(m->texts[m->n], NUMBER, number_format, args);
  va_end(args);
  put(m, key, m->texts[m->n]);
}

/* The mean and the standard deviation, as in the metadata of weights. */
static cream_status put_normalisation(metadata *m, const cream_checkpoint_info *info, cream_error *err) {
  cream_weights_info weights = {.has_normalisation = info->has_normalisation};
  memcpy(weights.mean, info->mean, sizeof weights.mean);
  memcpy(weights.std, info->std, sizeof weights.std);
  cream_status status = cream_weights_metadata_init(&m->normalisation, &weights, err);
  for (int i = 0; i < m->normalisation.count; i++)
    if (strcmp(m->normalisation.pairs[i].key, "format")) m->pairs[m->n++] = m->normalisation.pairs[i];
  return status;
}

static void free_metadata(metadata *m) {
  cream_weights_metadata_free(&m->normalisation);
  free(m->config);
}

/* The caller ends it with free_metadata, also after a failure. */
static cream_status describe(metadata *m, const cream_checkpoint_info *info, cream_error *err) {
  *m = (metadata){0};
  m->config = cream_settings_text(&info->config);
  if (!m->config) return cream_fail_memory(err, sizeof info->config, "the settings of a checkpoint");
  put(m, "format", format);
  put_number(m, "version", "%d", CREAM_CHECKPOINT_VERSION);
  put(m, "command", info->command);
  put_number(m, "step", "%" PRIu64, info->step);
  if (info->seconds > 0) put_number(m, "seconds", "%.3f", info->seconds);
  if (isfinite(info->score)) put_number(m, "score", "%.17g", info->score);
  for (int i = 0; i < info->n_logs; i++) {
    snprintf(m->names[i], sizeof m->names[i], "bytes:%s", info->logs[i].name);
    put_number(m, m->names[i], "%" PRIu64, info->logs[i].bytes);
  }
  put(m, "config", m->config);
  return put_normalisation(m, info, err);
}

/* The order of the parts in the file, as indices: elements of eight bytes first, so that all are aligned. */
static void order_parts(const cream_state *state, int *order) {
  int n = 0;
  for (int wide = 1; wide >= 0; wide--)
    for (int i = 0; i < state->n; i++)
      if ((state->parts[i].kind != CREAM_STATE_F32) == wide) order[n++] = i;
}

/* Offset of a part in the snapshot, in bytes. */
static size_t offset_of(const cream_state *state, int part) {
  size_t offset = 0;
  for (int i = 0; i < part; i++) offset += cream_state_part_bytes(&state->parts[i]);
  return offset;
}

typedef struct output {
  FILE *stream;
  XXH3_state_t *hash;
} output;

static void put_bytes(output *out, const void *bytes, size_t count) {
  XXH3_64bits_update(out->hash, bytes, count);
  fwrite(bytes, 1, count, out->stream);
}

cream_status cream_checkpoint_write(const char *path, const cream_state *state, const void *memory,
                                    const cream_checkpoint_info *info, cream_error *err) {
  cream_st_tensor tensors[CREAM_STATE_MAX + 1];
  int order[CREAM_STATE_MAX];
  order_parts(state, order);
  for (int i = 0; i < state->n; i++) {
    const cream_state_part *part = &state->parts[order[i]];
    tensors[i] = (cream_st_tensor){.name = part->name,
                                   .dtype = dtype_of(part->kind),
                                   .n_dims = 1,
                                   .dims = {part->count},
                                   .data = (const char *)memory + offset_of(state, order[i])};
  }
  uint64_t checksum = 0;
  tensors[state->n] = (cream_st_tensor){
      .name = checksum_name, .dtype = CREAM_ST_U64, .n_dims = 1, .dims = {1}, .data = &checksum};

  metadata m;
  cream_status status = describe(&m, info, err);
  if (status) {
    free_metadata(&m);
    return status;
  }
  char *head = NULL;
  size_t head_size;
  cream_file file;
  output out = {.hash = XXH3_createState()};
  status = out.hash ? cream_st_head(path, tensors, state->n + 1, m.pairs, m.n, &head, &head_size, err)
                    : cream_fail_memory(err, 1, "a checksum");
  if (status) goto done;
  status = cream_file_create(&file, path, err);
  if (status) goto done;
  out.stream = file.stream;
  XXH3_64bits_reset(out.hash);
  put_bytes(&out, head, head_size);
  for (int i = 0; i < state->n; i++)
    put_bytes(&out, tensors[i].data, cream_state_part_bytes(&state->parts[order[i]]));
  checksum = XXH3_64bits_digest(out.hash);
  fwrite(&checksum, sizeof checksum, 1, file.stream);
  for (int i = 0; i < info->n_logs; i++)
    if (info->logs[i].fd >= 0 && fsync(info->logs[i].fd)) {
      status = cream_fail(err, CREAM_FAILED, "cannot write %s: %s", info->logs[i].name, strerror(errno));
      cream_file_abandon(&file);
      goto done;
    }
  status = cream_file_commit(&file, err);
done:
  XXH3_freeState(out.hash);
  free(head);
  free_metadata(&m);
  return status;
}

/* ---- reading ----------------------------------------------------------------------------------------- */

static cream_status broken(cream_error *err, const char *path, const char *what) {
  return cream_fail(err, CREAM_BAD_DATA, "%s: %s", path, what);
}

static cream_status check_sum(const char *path, const cream_st_file *file, cream_error *err) {
  size_t size;
  const char *bytes = cream_st_bytes(file, &size);
  const cream_st_tensor *tensor = cream_st_find(file, checksum_name);
  uint64_t stored;
  if (!tensor || tensor->dtype != CREAM_ST_U64 || cream_st_count(tensor) != 1 ||
      (const char *)tensor->data != bytes + size - sizeof stored)
    return broken(err, path, "it does not end with a checksum");
  memcpy(&stored, tensor->data, sizeof stored);
  if (XXH3_64bits(bytes, size - sizeof stored) == stored) return CREAM_OK;
  return broken(err, path, "its checksum does not match its content");
}

static bool parse_count(const char *text, uint64_t *out) {
  if (!text || !text[0] || text[strspn(text, "0123456789")]) return false;
  errno = 0;
  *out = strtoull(text, NULL, 10);
  return errno == 0;
}

/* The mean and the standard deviation, if there are any. */
static cream_status read_normalisation(const char *path, const cream_st_file *file,
                                       cream_checkpoint_info *info, cream_error *err) {
  float *const channels[] = {info->mean, info->std};
  const char *const keys[] = {"mean", "std"};
  for (int i = 0; i < 2; i++) {
    const char *text = cream_st_metadata(file, keys[i]);
    if (!text) return CREAM_OK;
    if (!cream_weights_info_channels(text, i == 1, channels[i]))
      return broken(err, path, "its mean and std are not valid");
  }
  info->has_normalisation = true;
  return CREAM_OK;
}

static cream_status read_info(const char *path, const cream_st_file *file, cream_checkpoint_info *info,
                              cream_error *err) {
  const char *kind = cream_st_metadata(file, "format");
  const char *command = cream_st_metadata(file, "command"), *config = cream_st_metadata(file, "config");
  const char *score = cream_st_metadata(file, "score"), *seconds = cream_st_metadata(file, "seconds");
  uint64_t version;
  memset(info, 0, sizeof *info);
  if (!kind || strcmp(kind, format)) return broken(err, path, "it is not a checkpoint");
  if (!parse_count(cream_st_metadata(file, "version"), &version))
    return broken(err, path, "it has no version");
  if (version > CREAM_CHECKPOINT_VERSION)
    return cream_fail(err, CREAM_BAD_CONFIG,
                      "%s: version %" PRIu64
                      " of the format; expected at most %d; use a newer version of cream",
                      path, version, CREAM_CHECKPOINT_VERSION);
  if (!command || strlen(command) >= sizeof info->command || !config ||
      !parse_count(cream_st_metadata(file, "step"), &info->step))
    return broken(err, path, "its metadata are incomplete");
  strcpy(info->command, command);
  info->score = score ? strtod(score, NULL) : NAN;
  info->seconds = seconds ? strtod(seconds, NULL) : 0;
  if (!(info->seconds >= 0 && info->seconds < 1e12))
    return broken(err, path, "its seconds are not a valid time");
  for (int i = 0; i < CREAM_LOGS; i++) {
    char key[80];
    snprintf(key, sizeof key, "bytes:%s", cream_run_log_names[i]);
    cream_checkpoint_log *log = &info->logs[info->n_logs];
    if (!parse_count(cream_st_metadata(file, key), &log->bytes)) continue;
    snprintf(log->name, sizeof log->name, "%s", cream_run_log_names[i]);
    log->fd = -1;
    info->n_logs++;
  }
  cream_config_defaults(&info->config);
  cream_status status = cream_settings_parse(&info->config, path, config, strlen(config), err);
  return status ? status : read_normalisation(path, file, info, err);
}

/* The parts in the file have to be those of the state. */
static cream_status copy_parts(const char *path, const cream_st_file *file, const cream_state *state,
                               void *memory, cream_error *err) {
  static const char other[] = "the checkpoint belongs to a different network";
  static const char advice[] = "start a new run with another --out";
  const cream_st_tensor *all;
  int n = cream_st_tensors(file, &all);
  char *to = memory;
  for (int i = 0; i < state->n; i++) {
    const cream_state_part *part = &state->parts[i];
    const cream_st_tensor *tensor = cream_st_find(file, part->name);
    if (!tensor)
      return cream_fail(err, CREAM_BAD_CONFIG, "%s: %s: it has no %s; %s", path, other, part->name, advice);
    if (tensor->dtype != dtype_of(part->kind) || cream_st_count(tensor) != part->count)
      return cream_fail(err, CREAM_BAD_CONFIG, "%s: %s: its %s has another size or type; %s", path, other,
                        part->name, advice);
    memcpy(to, tensor->data, cream_state_part_bytes(part));
    to += cream_state_part_bytes(part);
  }
  if (n == state->n + 1) return CREAM_OK;
  return cream_fail(err, CREAM_BAD_CONFIG, "%s: %s: it has %d parts, expected %d; %s", path, other, n - 1,
                    state->n, advice);
}

static cream_status ask(const char *path, const cream_checkpoint_reader *reader,
                        const cream_checkpoint_info *info, cream_error *err) {
  if (reader->command && strcmp(info->command, reader->command))
    return cream_fail(err, CREAM_BAD_CONFIG,
                      "%s: it is a checkpoint of cream %s; expected one of cream %s; choose another --out",
                      path, info->command, reader->command);
  return reader->check ? reader->check(reader->self, info, err) : CREAM_OK;
}

cream_status cream_checkpoint_read(const char *path, const cream_state *state, void *memory,
                                   const cream_checkpoint_reader *reader, cream_checkpoint_info *info,
                                   cream_error *err) {
  cream_st_file *file;
  cream_status status = cream_st_open(path, &file, err);
  if (status) return status;
  if (memory) status = check_sum(path, file, err);
  if (!status) status = read_info(path, file, info, err);
  if (!status && reader) status = ask(path, reader, info, err);
  if (!status && memory) status = copy_parts(path, file, state, memory, err);
  cream_st_close(file);
  return status;
}
