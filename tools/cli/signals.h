/* SIGINT and SIGTERM as a flag that long work checks between steps. */
#ifndef CREAM_TOOLS_SIGNALS_H
#define CREAM_TOOLS_SIGNALS_H

#include <signal.h>

/* From now on the first signal sets the flag returned; a second one ends the process at once (130). */
const volatile sig_atomic_t *signals_catch(void);

#endif
