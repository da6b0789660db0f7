#define _GNU_SOURCE /* fopencookie */
#include "file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

cream_status cream_file_read(const char *path, size_t limit, char **data, size_t *size, cream_error *err) {
  FILE *stream = fopen(path, "rb");
  if (!stream) return cream_fail(err, CREAM_FAILED, "cannot open %s: %s", path, strerror(errno));
  char *buffer = NULL;
  struct stat info;
  cream_status status = CREAM_OK;
  if (fstat(fileno(stream), &info)) {
    status = cream_fail(err, CREAM_FAILED, "cannot read %s: %s", path, strerror(errno));
    goto fail;
  }
  if (!S_ISREG(info.st_mode)) {
    status = cream_fail(err, CREAM_FAILED, "cannot read %s: %s", path,
                        S_ISDIR(info.st_mode) ? "it is a folder" : "it is not a regular file");
    goto fail;
  }
  if ((uintmax_t)info.st_size > limit) {
    status = cream_fail(err, CREAM_BAD_DATA, "%s: got %jd bytes, expected at most %zu", path,
                        (intmax_t)info.st_size, limit);
    goto fail;
  }
  size_t expected = (size_t)info.st_size;
  buffer = malloc(expected + 1);
  if (!buffer) {
    status = cream_fail(err, CREAM_FAILED, "out of memory: %zu bytes to read %s", expected + 1, path);
    goto fail;
  }
  errno = 0;
  size_t got = fread(buffer, 1, expected, stream);
  if (got != expected) {
    status = cream_fail(err, CREAM_FAILED, "cannot read %s: %s", path,
                        ferror(stream) ? strerror(errno) : "it was truncated while it was read");
    goto fail;
  }
  fclose(stream);
  buffer[got] = 0;
  *data = buffer;
  *size = got;
  return CREAM_OK;
fail:
  free(buffer);
  fclose(stream);
  return status;
}

cream_status cream_file_read_text(const char *path, size_t limit, char **text, size_t *size,
                                  cream_error *err) {
  static const char mark[] = "\xef\xbb\xbf";
  cream_status status = cream_file_read(path, limit, text, size, err);
  if (status) return status;
  if (*size >= 2 && (memcmp(*text, "\xff\xfe", 2) == 0 || memcmp(*text, "\xfe\xff", 2) == 0)) {
    free(*text);
    *text = NULL;
    return cream_fail(err, CREAM_BAD_DATA, "%s: the text is UTF-16; expected UTF-8, save it in that encoding",
                      path);
  }
  if (strncmp(*text, mark, 3) == 0) {
    *size -= 3;
    memmove(*text, *text + 3, *size + 1);
  }
  return CREAM_OK;
}

struct cream_file_sink {
  int fd, reason; /* errno of the first write that failed */
};

/* The stream calls write directly, so that tests can make it fail. */
static ssize_t sink_write(void *self, const char *data, size_t size) {
  struct cream_file_sink *sink = self;
  size_t done = 0;
  while (done < size) {
    ssize_t n = write(sink->fd, data + done, size - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      if (!sink->reason) sink->reason = errno;
      return 0;
    }
    done += (size_t)n;
  }
  return (ssize_t)done;
}

static int sink_seek(void *self, off64_t *offset, int whence) {
  const struct cream_file_sink *sink = self;
  off64_t at = lseek64(sink->fd, *offset, whence);
  if (at < 0) return -1;
  *offset = at;
  return 0;
}

/* Name and folder of a path. */
static const char *split(const char *path, char folder[CREAM_MAX_FILE_NAME]) {
  snprintf(folder, CREAM_MAX_FILE_NAME, "%s", path);
  char *slash = strrchr(folder, '/');
  if (!slash) {
    strcpy(folder, ".");
    return path;
  }
  slash[slash == folder] = 0;
  return path + (strrchr(path, '/') - path) + 1;
}

bool cream_file_is_temporary(const char *name) {
  const char *mark = strstr(name, ".tmp-");
  return mark && mark[5] && strspn(mark + 5, "0123456789-") == strlen(mark + 5);
}

/* Removes a temporary file that no process has locked. */
static void remove_unlocked(const char *path) {
  int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  struct stat info;
  if (fd < 0) return;
  if (fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && flock(fd, LOCK_EX | LOCK_NB) == 0) unlink(path);
  close(fd);
}

/* Removes the temporary files of `path` that killed processes have left. */
static void remove_abandoned(const char *path) {
  char folder[CREAM_MAX_FILE_NAME], temporary[2 * CREAM_MAX_FILE_NAME];
  const char *name = split(path, folder);
  const size_t length = strlen(name);
  DIR *stream = opendir(folder);
  const struct dirent *entry;
  while (stream && (entry = readdir(stream))) {
    if (strncmp(entry->d_name, name, length) != 0 || strncmp(entry->d_name + length, ".tmp-", 5) != 0 ||
        !cream_file_is_temporary(entry->d_name))
      continue;
    snprintf(temporary, sizeof temporary, "%s/%s", folder, entry->d_name);
    remove_unlocked(temporary);
  }
  if (stream) closedir(stream);
}

/* Makes a temporary file for `path` and locks it, which says that it is being written, where the file system has locks.
 * Until it is locked, another writer of `path` may remove it as abandoned. Its descriptor; -1 with errno set. No two files of
 * a process have the same name, so that a writer who is about to remove one never removes another. */
