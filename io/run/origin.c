#include "origin.h"

#include <inttypes.h>
#include <jansson.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include <xxhash.h>

#include "core/cream.h"
#include "io/base/json.h"
#include "io/config/space_yaml.h"

enum { SAMPLED = 64, MAX_COMMAND = 8192, MAX_STARTS = 100, MAX_BYTES = 4 << 20 };

/* ---- the data ------------------------------------------------------------------------------------ */

static void hash_part(XXH3_state_t *hash, const cream_dataset *data, cream_part part) {
  size_t count = data->count[part], sampled = count < SAMPLED ? count : SAMPLED;
  uint64_t size = count;
  XXH3_128bits_update(hash, &size, sizeof size);
  XXH3_128bits_update(hash, data->labels[part], count * sizeof *data->labels[part]);
  cream_image image = {0};
  for (size_t i = 0; i < sampled; i++) {
    uint64_t index = i * count / sampled;
    cream_error ignored;
    if (data->load(data, part, (size_t)index, 0, &image, &ignored))
      XXH3_128bits_update(hash, &index, sizeof index);
    else
      XXH3_128bits_update(hash, image.pixels, (size_t)image.width * (size_t)image.height * 3);
  }
  cream_image_free(&image);
}

cream_status cream_data_fingerprint(const cream_dataset *data, char hex[33], cream_error *err) {
  XXH3_state_t *hash = XXH3_createState();
  if (!hash) return cream_fail_memory(err, 1024, "a checksum");
  XXH3_128bits_reset(hash);
  XXH3_128bits_update(hash, &data->classes, sizeof data->classes);
  for (int c = 0; c < data->classes; c++)
    XXH3_128bits_update(hash, data->class_names[c], strlen(data->class_names[c]) + 1);
  for (int part = 0; part < CREAM_PARTS; part++) hash_part(hash, data, (cream_part)part);
  XXH128_hash_t digest = XXH3_128bits_digest(hash);
  snprintf(hex, 33, "%016" PRIx64 "%016" PRIx64, (uint64_t)digest.high64, (uint64_t)digest.low64);
  XXH3_freeState(hash);
  return CREAM_OK;
}

/* ---- the command line ---------------------------------------------------------------------------- */

static void add(char *text, size_t size, size_t *used, const char *piece, size_t length) {
  for (size_t i = 0; i < length && *used + 1 < size; i++) text[(*used)++] = piece[i];
  text[*used] = 0;
}

static void add_word(char *text, size_t size, size_t *used, const char *word) {
  static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=./,:@%";
  size_t length = strlen(word);
  add(text, size, used, " ", 1);
  if (length && strspn(word, plain) == length) {
    add(text, size, used, word, length);
    return;
  }
  add(text, size, used, "'", 1);
  for (; *word; word++) add(text, size, used, *word == '\'' ? "'\\''" : word, *word == '\'' ? 4 : 1);
  add(text, size, used, "'", 1);
}

char *cream_command_line(const char *command, const char *const *words, int n_words, char *text,
                         size_t size) {
  size_t used = 0;
  add(text, size, &used, "cream", 5);
  add_word(text, size, &used, command);
  for (int i = 0; i < n_words; i++) add_word(text, size, &used, words[i]);
  return text;
}

/* ---- the machine --------------------------------------------------------------------------------- */

/* The name of the processor; "": not known. */
static void find_cpu(char *name, size_t size) {
  char line[512];
  name[0] = 0;
  FILE *stream = fopen("/proc/cpuinfo", "r");
  while (stream && !name[0] && fgets(line, sizeof line, stream)) {
    const char *colon = strncmp(line, "model name", 10) ? NULL : strchr(line, ':');
    if (colon) snprintf(name, size, "%.*s", (int)strcspn(colon + 2, "\n"), colon + 2);
  }
  if (stream) fclose(stream);
}

