#include "teacher_cache.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

enum { HEAD = 4096, CHECK = 8, LINE = 200 };

static const char first_line[] = "cream teacher cache 1\n";

struct cream_teacher_cache {
  char *path;
  int fd;
  bool writes;
  cream_teacher_cache_shape shape;
  uint64_t count;        /* whole records */
  size_t record;         /* bytes */
  unsigned char *memory; /* one record: a checksum, the classes, the probabilities */
  char remark[LINE];
};

static size_t outputs(const cream_teacher_cache *cache) {
  return (size_t)cache->shape.batch * (size_t)cache->shape.top;
}

/* ---- the head ---------------------------------------------------------------------------------------- */

/* Writes the head of these outputs: text, then zeros. */
static cream_status make_head(const cream_teacher_cache_shape *shape, const char *key, char head[HEAD],
                              cream_error *err) {
  memset(head, 0, HEAD);
  int length = snprintf(head, HEAD, "%sbatch %d\ntop %d\nclasses %d\n%s", first_line, shape->batch,
                        shape->top, shape->classes, key);
  if (length > 0 && length < HEAD) return CREAM_OK;
  return cream_fail(err, CREAM_FAILED,
                    "the description of the teacher's outputs takes %d bytes, expected "
                    "less than %d",
                    length, HEAD);
}

/* The next line of *text, without its end, copied to line; control characters become question marks. */
static void next_line(const char **text, char line[LINE]) {
  size_t length = strcspn(*text, "\n"), n = length < LINE - 1 ? length : LINE - 1;
  for (size_t i = 0; i < n; i++) line[i] = (unsigned char)(*text)[i] < ' ' ? '?' : (*text)[i];
  line[n] = '\0';
  *text += length + ((*text)[length] == '\n');
}

/* `found` and `expected` are whole heads; the former ends with a 0. */
static cream_status compare_heads(cream_teacher_cache *cache, const char *found, const char *expected,
                                  cream_error *err) {
  const char *path = cache->path;
  const bool whole = cache->count >= cache->shape.batches;
  if (strncmp(found, first_line, strlen(first_line)) != 0)
    return cream_fail(
        err, CREAM_BAD_DATA,
        "%s: not a cache of a teacher's outputs, expected one of version 1; choose another file", path);
  while (*found || *expected) {
    char was[LINE], is[LINE];
    next_line(&found, was);
    next_line(&expected, is);
    if (strcmp(was, is) == 0) continue;
    if (whole && *was == '#' && *is == '#') {
      snprintf(cache->remark, sizeof cache->remark, "%s", was + 1);
      continue;
    }
    return cream_fail(
        err, CREAM_BAD_DATA,
        "%s: the outputs are those for '%s', expected '%s'; choose another file, or delete this one", path,
        was, is);
  }
  return CREAM_OK;
}

/* ---- opening ----------------------------------------------------------------------------------------- */

static cream_status fail_system(const cream_teacher_cache *cache, const char *what, cream_error *err) {
  return cream_fail(err, CREAM_FAILED, "cannot %s %s: %s", what, cache->path, strerror(errno));
}

/* Checks the head and counts the records. *empty: there is no head, or the beginning of one. */
static cream_status read_head(cream_teacher_cache *cache, const char *expected, bool *empty,
                              cream_error *err) {
  char head[HEAD + 1] = "";
  struct stat about;
  if (fstat(cache->fd, &about)) return fail_system(cache, "read", err);
  if (!S_ISREG(about.st_mode))
    return cream_fail(err, CREAM_FAILED, "%s: not a regular file; choose another file", cache->path);
  size_t size = (size_t)about.st_size, n = size < HEAD ? size : HEAD;
  if (pread(cache->fd, head, n, 0) != (ssize_t)n) return fail_system(cache, "read", err);
  *empty = size < HEAD && memcmp(head, expected, n) == 0;
  if (*empty) return CREAM_OK;
  cache->count = size < HEAD ? 0 : (size - HEAD) / cache->record;
  return compare_heads(cache, head, expected, err);
}

/* Locks the file, which was opened for writing, and gives it a head or removes an incomplete record. */
static cream_status prepare(cream_teacher_cache *cache, const char *head, cream_error *err) {
  if (flock(cache->fd, LOCK_EX | LOCK_NB))
    return cream_fail(err, CREAM_FAILED,
                      "%s: another training writes it; wait for its end, or choose another file",
                      cache->path);
  bool empty;
  cream_status status = read_head(cache, head, &empty, err);
  if (status) return status;
  if (empty && pwrite(cache->fd, head, HEAD, 0) != HEAD) return fail_system(cache, "write", err);
  if (ftruncate(cache->fd, (off_t)(HEAD + cache->count * cache->record)))
    return fail_system(cache, "write", err);
  cache->writes = true;
  return CREAM_OK;
}

