/* Compiled kernels in $XDG_CACHE_HOME/cream or ~/.cache/cream, a file for each program: "CREAMCL1", length and
 * hash of the binary (64 bits each, in the machine's byte order), the binary.
 * Not used with drivers that cache programs themselves, where loading a binary may take longer than it saves:
 * PoCL compiles every kernel for one. CREAM_OPENCL_CACHE=0 switches the cache off, =1 on for every driver. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "cache.h"

enum { MAX_PATH = 2048, MAX_BINARY = 256 << 20 };

static const char magic[8] = "CREAMCL1";

typedef struct cache_header {
  char magic[8];
  uint64_t length, hash;
} cache_header;

bool ocl_driver_caches(const ocl_runtime *ocl) {
  const char *text = getenv("CREAM_OPENCL_CACHE");
  if (text && strcmp(text, "1") == 0) return false;
  return strstr(ocl->about.platform, "Portable Computing Language") || strstr(ocl->about.platform, "NVIDIA");
}

static bool is_used(const ocl_runtime *ocl) {
  const char *text = getenv("CREAM_OPENCL_CACHE");
  return !(text && strcmp(text, "0") == 0) && !ocl_driver_caches(ocl);
}

/* The cache's folder, created where it is missing; false: it cannot be. */
static bool folder(char *path, size_t size) {
  const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
  int length;
  if (cache && cache[0] == '/')
    length = snprintf(path, size, "%s", cache);
  else if (home && home[0] == '/')
    length = snprintf(path, size, "%s/.cache", home);
  else
    return false;
  if (length < 0 || (size_t)length + sizeof "/cream" > size) return false;
  if (mkdir(path, 0700) && errno != EEXIST) return false;
  strcat(path, "/cream");
  return mkdir(path, 0700) == 0 || errno == EEXIST;
}

static bool file_of(const ocl_cache_key *key, const char *ending, char *path, size_t size) {
  char dir[MAX_PATH];
  return folder(dir, sizeof dir) && (size_t)snprintf(path, size, "%s/%s.%s", dir, key->text, ending) < size;
}

static void hash_text(XXH3_state_t *state, const char *text) {
  XXH3_128bits_update(state, text, strlen(text) + 1);
}

static void hash_device(XXH3_state_t *state, const ocl_runtime *ocl) {
  hash_text(state, ocl->about.name);
  hash_text(state, ocl->about.vendor);
  hash_text(state, ocl->about.version);
  hash_text(state, ocl->about.driver);
  hash_text(state, ocl->about.platform);
  hash_text(state, ocl->about.platform_version);
}

static void name_file(XXH3_state_t *state, ocl_cache_key *key) {
  XXH128_hash_t h = XXH3_128bits_digest(state);
  XXH3_freeState(state);
  snprintf(key->text, sizeof key->text, "opencl-%016llx%016llx", (unsigned long long)h.high64,
           (unsigned long long)h.low64);
}

ocl_cache_key ocl_cache_key_of(const ocl_runtime *ocl, const char *const *sources, const size_t *lengths,
                               int n, const char *options) {
  ocl_cache_key key = {""};
  XXH3_state_t *state = is_used(ocl) ? XXH3_createState() : NULL;
  if (!state) return key;
  XXH3_128bits_reset(state);
  for (int i = 0; i < n; i++) XXH3_128bits_update(state, sources[i], lengths[i]);
  hash_text(state, options);
  hash_device(state, ocl);
  name_file(state, &key);
  return key;
}

/* The binary of a file, freed by the caller; NULL where the file is damaged. */
static unsigned char *read_binary(FILE *file, size_t *length) {
  cache_header header;
  if (fread(&header, sizeof header, 1, file) != 1) return NULL;
  if (memcmp(header.magic, magic, sizeof magic) != 0 || header.length == 0 || header.length > MAX_BINARY)
    return NULL;
  unsigned char *binary = malloc(header.length);
  if (!binary) return NULL;
  *length = header.length;
  if (fread(binary, 1, *length, file) == *length && fgetc(file) == EOF &&
      XXH3_64bits(binary, *length) == header.hash)
    return binary;
  free(binary);
  return NULL;
}

