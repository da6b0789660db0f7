#include "jobs.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

#include "cpu/cpu.h"
#include "io/base/file.h"
#include "tools/cli/signals.h"

/* The first byte of a message in a job's pipe; a record or an error follows. */
typedef enum message { RECORD = 'r', FAILURE = 'f' } message;

struct jobs_sender {
  int fd;
  size_t record;
};

/* A process at work. */
typedef struct worker {
  pid_t pid;
  int job, fd;
  bool reported; /* its failure has come */
} worker;

typedef struct pool {
  const jobs *jobs;
  const job_source *source;
  worker *workers;
  int running;
  bool stopping; /* nothing new starts */
  cream_status status;
  cream_error *err;
} pool;

/* ---- in a process of its own ------------------------------------------------------------------------- */

static bool put_message(int fd, message kind, const void *bytes, size_t size) {
  char head = (char)kind;
  return cream_write_all(fd, &head, 1) && cream_write_all(fd, bytes, size);
}

cream_status jobs_send(jobs_sender *sender, const void *record, cream_error *err) {
  if (put_message(sender->fd, RECORD, record, sender->record)) return CREAM_OK;
  return cream_fail(err, CREAM_FAILED, "cannot send a result: %s", strerror(errno));
}

/* The worker ends when its parent does. A signal from the terminal reaches the parent only, which passes it on. */
static void become_worker(pid_t parent) {
  setpgid(0, 0);
  signal(SIGPIPE, SIG_IGN);
#ifdef __linux__
  prctl(PR_SET_PDEATHSIG, SIGKILL);
#endif
  if (getppid() != parent) _exit(CREAM_FAILED);
}

static _Noreturn void work(const jobs *all, int job, int fd) {
  cream_error err = {0};
  jobs_sender sender = {fd, all->record};
  cream_status status = all->work(all->self, job, &sender, &err);
  if (status != CREAM_OK) {
    err.status = status;
    put_message(fd, FAILURE, &err, sizeof err);
  }
  fflush(NULL);
  _exit(status);
}

/* ---- in the process that waits ----------------------------------------------------------------------- */

static void stop_all(pool *p) {
  if (!p->stopping)
    for (int i = 0; i < p->running; i++) kill(p->workers[i].pid, SIGTERM);
  p->stopping = true;
}

static void fail(pool *p, const cream_error *err) {
  if (p->status == CREAM_OK) {
    p->status = err->status;
    *p->err = *err;
  }
  stop_all(p);
}

static void fail_job(pool *p, int job, const cream_error *failure) {
  cream_error err;
  if (p->stopping) return; /* this process has ended it */
  if (!p->jobs->failed)
    fail(p, failure);
  else if (p->jobs->failed(p->jobs->self, job, failure, &err) != CREAM_OK)
    fail(p, &err);
}

static void start(pool *p, int job) {
  cream_error err;
  int ends[2];
  pid_t parent = getpid(), pid = -1;
  fflush(NULL);
  bool piped = pipe(ends) == 0;
  if (piped) pid = fork();
  if (pid == 0) {
    close(ends[0]);
    for (int i = 0; i < p->running; i++) close(p->workers[i].fd);
    become_worker(parent);
    work(p->jobs, job, ends[1]);
  }
  if (pid < 0) {
    cream_fail(&err, CREAM_FAILED, "cannot start a process: %s", strerror(errno));
    if (piped) close(ends[0]);
    p->source->ended(p->source->self, job);
    fail(p, &err);
  } else {
    p->workers[p->running++] = (worker){pid, job, ends[0], false};
  }
  if (piped) close(ends[1]);
}

static bool get(int fd, void *bytes, size_t size) {
  char *at = bytes;
  while (size) {
    ssize_t n = read(fd, at, size);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    at += n;
    size -= (size_t)n;
  }
  return true;
}

/* A worker that ended with this code of waitpid() and has reported no failure. */
static void check_end(pool *p, int job, int code) {
  cream_error err;
  if (WIFEXITED(code) && WEXITSTATUS(code) == 0) return;
  if (WIFSIGNALED(code))
    cream_fail(&err, CREAM_FAILED, "the process of a job crashed: %s", strsignal(WTERMSIG(code)));
  else
    cream_fail(&err, CREAM_FAILED, "the process of a job ended early, exit code %d", WEXITSTATUS(code));
  fail_job(p, job, &err);
}

