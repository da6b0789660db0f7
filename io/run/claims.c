#include "claims.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { MOST_BYTES = 4096, MOST_GENERATIONS = 100000 };

static const char mark[] = ".claim-";

/* A process, so that others of the same machine do not take a later one with its number for it. boot and pids: of the
 * machine since it was started, and of the processes that see each other in it; "" where the system does not say. */
typedef struct process {
  char host[72], boot[64], pids[64];
  long pid;
  uint64_t start; /* in ticks since the start of the machine; 0: not known */
} process;

/* ---- processes --------------------------------------------------------------------------------------- */

/* The first word of a file of the system; "" where it cannot be read. */
static void read_word(const char *path, char *text, size_t size) {
  FILE *stream = fopen(path, "r");
  text[0] = 0;
  if (!stream) return;
  if (!fgets(text, (int)size, stream)) text[0] = 0;
  text[strcspn(text, " \n")] = 0;
  fclose(stream);
}

static uint64_t start_of(long pid) {
  char path[64], line[1024];
  snprintf(path, sizeof path, "/proc/%ld/stat", pid);
  FILE *stream = fopen(path, "r");
  if (!stream) return 0;
  const char *at =
      fgets(line, sizeof line, stream) ? strrchr(line, ')') : NULL; /* the name may have spaces */
  fclose(stream);
  for (int field = 2; at && field < 22; field++) at = strchr(at + 1, ' ');
  return at ? strtoull(at + 1, NULL, 10) : 0;
}

/* Only letters, digits, "-" and ".", so that the name can be a part of a file's name. */
static void read_host(char host[72]) {
  if (gethostname(host, 72)) strcpy(host, "unknown");
  host[71] = 0;
  for (char *c = host; *c; c++)
    if (!isalnum((unsigned char)*c) && *c != '-' && *c != '.') *c = '-';
}

static process self(void) {
  process p = {.pid = (long)getpid()};
  read_host(p.host);
  read_word("/proc/sys/kernel/random/boot_id", p.boot, sizeof p.boot);
  ssize_t length = readlink("/proc/self/ns/pid", p.pids, sizeof p.pids - 1);
  p.pids[length > 0 ? length : 0] = 0;
  p.start = start_of(p.pid);
  return p;
}

static bool same_machine(const process *a, const process *b) {
  return !strcmp(a->host, b->host) && !strcmp(a->boot, b->boot) && !strcmp(a->pids, b->pids);
}

/* Of a process of this machine. */
static bool is_alive(const process *p) {
  if (p->pid <= 0 || (kill((pid_t)p->pid, 0) && errno == ESRCH)) return false;
  uint64_t start = start_of(p->pid);
  return !start || !p->start || start == p->start;
}

/* ---- files ------------------------------------------------------------------------------------------- */

static double seconds_of(const struct stat *info) {
  return (double)info->st_mtim.tv_sec + 1e-9 * (double)info->st_mtim.tv_nsec;
}

static bool join(char path[CREAM_MAX_FILE_NAME], const char *dir, const char *name) {
  int length = snprintf(path, CREAM_MAX_FILE_NAME, "%s/%s", dir, name);
  return length > 0 && length < CREAM_MAX_FILE_NAME;
}

static bool write_text(int fd, const char *text) {
  return cream_write_all(fd, text, strlen(text)) && fsync(fd) == 0;
}

/* A name in the folder that no other process uses. */
static void own_name(const cream_claims *claims, char path[CREAM_MAX_FILE_NAME]) {
  char host[72];
  read_host(host);
  snprintf(path, CREAM_MAX_FILE_NAME, "%s/.%s-%ld.tmp", claims->dir, host, (long)getpid());
}

/* Creates a file that no other process uses; a file of that name is from a process that has ended. */
static bool write_own(const char *path, const char *text, struct stat *info) {
  unlink(path);
  int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (fd < 0) return false;
  bool written = write_text(fd, text) && fstat(fd, info) == 0;
  int reason = errno;
  close(fd);
  if (!written) unlink(path);
  errno = reason;
  return written;
}