cl_program ocl_cache_load(const ocl_runtime *ocl, const ocl_cache_key *key) {
  char path[MAX_PATH];
  FILE *file = key->text[0] && file_of(key, "bin", path, sizeof path) ? fopen(path, "rb") : NULL;
  if (!file) return NULL;
  size_t length;
  unsigned char *binary = read_binary(file, &length);
  fclose(file);
  if (!binary) return NULL;
  cl_int code, loaded;
  cl_program program = clCreateProgramWithBinary(ocl->context, 1, &ocl->device, &length,
                                                 (const unsigned char **)&binary, &loaded, &code);
  free(binary);
  if (!program) return NULL;
  if (code == CL_SUCCESS && loaded == CL_SUCCESS &&
      clBuildProgram(program, 1, &ocl->device, NULL, NULL, NULL) == CL_SUCCESS)
    return program;
  clReleaseProgram(program);
  return NULL;
}

/* Writes a temporary file and renames it, so that other processes see the whole file or none. */
static bool write_whole(const char *path, const cache_header *header, const void *bytes, size_t length) {
  char temporary[MAX_PATH + 16];
  snprintf(temporary, sizeof temporary, "%s.XXXXXX", path);
  int fd = mkstemp(temporary);
  FILE *file = fd >= 0 ? fdopen(fd, "wb") : NULL;
  if (!file) {
    if (fd >= 0) close(fd);
    if (fd >= 0) unlink(temporary);
    return false;
  }
  bool good = !header || fwrite(header, sizeof *header, 1, file) == 1;
  good = good && fwrite(bytes, 1, length, file) == length;
  good = fclose(file) == 0 && good && rename(temporary, path) == 0;
  if (!good) unlink(temporary);
  return good;
}

static void write_binary(const char *path, const unsigned char *binary, size_t length) {
  cache_header header = {.length = length, .hash = XXH3_64bits(binary, length)};
  memcpy(header.magic, magic, sizeof magic);
  write_whole(path, &header, binary, length);
}

void ocl_cache_save(const ocl_cache_key *key, cl_program program) {
  char path[MAX_PATH];
  size_t length = 0;
  if (!key->text[0] || !file_of(key, "bin", path, sizeof path)) return;
  if (clGetProgramInfo(program, CL_PROGRAM_BINARY_SIZES, sizeof length, &length, NULL) != CL_SUCCESS) return;
  if (length == 0 || length > MAX_BINARY) return;
  unsigned char *binary = malloc(length);
  if (!binary) return;
  if (clGetProgramInfo(program, CL_PROGRAM_BINARIES, sizeof binary, &binary, NULL) == CL_SUCCESS)
    write_binary(path, binary, length);
  free(binary);
}

/* ---- parameters of a device -------------------------------------------------------------------------------- */

enum { MAX_TEXT = 1 << 16 };

/* The file of the device's parameters; NULL where there is no place for one. */
static const char *kept_file(const ocl_runtime *ocl) {
  static char path[MAX_PATH];
  ocl_cache_key key = {""};
  XXH3_state_t *state = XXH3_createState();
  if (!state) return NULL;
  XXH3_128bits_reset(state);
  hash_device(state, ocl);
  name_file(state, &key);
  return file_of(&key, "parameters", path, sizeof path) ? path : NULL;
}

char *ocl_kept_read(const ocl_runtime *ocl, const char **name) {
  const char *wanted = getenv("CREAM_OPENCL_TUNED");
  *name = wanted && strcmp(wanted, "0") == 0 ? NULL : kept_file(ocl);
  FILE *file = *name ? fopen(*name, "r") : NULL;
  if (!file) return NULL;
  char *text = calloc(1, MAX_TEXT);
  if (text) text[fread(text, 1, MAX_TEXT - 1, file)] = '\0';
  fclose(file);
  return text;
}

cream_status ocl_kept_write(const ocl_runtime *ocl, const char *text, const char **name, cream_error *err) {
  *name = kept_file(ocl);
  if (*name && write_whole(*name, NULL, text, strlen(text))) return CREAM_OK;
  return cream_fail(err, CREAM_FAILED, "%s cannot be written: %s", *name ? *name : "$XDG_CACHE_HOME/cream",
                    strerror(errno));
}