static void put_start(cream_json *json, const cream_origin *origin) {
  char text[MAX_COMMAND], cpu[128];
  struct utsname system = {0};
  time_t now = time(NULL);
  struct tm utc;
  cream_json_object(json, NULL, true);
  cream_json_string(json, "command",
                    cream_command_line(origin->command, origin->words, origin->n_words, text, sizeof text));
  strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
  cream_json_string(json, "time", text);
  cream_json_string(json, "program", CREAM_VERSION);
  cream_json_string(json, "compiler", __VERSION__);
  uname(&system);
  snprintf(text, sizeof text, "%s %s %s", system.sysname, system.release, system.machine);
  cream_json_string(json, "system", text);
  find_cpu(cpu, sizeof cpu);
  cream_json_string(json, "cpu", cpu);
  cream_json_number(json, "processors", (double)sysconf(_SC_NPROCESSORS_ONLN));
  cream_json_number(json, "memory", (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE));
  cream_json_number(json, "threads", origin->threads);
  cream_json_end(json);
}

/* Copies a start from the file: an object of strings and numbers. */
static void copy_start(cream_json *json, json_t *start) {
  const char *key;
  json_t *value;
  cream_json_object(json, NULL, true);
  json_object_foreach(start, key, value) {
    if (json_is_string(value)) cream_json_string(json, key, json_string_value(value));
    if (json_is_number(value)) cream_json_number(json, key, json_number_value(value));
  }
  cream_json_end(json);
}

/* The starts in an origin.json, or NULL if it cannot be read. */
static json_t *earlier_starts(const char *path) {
  char *text;
  size_t size;
  cream_error ignored;
  if (cream_file_read(path, MAX_BYTES, &text, &size, &ignored)) return NULL;
  json_t *file = json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
  json_t *starts = json_incref(json_object_get(file, "starts"));
  json_decref(file);
  free(text);
  return starts;
}

cream_status cream_origin_write(const cream_run *run, const cream_origin *origin, bool resumed,
                                cream_error *err) {
  char path[CREAM_MAX_FILE_NAME], fingerprint[33];
  cream_file file;
  cream_run_file(run, CREAM_RUN_ORIGIN, path);
  cream_status status = cream_data_fingerprint(origin->dataset, fingerprint, err);
  if (!status) status = cream_file_create(&file, path, err);
  if (status) return status;
  cream_json json = cream_json_to(file.stream);
  cream_json_object(&json, NULL, true);
  cream_json_string(&json, "format", "cream-origin");
  cream_json_number(&json, "version", 1);
  cream_json_object(&json, "data", false);
  cream_json_string(&json, "spec", origin->data);
  cream_json_number(&json, "classes", origin->dataset->classes);
  cream_json_integer(&json, "train", origin->dataset->count[CREAM_PART_TRAIN]);
  cream_json_integer(&json, "test", origin->dataset->count[CREAM_PART_TEST]);
  cream_json_string(&json, "fingerprint", fingerprint);
  cream_json_end(&json);
  cream_json_array(&json, "starts", true);
  json_t *starts = resumed ? earlier_starts(path) : NULL;
  size_t count = json_array_size(starts), first = count < MAX_STARTS ? 0 : count - MAX_STARTS + 1;
  for (size_t i = first; i < count; i++) copy_start(&json, json_array_get(starts, i));
  json_decref(starts);
  put_start(&json, origin);
  cream_json_end(&json);
  cream_json_end(&json);
  fputc('\n', file.stream);
  return cream_file_commit(&file, err);
}

cream_status cream_run_write_space(const cream_run *run, const cream_space *space, cream_error *err) {
  char path[CREAM_MAX_FILE_NAME];
  cream_file file;
  cream_status status = cream_file_create(&file, cream_run_file(run, CREAM_RUN_SPACE, path), err);
  if (status) return status;
  cream_space_print(space, file.stream);
  return cream_file_commit(&file, err);
}
