#define _GNU_SOURCE /* memfd_create, pipe2 */
#include "isolated.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tools/cli/progress.h"

extern char **environ;

enum { MAX_WORDS = 16, DYING_MS = 2000, MOST_TIMES = 10 };
static const double LEAST_WAIT = 0.02;

/* ---- starting ------------------------------------------------------------------------------------------ */

/* In a group of its own, so that all its processes can be killed, with the default actions of signals. */
static int set_attributes(posix_spawnattr_t *attributes) {
  sigset_t all, none;
  sigfillset(&all);
  sigemptyset(&none);
  int code = posix_spawnattr_setpgroup(attributes, 0);
  if (!code) code = posix_spawnattr_setsigdefault(attributes, &all);
  if (!code) code = posix_spawnattr_setsigmask(attributes, &none);
  if (code) return code;
  return posix_spawnattr_setflags(attributes,
                                  POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
}

static int spawn(isolated *process, int results, char **words) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  int code = posix_spawn_file_actions_init(&actions);
  if (code) return code;
  code = posix_spawnattr_init(&attributes);
  if (code) {
    posix_spawn_file_actions_destroy(&actions);
    return code;
  }
  code = set_attributes(&attributes);
  if (!code) code = posix_spawn_file_actions_adddup2(&actions, results, ISOLATED_FD);
  if (!code) code = posix_spawn_file_actions_adddup2(&actions, process->errors, STDERR_FILENO);
  if (!code) code = posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  if (!code) code = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  if (!code) code = posix_spawn(&process->pid, "/proc/self/exe", &actions, &attributes, words, environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  return code;
}

/* A copy of the descriptor above those that the process gets; -1 with errno. */
static int raised(int fd) {
  int high = fd < 0 ? fd : fcntl(fd, F_DUPFD_CLOEXEC, ISOLATED_FD + 1);
  if (fd >= 0) close(fd);
  return high;
}

cream_status isolated_start(isolated *process, const char *const *words, cream_error *err) {
  char *line[MAX_WORDS + 2] = {(char *)"cream"};
  for (int i = 0; words[i] && i < MAX_WORDS; i++) line[i + 1] = (char *)words[i];
  int ends[2] = {-1, -1}, code = 0;
  *process = (isolated){.results = -1, .errors = raised(memfd_create("cream-stderr", MFD_CLOEXEC))};
  if (process->errors < 0 || pipe2(ends, O_CLOEXEC)) code = errno;
  process->results = raised(ends[0]);
  const int results = raised(ends[1]);
  if (!code && (process->results < 0 || results < 0)) code = errno;
  if (!code) code = spawn(process, results, line);
  if (results >= 0) close(results);
  if (!code) return CREAM_OK;
  if (process->results >= 0) close(process->results);
  if (process->errors >= 0) close(process->errors);
  return cream_fail(err, CREAM_FAILED, "no process can be started to test devices: %s", strerror(code));
}

void isolated_begin(void) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
  fcntl(ISOLATED_FD, F_SETFD, FD_CLOEXEC);
}

/* ---- reading ------------------------------------------------------------------------------------------- */

/* Seconds that a thread of the process has waited for a processor, of the one that waited longest; 0: unknown. */
static double starved(pid_t pid) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%ld/task", (long)pid);
  DIR *dir = opendir(path);
  const struct dirent *entry;
  double longest = 0;
  while (dir && (entry = readdir(dir))) {
    char file_name[400];
    unsigned long long ran, waited;
    snprintf(file_name, sizeof file_name, "%s/%.255s/schedstat", path, entry->d_name);
    FILE *file = entry->d_name[0] == '.' ? NULL : fopen(file_name, "r");
    if (!file) continue;
    if (fscanf(file, "%llu %llu", &ran, &waited) == 2 && 1e-9 * (double)waited > longest)
      longest = 1e-9 * (double)waited;
    fclose(file);
  }
  if (dir) closedir(dir);
  return longest;
}

