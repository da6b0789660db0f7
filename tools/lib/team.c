/* The threads of the kernels in libcream and in the program, behind GCC's interface to OpenMP.
 *
 * libgomp decides once, when it is loaded, how long its threads spin before they sleep: milliseconds, unless the
 * environment says otherwise, at every start and end of a parallel region. And a region ends when all of its threads have
 * been there, also those that sleep until a processor is free for them. Beside other work that makes a program ten times
 * slower. So libcream defines the five functions of OpenMP that its kernels call, and a thread that has done its own part
 * of a region does the parts that others have not begun. The functions are hidden: the program that uses libcream and
 * OpenBLAS keep their own OpenMP. A kernel that needs another function of libgomp fails to link.
 *
 * As with libgomp, each thread that enters a parallel region has its own team, which lives as long as the thread, and a
 * region inside of a region runs in one thread. A child of fork starts a team of its own. OMP_WAIT_POLICY and
 * GOMP_SPINCOUNT have their usual meaning; other variables of OpenMP have none. */
#define _GNU_SOURCE /* sched_getaffinity, syscall */
#include <limits.h>
#include <linux/futex.h>
#include <omp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* Called by the code that GCC makes of pragmas. */
void GOMP_parallel(void (*work)(void *), void *data, unsigned wanted, unsigned flags);
void GOMP_barrier(void);

/* Looks at a number before a thread sleeps. 3,000 take tens of microseconds. A wait that was short, although the thread may
 * have slept, raises its next bound, a long one lowers it: beside other work, threads soon wait for processor time and not for
 * each other. */
enum { MOST_SPINS = 3000, LEAST_SPINS = 50, SHORT_SLEEP = 200000 /* nanoseconds */ };

/* A number that threads wait for. */
typedef struct word {
  _Alignas(64) atomic_uint value;
  atomic_uint sleepers;
} word;

/* A thread of the system beside the one that owns the team. Its number in a region, from 1 on, is its place in the team. */
typedef struct worker {
  _Alignas(64) _Atomic uint64_t
      taken; /* the last region in which this number's work was begun, by whichever thread */
  pthread_t thread;
  struct team *team;
  unsigned number, round; /* round: the team's when the thread was started */
} worker;

typedef struct team {
  void (*work)(
      void *); /* of this region, with its data and number of threads; unchanged while a number is left */
  void *data;
  unsigned size;
  unsigned count; /* workers */
  worker **workers;
  bool ends;
  _Atomic uint64_t open; /* the region: its number << SIZE_BITS | size */
  word round;            /* changes when a region begins */
  word running;          /* numbers from 1 on whose work is not finished */
  word phase;            /* changes when all threads have reached the barrier */
  atomic_uint arrived;
} team;

enum { SIZE_BITS = 16, MOST_THREADS = (1 << SIZE_BITS) - 1 };

/* The region that a thread is in. */
typedef struct place {
  team *team;            /* NULL: alone */
  unsigned number, size; /* size 0: outside of regions */
} place;

static _Thread_local place here;
static _Thread_local team *own;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key; /* ends a thread's team with it */
static bool has_key;
static unsigned most_spins = MOST_SPINS, least_spins = LEAST_SPINS;
static _Thread_local unsigned spins = MOST_SPINS;

/* ---- waiting ------------------------------------------------------------------------------------- */

