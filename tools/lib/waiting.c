/* libcream with Clang's OpenMP: its threads spin for 200 ms before they sleep, which beside other work makes a program
 * many times slower. libomp reads its settings when it is first used, not when it is loaded, so they can be set here.
 * Those of the environment are left alone. */
#include <stdlib.h>

void kmp_set_defaults(const char *settings); /* of libomp */

__attribute__((constructor)) static void limit_spinning(void) {
  if (!getenv("KMP_BLOCKTIME") && !getenv("OMP_WAIT_POLICY")) kmp_set_defaults("KMP_BLOCKTIME=0");
}
