/* Included by the compiler before the sources that have public functions. The library hides all symbols;
 * those that the public headers declare are seen. */
#pragma GCC visibility push(default)
#include "cream.h"
#pragma GCC visibility pop
