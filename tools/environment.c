/* Settings that libraries read before main, from the environment: they are set, and the program is executed again, before
 * any library has started.
 *
 * - GCC's OpenMP threads spin for milliseconds at each barrier. On a machine with other load, that can make a run ten
 *   times slower. The user's own settings are left alone.
 * - OpenBLAS starts one thread for each processor, which this program does not use, and takes 128 MB of address space for
 *   each. Where that is limited (ulimit -v), it tries forever. */
#include <stdbool.h>
#include <stddef.h>
#include <unistd.h>

enum { MOST_VARIABLES = 8192 };

static char spin_count[] = "GOMP_SPINCOUNT=3000", blas_threads[] = "OPENBLAS_NUM_THREADS=1";

/* No function of a library may be called yet, except for system calls. */
static bool begins(const char *text, const char *start) {
  while (*start && *text == *start) text++, start++;
  return !*start;
}

static bool has(char **environment, const char *start) {
  for (; *environment; environment++)
    if (begins(*environment, start)) return true;
  return false;
}

/* The dynamic loader calls this before the libraries' own functions of this sort. */
static void set_environment(int count, char **arguments, char **environment) {
  static char *changed[MOST_VARIABLES + 3];
  (void)count;
  const bool spins = !has(environment, "OMP_WAIT_POLICY=") && !has(environment, "GOMP_SPINCOUNT=");
  const bool blas = !has(environment, blas_threads);
  if (!spins && !blas) return;
  size_t n = 0;
  for (size_t i = 0; environment[i]; i++) {
    if (begins(environment[i], "OPENBLAS_NUM_THREADS=")) continue;
    if (n == MOST_VARIABLES) return;
    changed[n++] = environment[i];
  }
  if (spins) changed[n++] = spin_count;
  changed[n++] = blas_threads;
  changed[n] = NULL;
  execve("/proc/self/exe", arguments, changed);
  /* without /proc: continue without the settings */
}

__attribute__((section(".preinit_array"),
               used)) static void (*const before_libraries)(int, char **, char **) = set_environment;
