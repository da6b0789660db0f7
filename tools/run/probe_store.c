#include "probe_store.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/base/hash.h"
#include "io/base/file.h"

enum { SECONDS_VALID = 24 * 3600, MAX_FILE = 1 << 16 };

static bool path_of(char *path, size_t size, const char *driver, bool create) {
  const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
  char folder[CREAM_MAX_FILE_NAME];
  int length;
  if (cache && cache[0] == '/')
    length = snprintf(folder, sizeof folder, "%s/cream", cache);
  else if (home && home[0] == '/')
    length = snprintf(folder, sizeof folder, "%s/.cache/cream", home);
  else
    return false;
  if (length < 0 || (size_t)length >= sizeof folder) return false;
  cream_error unwritable;
  if (create && cream_make_directories(folder, &unwritable) != CREAM_OK) return false;
  return (size_t)snprintf(path, size, "%s/%s.probe", folder, driver) < size;
}

/* A line after the first; lines that cannot be read are ignored, and what they say is found out again. */
static void read_line(probe_store *store, const char *line) {
  uint64_t digest;
  probe_left_out *next = &store->left_out[store->n_left_out];
  if (sscanf(line, "good %" SCNx64, &digest) == 1)
    probe_store_add(store, digest);
  else if (store->n_left_out < PROBE_MAX_LEFT_OUT &&
           sscanf(line, "left out %255[^:]: %255[^\n]", next->file, next->problem) == 2)
    store->n_left_out++;
}

void probe_store_read(probe_store *store, const char *driver, uint64_t fingerprint) {
  *store = (probe_store){.fingerprint = fingerprint};
  char path[CREAM_MAX_FILE_NAME], *text;
  size_t size;
  cream_error absent;
  if (!fingerprint || !path_of(path, sizeof path, driver, false)) return;
  if (cream_file_read_text(path, MAX_FILE, &text, &size, &absent) != CREAM_OK) return;
  uint64_t found;
  long long written;
  const long long now = (long long)time(NULL);
  if (sscanf(text, "cream-probe 1 %" SCNx64 " %lld", &found, &written) == 2 && found == fingerprint &&
      written <= now && now - written < SECONDS_VALID) {
    store->listed = true;
    for (const char *line = strchr(text, '\n'); line; line = strchr(line + 1, '\n'))
      read_line(store, line + 1);
  }
  free(text);
}

void probe_store_write(const probe_store *store, const char *driver) {
  char path[CREAM_MAX_FILE_NAME];
  cream_file file;
  cream_error ignored;
  if (!store->fingerprint || !path_of(path, sizeof path, driver, true)) return;
  if (cream_file_create(&file, path, &ignored) != CREAM_OK) return;
  fprintf(file.stream, "cream-probe 1 %016" PRIx64 " %lld\n", store->fingerprint, (long long)time(NULL));
  for (int i = 0; i < store->n_good; i++) fprintf(file.stream, "good %016" PRIx64 "\n", store->good[i]);
  for (int i = 0; i < store->n_left_out; i++)
    fprintf(file.stream, "left out %s: %s\n", store->left_out[i].file, store->left_out[i].problem);
  cream_file_commit(&file, &ignored);
}

uint64_t probe_digest(const cream_device *device, bool half) {
  uint64_t hash = CREAM_FNV1A_START;
  const char *const texts[] = {
      device->id,     device->name,     device->version,          device->bus,
      device->driver, device->platform, device->platform_version, half ? "half" : ""};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
    hash = cream_fnv1a(hash, texts[i], strlen(texts[i]) + 1);
  return hash;
}

bool probe_store_has(const probe_store *store, uint64_t digest) {
  for (int i = 0; i < store->n_good; i++)
    if (store->good[i] == digest) return true;
  return false;
}

void probe_store_add(probe_store *store, uint64_t digest) {
  if (store->n_good < PROBE_MAX_GOOD && !probe_store_has(store, digest))
    store->good[store->n_good++] = digest;
}