/* The worker's pipe has come to its end. */
static void end(pool *p, int which) {
  worker w = p->workers[which];
  int code;
  while (waitpid(w.pid, &code, 0) < 0 && errno == EINTR) {
  }
  close(w.fd);
  p->workers[which] = p->workers[--p->running];
  if (!w.reported) check_end(p, w.job, code);
  p->source->ended(p->source->self, w.job);
}

static void receive(pool *p, int which, void *record) {
  worker *w = &p->workers[which];
  cream_error err;
  char kind;
  if (!get(w->fd, &kind, 1)) {
    end(p, which);
  } else if (kind == RECORD) {
    if (!get(w->fd, record, p->jobs->record)) return; /* it ended early: end() comes next */
    if (p->jobs->take(p->jobs->self, w->job, record, &err) != CREAM_OK) fail(p, &err);
  } else if (get(w->fd, &err, sizeof err)) {
    w->reported = true;
    fail_job(p, w->job, &err);
  }
}

static void wait_for_some(pool *p, struct pollfd *polled, void *record) {
  int n = p->running;
  CREAM_ASSERT(n > 0);
  for (int i = 0; i < n; i++) polled[i] = (struct pollfd){.fd = p->workers[i].fd, .events = POLLIN};
  if (poll(polled, (nfds_t)n, 500) <= 0)
    return; /* timeout or signal; a signal may also have come just before poll */
  for (int i = n - 1; i >= 0;
       i--) /* from the last: end() moves the last worker to the place of one that ended */
    if (polled[i].revents) receive(p, i, record);
}

static void renew(pool *p) {
  int lost = -1;
  if (p->source->renew) p->source->renew(p->source->self, &lost);
  for (int i = 0; i < p->running && lost >= 0; i++)
    if (p->workers[i].job == lost) {
      p->workers[i].reported = true;
      kill(p->workers[i].pid, SIGKILL);
    }
}

/* Starts jobs while there are some and room for them; *more: there may be others. */
static void start_some(pool *p, bool *more) {
  cream_error err;
  while (*more && p->running < p->jobs->parallel && !p->stopping) {
    int job = -1;
    if (p->source->next(p->source->self, &job, &err) != CREAM_OK) fail(p, &err);
    *more = job >= 0;
    if (*more) start(p, job);
  }
}

cream_status jobs_run_from(const jobs *all, const job_source *source, cream_error *err) {
  const volatile sig_atomic_t *stop = signals_catch();
  size_t parallel = (size_t)all->parallel;
  worker *workers = calloc(parallel, sizeof *workers);
  struct pollfd *polled = calloc(parallel, sizeof *polled);
  void *record = malloc(all->record + 1);
  pool p = {.jobs = all, .source = source, .workers = workers, .err = err};
  bool more = true;
  if (!workers || !polled || !record)
    p.status = cream_fail_memory(err, parallel * sizeof *workers, "processes");
  while (p.status == CREAM_OK && (more || p.running)) {
    if (*stop) stop_all(&p);
    start_some(&p, &more);
    if (p.stopping && !p.running) break;
    if (p.running) wait_for_some(&p, polled, record);
    renew(&p);
  }
  while (p.running) wait_for_some(&p, polled, record); /* after a failure: the others are being stopped */
  free(record);
  free(polled);
  free(workers);
  if (p.status == CREAM_OK && p.stopping)
    return cream_fail(err, CREAM_INTERRUPTED,
                      "interrupted; finished work is saved, run the same command again to continue");
  return p.status;
}

/* ---- jobs in order ----------------------------------------------------------------------------------- */

typedef struct counted {
  int next, n;
} counted;

static cream_status count_next(void *self, int *job, cream_error *err) {
  counted *c = self;
  (void)err;
  *job = c->next < c->n ? c->next++ : -1;
  return CREAM_OK;
}

static void count_ended(void *self, int job) {
  (void)self, (void)job;
}

cream_status jobs_run(const jobs *all, int n, cream_error *err) {
  counted c = {0, n};
  const job_source source = {.self = &c, .next = count_next, .ended = count_ended};
  return jobs_run_from(all, &source, err);
}

int jobs_share(int threads, int wanted, int most, int *share) {
  int cores = threads ? threads : cream_cpu_threads();
  int processes = wanted ? wanted : cores;
  if (processes > most) processes = most;
  if (processes < 1) processes = 1;
  *share = cores / processes > 0 ? cores / processes : 1;
  return processes;
}