static cream_status open_file(cream_teacher_cache *cache, const char *head, cream_error *err) {
  bool empty = true;
  cache->fd = open(cache->path, O_RDONLY | O_CLOEXEC);
  cream_status status = cache->fd < 0 ? CREAM_OK : read_head(cache, head, &empty, err);
  if (status || (!empty && cache->count >= cache->shape.batches)) return status;
  if (cache->fd >= 0) close(cache->fd);
  cache->fd = open(cache->path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  return cache->fd < 0 ? fail_system(cache, "write", err) : prepare(cache, head, err);
}

cream_status cream_teacher_cache_open(const char *path, const cream_teacher_cache_shape *shape,
                                      const char *key, cream_teacher_cache **out, cream_error *err) {
  char head[HEAD];
  *out = NULL;
  cream_status status = make_head(shape, key, head, err);
  if (status) return status;
  cream_teacher_cache *cache = calloc(1, sizeof *cache);
  if (!cache) return cream_fail_memory(err, sizeof *cache, "the cache of the teacher");
  cache->fd = -1;
  cache->shape = *shape;
  cache->record = CHECK + outputs(cache) * 8;
  cache->path = strdup(path);
  cache->memory = malloc(cache->record);
  if (!cache->path || !cache->memory)
    status = cream_fail_memory(err, cache->record, "the cache of the teacher");
  if (!status) status = open_file(cache, head, err);
  if (status)
    cream_teacher_cache_close(cache);
  else
    *out = cache;
  return status;
}

void cream_teacher_cache_close(cream_teacher_cache *cache) {
  if (!cache) return;
  if (cache->fd >= 0) close(cache->fd);
  free(cache->path);
  free(cache->memory);
  free(cache);
}

uint64_t cream_teacher_cache_count(const cream_teacher_cache *cache) {
  return cache->count;
}

const char *cream_teacher_cache_remark(const cream_teacher_cache *cache) {
  return cache->remark;
}

/* ---- records ----------------------------------------------------------------------------------------- */

/* Of the record in memory, as the record of that batch. */
static uint64_t checksum(const cream_teacher_cache *cache, uint64_t number) {
  return XXH3_64bits_withSeed(cache->memory + CHECK, cache->record - CHECK, number);
}

static off_t place(const cream_teacher_cache *cache, uint64_t number) {
  return (off_t)(HEAD + number * cache->record);
}

/* Whether these can be outputs: a checksum of any bytes can be made to fit. */
static bool plausible(const cream_teacher_cache *cache, const uint32_t *classes, const float *probabilities) {
  for (size_t i = 0; i < outputs(cache); i++)
    if (classes[i] >= (uint32_t)cache->shape.classes || !(probabilities[i] >= 0 && probabilities[i] <= 1))
      return false;
  return true;
}

static cream_status get(void *self, uint64_t number, uint32_t *classes, float *probabilities, bool *found,
                        cream_error *err) {
  cream_teacher_cache *cache = self;
  *found = number < cache->count;
  if (!*found) return CREAM_OK;
  size_t half = outputs(cache) * 4;
  uint64_t check;
  ssize_t n = pread(cache->fd, cache->memory, cache->record, place(cache, number));
  if (n < 0) return fail_system(cache, "read", err);
  memcpy(&check, cache->memory, CHECK);
  memcpy(classes, cache->memory + CHECK, half);
  memcpy(probabilities, cache->memory + CHECK + half, half);
  if ((size_t)n == cache->record && check == checksum(cache, number) &&
      plausible(cache, classes, probabilities))
    return CREAM_OK;
  return cream_fail(
      err, CREAM_BAD_DATA,
      "%s: the outputs for batch %llu are damaged; delete the file, and a training writes it again",
      cache->path, (unsigned long long)number);
}

static cream_status put(void *self, uint64_t number, const uint32_t *classes, const float *probabilities,
                        cream_error *err) {
  cream_teacher_cache *cache = self;
  if (!cache->writes || number != cache->count) return CREAM_OK;
  size_t half = outputs(cache) * 4;
  memcpy(cache->memory + CHECK, classes, half);
  memcpy(cache->memory + CHECK + half, probabilities, half);
  uint64_t check = checksum(cache, number);
  memcpy(cache->memory, &check, CHECK);
  errno = ENOSPC; /* of a write that ends early */
  if (pwrite(cache->fd, cache->memory, cache->record, place(cache, number)) != (ssize_t)cache->record)
    return fail_system(cache, "write", err);
  cache->count++;
  return CREAM_OK;
}

cream_external_store cream_teacher_cache_store(cream_teacher_cache *cache) {
  return (cream_external_store){cache, get, put};
}