static void relax(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

static void raise_spins(void) {
  spins = spins < most_spins / 2 ? 2 * spins : most_spins;
}

static void lower_spins(void) {
  spins = spins / 2 > least_spins ? spins / 2 : least_spins;
}

/* Whether the value changes from `old` while the thread spins. */
static bool spin(word *w, unsigned old) {
  if (spins > most_spins || spins < least_spins) spins = most_spins;
  for (unsigned i = 0; i < spins; i++) {
    if (atomic_load_explicit(&w->value, memory_order_acquire) != old) return true;
    relax();
  }
  return false;
}

static int64_t nanoseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* Returns when the value is no longer `old`. */
static void await(word *w, unsigned old) {
  if (spin(w, old)) {
    raise_spins();
    return;
  }
  const int64_t started = nanoseconds();
  atomic_fetch_add(&w->sleepers, 1);
  while (atomic_load(&w->value) == old) syscall(SYS_futex, &w->value, FUTEX_WAIT_PRIVATE, old, NULL, NULL, 0);
  atomic_fetch_sub(&w->sleepers, 1);
  if (nanoseconds() - started < SHORT_SLEEP)
    raise_spins();
  else
    lower_spins();
}

/* After a change of the value. */
static void wake(word *w) {
  if (atomic_load(&w->sleepers)) syscall(SYS_futex, &w->value, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

/* ---- teams --------------------------------------------------------------------------------------- */

/* Whether this thread is the one to do the number's work in the region, which is open as long as the work of any number has
 * not been done. False where another has begun it; a region that has ended is never taken. */
static bool take(worker *w, uint64_t open) {
  const uint64_t region = open >> SIZE_BITS;
  uint64_t taken = atomic_load_explicit(&w->taken, memory_order_relaxed);
  while (taken < region)
    if (atomic_compare_exchange_weak(&w->taken, &taken, region)) return true;
  return false;
}

static void run_number(team *t, unsigned number) {
  here = (place){t, number, t->size};
  t->work(t->data);
  if (atomic_fetch_sub(&t->running.value, 1) == 1) wake(&t->running);
}

static void *run_worker(void *argument) {
  worker *self = argument;
  team *t = self->team;
  for (unsigned round = self->round;;) {
    await(&t->round, round);
    round = atomic_load(&t->round.value);
    if (t->ends) return NULL;
    const uint64_t open = atomic_load(&t->open);
    if (self->number < (open & MOST_THREADS) && take(self, open)) run_number(t, self->number);
  }
}

static void end_team(void *argument) {
  team *t = argument;
  t->ends = true;
  atomic_fetch_add(&t->round.value, 1);
  wake(&t->round);
  for (unsigned i = 0; i < t->count; i++) {
    pthread_join(t->workers[i]->thread, NULL);
    free(t->workers[i]);
  }
  free(t->workers);
  free(t);
  own = NULL;
}

/* In the child of a fork, which has one thread. */
static void forget_team(void) {
  own = NULL;
  here = (place){0};
}

static void prepare(void) {
  const char *policy = getenv("OMP_WAIT_POLICY"), *count = getenv("GOMP_SPINCOUNT");
  unsigned long given = MOST_SPINS;
  if (policy && !strcasecmp(policy, "passive")) given = 0;
  if (policy && !strcasecmp(policy, "active")) given = UINT_MAX;
  if (count && *count >= '0' && *count <= '9') given = strtoul(count, NULL, 10);
  most_spins = given < UINT_MAX ? (unsigned)given : UINT_MAX;
  if (given != MOST_SPINS) least_spins = most_spins; /* as the user says */
  has_key = !pthread_key_create(&key, end_team) && !pthread_atfork(NULL, NULL, forget_team);
}

/* Signals are for the threads of the program. */
static bool start_worker(team *t) {
  worker *made = aligned_alloc(_Alignof(worker), sizeof *made);
  worker **workers = realloc(t->workers, (t->count + 1) * sizeof *workers);
  if (workers) t->workers = workers;
  if (!made || !workers) {
    free(made);
    return false;
  }
  memset(made, 0, sizeof *made);
  made->team = t;
  made->number = t->count + 1;
  made->round = atomic_load(&t->round.value);
  atomic_init(&made->taken, atomic_load(&t->open) >> SIZE_BITS);
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const bool started = !pthread_create(&made->thread, NULL, run_worker, made);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  if (started)
    workers[t->count++] = made;
  else
    free(made);
  return started;
}

/* The thread's team with `size` threads, or as many as the system provides; NULL: none. */
static team *team_of(unsigned size) {
  pthread_once(&once, prepare);
  if (!has_key) return NULL;
  if (!own) {
    team *made = aligned_alloc(_Alignof(team), sizeof *made);
    if (!made) return NULL;
    memset(made, 0, sizeof *made);
    if (pthread_setspecific(key, made)) {
      free(made);
      return NULL;
    }
    own = made;
  }
  while (own->count + 1 < size && start_worker(own)) {
  }
  return own;
}

/* ---- OpenMP -------------------------------------------------------------------------------------- */

int omp_get_num_procs(void) {
  cpu_set_t set;
  if (!sched_getaffinity(0, sizeof set, &set)) return CPU_COUNT(&set);
  const long online = sysconf(_SC_NPROCESSORS_ONLN);
  return online > 0 ? (int)online : 1;
}

int omp_get_num_threads(void) {
  return here.size ? (int)here.size : 1;
}

int omp_get_thread_num(void) {
  return (int)here.number;
}

/* The work of numbers that no worker has begun, because it sleeps or waits for a processor: what it does then finds
 * nothing left, or was its share of a loop. */
static void run_others(team *t, uint64_t open) {
  for (unsigned i = 1; i < t->size; i++)
    if (take(t->workers[i - 1], open)) run_number(t, i);
}

/* wanted 0: a thread for each processor. */
void GOMP_parallel(void (*work)(void *), void *data, unsigned wanted, unsigned flags) {
  (void)flags;
  if (!wanted) wanted = (unsigned)omp_get_num_procs();
  if (wanted > MOST_THREADS) wanted = MOST_THREADS;
  const place outer = here;
  team *t = wanted > 1 && !outer.size ? team_of(wanted) : NULL;
  if (!t || !t->count) {
    here = (place){NULL, 0, 1};
    work(data);
    here = outer;
    return;
  }
  t->work = work;
  t->data = data;
  t->size = wanted < t->count + 1 ? wanted : t->count + 1;
  const uint64_t open = ((atomic_load(&t->open) >> SIZE_BITS) + 1) << SIZE_BITS | t->size;
  atomic_store_explicit(&t->running.value, t->size - 1, memory_order_relaxed);
  atomic_store(&t->open, open);
  atomic_fetch_add(&t->round.value, 1);
  wake(&t->round);
  here = (place){t, 0, t->size};
  work(data);
  run_others(t, open);
  here = outer;
  for (unsigned left; (left = atomic_load_explicit(&t->running.value, memory_order_acquire));)
    await(&t->running, left);
}

void GOMP_barrier(void) {
  team *t = here.team;
  if (!t) return;
  const unsigned phase = atomic_load(&t->phase.value);
  if (atomic_fetch_add(&t->arrived, 1) + 1 < t->size) {
    await(&t->phase, phase);
    return;
  }
  atomic_store(&t->arrived, 0);
  atomic_fetch_add(&t->phase.value, 1);
  wake(&t->phase);
}