/* Of a file system without links. The file is empty for a moment, and stays so if the process ends in it. */
static bool create_directly(const char *path, const char *text, bool *existed) {
  int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  *existed = fd < 0 && errno == EEXIST;
  if (fd < 0) return *existed;
  bool written = write_text(fd, text);
  close(fd);
  return written;
}

cream_status cream_claims_publish(const cream_claims *claims, const char *name, const char *text,
                                  bool *existed, cream_error *err) {
  char own[CREAM_MAX_FILE_NAME], path[CREAM_MAX_FILE_NAME];
  struct stat info;
  own_name(claims, own);
  *existed = false;
  bool created = join(path, claims->dir, name) && write_own(own, text, &info);
  if (created && link(own, path)) {
    int reason = errno;
    /* The answer of a file server may be lost, and its repetition say that the link exists. */
    bool linked = stat(own, &info) == 0 && info.st_nlink == 2;
    *existed = !linked && reason == EEXIST;
    created = linked || *existed;
    if (!created && reason != ENOENT) created = create_directly(path, text, existed);
  }
  int reason = errno;
  unlink(own);
  return created
             ? CREAM_OK
             : cream_fail(err, CREAM_FAILED, "cannot write %s/%s: %s", claims->dir, name, strerror(reason));
}

/* ---- claims ------------------------------------------------------------------------------------------ */

typedef enum standing { ABSENT, FREE, HELD } standing;

static void write_claim(const cream_claims *claims, bool released, char text[1024]) {
  const process p = self();
  char when[32];
  time_t now = time(NULL);
  struct tm utc;
  strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
  snprintf(text, 1024,
           "{\"format\": \"cream-claim\", \"version\": 1, \"shard\": \"%s\", \"host\": \"%s\", \"pid\": %ld, "
           "\"start\": %" PRIu64
           ", \"boot\": \"%s\", \"pids\": \"%s\", \"time\": \"%s\", \"released\": %s}\n",
           claims->shard, p.host, p.pid, p.start, p.boot, p.pids, when, released ? "true" : "false");
}

static void copy_word(const json_t *json, const char *key, char *text, size_t size) {
  const char *word = json_string_value(json_object_get(json, key));
  snprintf(text, size, "%s", word ? word : "");
}

/* An empty file is that of a process that has just created it, or ended in doing so: its age decides. */
static standing judge(const char *text, size_t size, double age, double timeout, process *owner) {
  const process me = self();
  json_t *json = json_loadb(text, size, 0, NULL);
  copy_word(json, "host", owner->host, sizeof owner->host);
  copy_word(json, "boot", owner->boot, sizeof owner->boot);
  copy_word(json, "pids", owner->pids, sizeof owner->pids);
  owner->pid = (long)json_integer_value(json_object_get(json, "pid"));
  owner->start = (uint64_t)json_integer_value(json_object_get(json, "start"));
  bool released = json_is_true(json_object_get(json, "released"));
  json_decref(json);
  if (released) return FREE;
  if (same_machine(owner, &me)) return is_alive(owner) ? HELD : FREE;
  return age > timeout ? FREE : HELD;
}

/* Opening a file makes a file server's clients ask for its present state. */
static standing read_claim(const char *path, double now, double timeout, process *owner) {
  char text[MOST_BYTES];
  struct stat info;
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return errno == ENOENT ? ABSENT : HELD;
  ssize_t size = fstat(fd, &info) ? -1 : read(fd, text, sizeof text);
  close(fd);
  return size < 0 ? HELD : judge(text, (size_t)size, now - seconds_of(&info), timeout, owner);
}

static void name_claim(const char *job, int generation, char name[160]) {
  snprintf(name, 160, "%s%s%d", job, mark, generation);
}

static bool claim_path(const cream_claims *claims, const cream_claim *claim, char path[CREAM_MAX_FILE_NAME]) {
  char name[160];
  name_claim(claim->job, claim->generation, name);
  return join(path, claims->dir, name);
}

