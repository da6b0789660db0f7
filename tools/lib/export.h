/* Included by the compiler (-include) before sources with public functions. The library hides all symbols except those
 * that the public headers declare. */
#pragma GCC visibility push(default)
#include "cream.h"
#pragma GCC visibility pop