static int create_temporary(cream_file *file, const char *path) {
  enum { ATTEMPTS = 100 };
  static atomic_uint made;
  for (int i = 0; i < ATTEMPTS; i++) {
    int length = snprintf(file->temporary, sizeof file->temporary, "%s.tmp-%ld-%u", path, (long)getpid(),
                          atomic_fetch_add(&made, 1));
    if (length < 0 || (size_t)length >= sizeof file->temporary) {
      errno = ENAMETOOLONG;
      return -1;
    }
    int fd = open(file->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0 && errno == EEXIST) continue;
    if (fd < 0) return -1;
    while (flock(fd, LOCK_EX) && errno == EINTR) continue;
    if (access(file->temporary, F_OK) == 0) return fd;
    close(fd);
  }
  errno = EEXIST;
  return -1;
}

cream_status cream_file_create(cream_file *file, const char *path, cream_error *err) {
  struct stat info;
  if (stat(path, &info) == 0 && !S_ISREG(info.st_mode))
    return cream_fail(err, CREAM_FAILED, "cannot write %s: %s", path,
                      S_ISDIR(info.st_mode) ? "it is a folder" : "it is not a regular file");
  remove_abandoned(path);
  int fd = create_temporary(file, path);
  if (fd < 0 && errno == ENAMETOOLONG)
    return cream_fail(err, CREAM_FAILED, "cannot write %.60s...: %s", path, strerror(errno));
  if (fd < 0) return cream_fail(err, CREAM_FAILED, "cannot write %s: %s", path, strerror(errno));
  file->sink = malloc(sizeof *file->sink);
  file->stream = NULL;
  if (file->sink) {
    *file->sink = (struct cream_file_sink){.fd = fd};
    file->stream =
        fopencookie(file->sink, "wb", (cookie_io_functions_t){.write = sink_write, .seek = sink_seek});
  }
  if (!file->stream) {
    cream_fail(err, CREAM_FAILED, "cannot write %s: %s", path, strerror(errno));
    free(file->sink);
    close(fd);
    unlink(file->temporary);
    return CREAM_FAILED;
  }
  strcpy(file->path, path);
  return CREAM_OK;
}

/* A new name survives a crash only if the folder is synced too. Some file systems cannot do that; this is not an error. */
static void sync_folder_of(const char *path) {
  char folder[CREAM_MAX_FILE_NAME];
  split(path, folder);
  int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;
  fsync(fd);
  close(fd);
}

/* Closes stream and sink. Returns the errno of the first failure to write, or 0. */
static int end_sink(cream_file *file, bool sync) {
  struct cream_file_sink *sink = file->sink;
  bool failed = ferror(file->stream);
  failed |= fclose(file->stream) != 0;
  int reason = sink->reason ? sink->reason : failed ? EIO : 0;
  if (!reason && sync && fsync(sink->fd)) reason = errno;
  if (close(sink->fd) && !reason) reason = errno;
  free(sink);
  return reason;
}

cream_status cream_file_commit(cream_file *file, cream_error *err) {
  int lock = dup(file->sink->fd); /* keeps the lock until the file has its name */
  int reason = lock < 0 ? errno : 0;
  int written = end_sink(file, true);
  if (!reason) reason = written;
  if (!reason && rename(file->temporary, file->path)) reason = errno;
  if (lock >= 0) close(lock);
  if (reason) {
    unlink(file->temporary);
    return cream_fail(err, CREAM_FAILED, "cannot write %s: %s", file->path, strerror(reason));
  }
  sync_folder_of(file->path);
  return CREAM_OK;
}

void cream_file_abandon(cream_file *file) {
  end_sink(file, false);
  unlink(file->temporary);
}

cream_status cream_file_write(const char *path, const void *data, size_t size, cream_error *err) {
  cream_file file;
  cream_status status = cream_file_create(&file, path, err);
  if (status) return status;
  fwrite(data, 1, size, file.stream);
  return cream_file_commit(&file, err);
}

cream_status cream_make_directories(const char *path, cream_error *err) {
  char folder[CREAM_MAX_FILE_NAME];
  size_t length = strlen(path);
  if (length == 0) return cream_fail(err, CREAM_FAILED, "cannot make a folder without a name");
  if (length >= sizeof folder)
    return cream_fail(err, CREAM_FAILED, "cannot make folder %.60s...: %s", path, strerror(ENAMETOOLONG));
  strcpy(folder, path);
  for (size_t i = 1; i <= length; i++) {
    if (folder[i] != '/' && folder[i] != 0) continue;
    folder[i] = 0;
    if (mkdir(folder, 0777) && errno != EEXIST)
      return cream_fail(err, CREAM_FAILED, "cannot make folder %s: %s", folder, strerror(errno));
    if (i < length) folder[i] = '/';
  }
  struct stat info;
  if (stat(path, &info) || !S_ISDIR(info.st_mode))
    return cream_fail(err, CREAM_FAILED, "cannot make folder %s: a file of that name exists", path);
  return CREAM_OK;
}

bool cream_write_all(int fd, const void *bytes, size_t size) {
  for (const char *at = bytes; size > 0;) {
    ssize_t n = write(fd, at, size);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    at += n;
    size -= (size_t)n;
  }
  return true;
}

bool cream_is_file(const char *path) {
  struct stat info;
  return stat(path, &info) == 0 && S_ISREG(info.st_mode);
}

bool cream_is_folder(const char *path) {
  struct stat info;
  return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}