cream_status cream_claims_open(cream_claims *claims, const char *dir, const char *shard, double timeout,
                               cream_error *err) {
  if (strlen(dir) >= sizeof claims->dir)
    return cream_fail(err, CREAM_BAD_CONFIG,
                      "%.60s...: the name is longer than %zu bytes; choose a shorter one", dir,
                      sizeof claims->dir - 1);
  *claims = (cream_claims){.timeout = timeout};
  strcpy(claims->dir, dir);
  snprintf(claims->shard, sizeof claims->shard, "%s", shard);
  return cream_make_directories(dir, err);
}

/* Creating a file makes a file server's clients read the folder again. */
cream_status cream_claims_refresh(cream_claims *claims, bool *gone, cream_error *err) {
  char own[CREAM_MAX_FILE_NAME];
  struct stat info;
  own_name(claims, own);
  *gone = false;
  if (write_own(own, "", &info)) {
    claims->now = seconds_of(&info);
    unlink(own);
    return CREAM_OK;
  }
  *gone = errno == ENOENT;
  return *gone ? CREAM_OK
               : cream_fail(err, CREAM_FAILED, "cannot write to %s: %s", claims->dir, strerror(errno));
}

cream_status cream_claim_take(const cream_claims *claims, const char *job, cream_claim *claim, bool *taken,
                              cream_error *err) {
  char path[CREAM_MAX_FILE_NAME], name[160], text[1024];
  process owner;
  standing last = FREE, next = FREE;
  snprintf(claim->job, sizeof claim->job, "%s", job);
  *taken = false;
  for (claim->generation = 1; claim->generation < MOST_GENERATIONS; claim->generation++) {
    if (!claim_path(claims, claim, path)) break;
    next = read_claim(path, claims->now, claims->timeout, &owner);
    if (next == ABSENT) break;
    last = next;
  }
  if (last == HELD || next != ABSENT) return CREAM_OK;
  bool existed;
  name_claim(job, claim->generation, name);
  write_claim(claims, false, text);
  cream_status status = cream_claims_publish(claims, name, text, &existed, err);
  *taken = !status && !existed;
  return status;
}

bool cream_claim_renew(const cream_claims *claims, const cream_claim *claim) {
  char path[CREAM_MAX_FILE_NAME];
  cream_claim later = *claim;
  later.generation++;
  if (claim_path(claims, &later, path) && access(path, F_OK) == 0) return false;
  if (claim_path(claims, claim, path)) utimensat(AT_FDCWD, path, NULL, 0);
  return true;
}

void cream_claim_release(const cream_claims *claims, const cream_claim *claim) {
  char own[CREAM_MAX_FILE_NAME], path[CREAM_MAX_FILE_NAME], text[1024];
  struct stat info;
  write_claim(claims, true, text);
  own_name(claims, own);
  if (claim_path(claims, claim, path) && write_own(own, text, &info) && rename(own, path)) unlink(own);
}

/* Whether the file is the last claim of its job, and its process works on it. */
static bool holds(const char *dir, const char *name, process *owner) {
  char path[CREAM_MAX_FILE_NAME], next[CREAM_MAX_FILE_NAME];
  const char *at = strstr(name, mark);
  if (!at || !join(path, dir, name)) return false;
  const char *digits = at + strlen(mark);
  snprintf(next, sizeof next, "%.1023s/%.*s%d", dir, (int)(digits - name), name, atoi(digits) + 1);
  return access(next, F_OK) && read_claim(path, (double)time(NULL), CREAM_CLAIM_TIMEOUT, owner) == HELD;
}

bool cream_claims_held(const char *dir, char *holder, size_t size) {
  const struct dirent *entry;
  bool held = false;
  process owner;
  DIR *stream = opendir(dir);
  while (stream && !held && (entry = readdir(stream))) held = holds(dir, entry->d_name, &owner);
  if (held) snprintf(holder, size, "%s, process %ld", *owner.host ? owner.host : "unknown", owner.pid);
  if (stream) closedir(stream);
  return held;
}

void cream_claims_remove(const char *dir) {
  char path[CREAM_MAX_FILE_NAME];
  const struct dirent *entry;
  DIR *stream = opendir(dir);
  while (stream && (entry = readdir(stream)))
    if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 && join(path, dir, entry->d_name))
      unlink(path);
  if (stream) closedir(stream);
  rmdir(dir);
}