/* Whether the time is over: the time that the process waits for a processor does not count, up to ten times the limit. */
static bool is_over(const isolated *process, double started, double starved_before, double seconds) {
  double elapsed = progress_now() - started;
  if (elapsed < seconds) return false;
  return elapsed >= MOST_TIMES * seconds || elapsed - (starved(process->pid) - starved_before) >= seconds;
}

size_t isolated_read_some(isolated *process, void *bytes, size_t size, double seconds) {
  const double started = progress_now(), starved_before = starved(process->pid);
  while (!process->finished && !process->timed_out) {
    double left = started + seconds - progress_now();
    if (left < LEAST_WAIT) left = LEAST_WAIT;
    struct pollfd poll_for = {.fd = process->results, .events = POLLIN};
    int ready = poll(&poll_for, 1, left < 1e6 ? (int)(1000 * left) : 1000000000);
    if (ready < 0 && errno == EINTR) continue;
    if (ready == 0) {
      process->timed_out = is_over(process, started, starved_before, seconds);
      continue;
    }
    ssize_t got = ready > 0 ? read(process->results, bytes, size) : 0;
    if (got > 0) return (size_t)got;
    if (ready < 0 || !(got < 0 && errno == EINTR)) process->finished = true;
  }
  return 0;
}

bool isolated_read(isolated *process, void *bytes, size_t size, double seconds) {
  char *at = bytes;
  while (size > 0) {
    size_t got = isolated_read_some(process, at, size, seconds);
    if (got == 0) return false;
    at += got;
    size -= got;
  }
  return true;
}

/* ---- ending -------------------------------------------------------------------------------------------- */

/* Waits a while for the process to end; false: it does not. */
static bool reap(pid_t pid, int *state) {
  for (int ms = 0; ms < DYING_MS; ms++) {
    pid_t got = waitpid(pid, state, WNOHANG);
    if (got == pid) return true;
    if (got < 0 && errno != EINTR) return false;
    nanosleep(&(struct timespec){0, 1000000}, NULL);
  }
  return false;
}

/* The last line of what was written, without control characters. */
static void last_line(int fd, char *line, size_t size) {
  char tail[1024];
  off_t end = lseek(fd, 0, SEEK_END);
  off_t from = end > (off_t)sizeof tail - 1 ? end - (off_t)sizeof tail + 1 : 0;
  ssize_t got = pread(fd, tail, sizeof tail - 1, from);
  line[0] = '\0';
  if (got <= 0) return;
  while (got > 0 && (unsigned char)tail[got - 1] <= ' ') got--;
  tail[got] = '\0';
  const char *start = strrchr(tail, '\n');
  snprintf(line, size, "%.*s", (int)size - 1, start ? start + 1 : tail);
  for (char *at = line; *at; at++)
    if ((unsigned char)*at < ' ' || (unsigned char)*at > '~') *at = ' ';
}

void isolated_stop(isolated *process, double limit, char *text, size_t size) {
  int state = 0;
  char line[100];
  /* A process whose results have ended is about to end; it shows how only if it is not killed first. */
  bool ended = process->finished && reap(process->pid, &state);
  kill(-process->pid, SIGKILL);
  if (!ended) reap(process->pid, &state);
  process->succeeded = ended && WIFEXITED(state) && WEXITSTATUS(state) == 0;
  if (process->timed_out)
    snprintf(text, size, "hung for %.3g s", limit);
  else if (ended && WIFSIGNALED(state))
    snprintf(text, size, "crashed (%s)", strsignal(WTERMSIG(state)));
  else if (ended)
    snprintf(text, size, "ended the process (exit code %d)", WEXITSTATUS(state));
  else
    snprintf(text, size, "closed its results and hung");
  last_line(process->errors, line, sizeof line);
  size_t used = strlen(text);
  if (line[0]) snprintf(text + used, size - used, ", after \"%s\"", line);
  close(process->results);
  close(process->errors);
}
