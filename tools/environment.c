/* OpenBLAS reads its settings from the environment before main: they are set, and the program is executed again, before any
 * library has started. OpenBLAS would start one thread for each processor, which this program does not use, and take 128 MB of
 * address space for each. Where that is limited (ulimit -v), it tries forever. */
#include <stdbool.h>
#include <stddef.h>
#include <unistd.h>

enum { MOST_VARIABLES = 8192 };

static char blas_threads[] = "OPENBLAS_NUM_THREADS=1";

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
  static char *changed[MOST_VARIABLES + 2];
  (void)count;
  if (has(environment, blas_threads)) return;
  size_t n = 0;
  for (size_t i = 0; environment[i]; i++) {
    if (begins(environment[i], "OPENBLAS_NUM_THREADS=")) continue;
    if (n == MOST_VARIABLES) return;
    changed[n++] = environment[i];
  }
  changed[n++] = blas_threads;
  changed[n] = NULL;
  execve("/proc/self/exe", arguments, changed);
  /* without /proc: continue without the settings */
}

__attribute__((section(".preinit_array"),
               used)) static void (*const before_libraries)(int, char **, char **) = set_environment;
