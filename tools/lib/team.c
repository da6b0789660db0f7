/* The threads of the kernels in libcream, behind GCC's interface to OpenMP.
 *
 * libgomp decides once, when it is loaded, how long its threads spin before they sleep: milliseconds, unless the
 * environment says otherwise, at every start and end of a parallel region. Beside other work that makes a program ten
 * times slower. The program `cream` changes its environment and executes itself again (tools/environment.c); a library
 * may do neither, and it is loaded after libgomp. So libcream defines the five functions of OpenMP that its kernels
 * call. They are hidden: the program that uses libcream and OpenBLAS keep their own OpenMP. A kernel that needs another
 * function of libgomp fails to link.
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
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Called by the code that GCC makes of pragmas. */
void GOMP_parallel(void (*work)(void *), void *data, unsigned wanted, unsigned flags);
void GOMP_barrier(void);

/* Looks at a number before a thread sleeps. 3,000 take tens of microseconds. A wait that was shorter raises the thread's
 * next bound, a longer one lowers it: beside other work, threads soon wait for processor time and not for each other. */
enum { MOST_SPINS = 3000, LEAST_SPINS = 50 };

/* A number that threads wait for. */
typedef struct word {
  _Alignas(64) atomic_uint value;
  atomic_uint sleepers;
} word;

typedef struct team {
  void (*work)(void *); /* of this region, with its data and number of threads */
  void *data;
  unsigned size;
  unsigned workers;   /* threads beside the one that owns the team */
  pthread_t *threads; /* [workers] */
  bool ends;
  word round;   /* changes when a region begins */
  word running; /* workers that have not finished the region */
  word phase;   /* changes when all threads have reached the barrier */
  atomic_uint arrived;
} team;

/* What a new worker gets; freed by it. */
typedef struct beginning {
  team *team;
  unsigned number, round;
} beginning;

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

/* Whether the value changes from `old` while the thread spins. */
static bool spin(word *w, unsigned old) {
  if (spins > most_spins || spins < least_spins) spins = most_spins;
  for (unsigned i = 0; i < spins; i++) {
    if (atomic_load_explicit(&w->value, memory_order_acquire) != old) {
      spins = spins < most_spins / 2 ? 2 * spins : most_spins;
      return true;
    }
    relax();
  }
  spins = spins / 2 > least_spins ? spins / 2 : least_spins;
  return false;
}

/* Returns when the value is no longer `old`. */
static void await(word *w, unsigned old) {
  if (spin(w, old)) return;
  atomic_fetch_add(&w->sleepers, 1);
  while (atomic_load(&w->value) == old) syscall(SYS_futex, &w->value, FUTEX_WAIT_PRIVATE, old, NULL, NULL, 0);
  atomic_fetch_sub(&w->sleepers, 1);
}

/* After a change of the value. */
static void wake(word *w) {
  if (atomic_load(&w->sleepers)) syscall(SYS_futex, &w->value, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

/* ---- teams --------------------------------------------------------------------------------------- */

static void *run_worker(void *argument) {
  const beginning begin = *(beginning *)argument;
  team *t = begin.team;
  free(argument);
  for (unsigned round = begin.round;; round++) {
    await(&t->round, round);
    if (t->ends) return NULL;
    if (begin.number < t->size) {
      here = (place){t, begin.number, t->size};
      t->work(t->data);
    }
    if (atomic_fetch_sub(&t->running.value, 1) == 1) wake(&t->running);
  }
}

static void end_team(void *argument) {
  team *t = argument;
  t->ends = true;
  atomic_fetch_add(&t->round.value, 1);
  wake(&t->round);
  for (unsigned i = 0; i < t->workers; i++) pthread_join(t->threads[i], NULL);
  free(t->threads);
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
  beginning *begin = malloc(sizeof *begin);
  pthread_t *threads = realloc(t->threads, (t->workers + 1) * sizeof *threads);
  if (threads) t->threads = threads;
  if (!begin || !threads) {
    free(begin);
    return false;
  }
  *begin = (beginning){t, t->workers + 1, atomic_load(&t->round.value)};
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const bool started = !pthread_create(&threads[t->workers], NULL, run_worker, begin);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  if (started)
    t->workers++;
  else
    free(begin);
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
  while (own->workers + 1 < size && start_worker(own)) {
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

/* wanted 0: a thread for each processor. */
void GOMP_parallel(void (*work)(void *), void *data, unsigned wanted, unsigned flags) {
  (void)flags;
  if (!wanted) wanted = (unsigned)omp_get_num_procs();
  const place outer = here;
  team *t = wanted > 1 && !outer.size ? team_of(wanted) : NULL;
  if (!t || !t->workers) {
    here = (place){NULL, 0, 1};
    work(data);
    here = outer;
    return;
  }
  t->work = work;
  t->data = data;
  t->size = wanted < t->workers + 1 ? wanted : t->workers + 1;
  atomic_store_explicit(&t->running.value, t->workers, memory_order_relaxed);
  atomic_fetch_add(&t->round.value, 1);
  wake(&t->round);
  here = (place){t, 0, t->size};
  work(data);
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
